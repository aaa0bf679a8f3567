/* SPDX-License-Identifier: Apache-2.0 */
#include "li_wide.h"

/* LiteRT multiplies the scales in double, but those of a FULLY_CONNECTED with a single filter scale in float. */
static double li_wide_factor(const li_net *net, const li_node *node, uint32_t channel)
{
    const li_tensor *filter = li_node_input(net, node, 1);
    const int is_dense = li_operation_rows[node->row].builtin == LI_OP_FULLY_CONNECTED;
    const float in_scale = li_tensor_scale(net, li_weights_input(net, node), 0);
    const float scale = li_tensor_scale(net, filter, filter->scale_count > 1 ? channel : 0), product = in_scale * scale;
    const double exact = (double)in_scale * (double)scale;
    return (is_dense && filter->scale_count == 1 ? (double)product : exact)
         / (double)li_tensor_scale(net, li_node_output(net, node, 0), 0);
}

li_status li_wide_check(li_net *net, const li_node *node, uint32_t channels, uint64_t taps, uint64_t largest)
{
    const li_tensor *input = li_weights_input(net, node), *output = li_node_output(net, node, 0);
    const li_tensor *filter = li_node_input(net, node, 1);
    uint32_t c;

    LI_TRY(li_need_centred(net, node, input));
    LI_TRY(li_need_centred(net, node, output));
    if (taps > INT32_MAX || largest >= (uint64_t)LI_WIDE_LIMIT || taps * (32768u * 128u) + largest >= (uint64_t)LI_WIDE_LIMIT)
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_ACCUMULATOR_RANGE, node, filter, LI_WIDE_LIMIT, -1);
    for (c = 0; c < channels && c < filter->scale_count; ++c)
        if (!(li_wide_factor(net, node, c) < 127.0))
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, filter, 127, c);
    return LI_OK;
}

void li_wide_prepare(const li_net *net, const li_node *node, uint32_t channels, li_fixed *factors)
{
    const int is_dense = li_operation_rows[node->row].builtin == LI_OP_FULLY_CONNECTED;
    uint32_t c;
    for (c = 0; c < channels; ++c) {
        factors[c] = li_fixed_from(li_wide_factor(net, node, c));
        if (is_dense) continue;
        factors[c].multiplier = factors[c].multiplier < 0x7fff0000 ? (factors[c].multiplier + (1 << 15)) >> 16 : 0x7fff;
    }
}

void li_wide_start(int64_t *sums, const void *bias, uint32_t first, uint32_t count)
{
    uint32_t c;
    for (c = 0; c < count; ++c) sums[c] = bias != NULL ? li_load_i64((const char *)bias + 8 * ((size_t)first + c)) : 0;
}

void li_wide_finish(int16_t *out, const int64_t *sums, const li_fixed *factors, uint32_t first, uint32_t count,
                    const li_epilogue *e)
{
    uint32_t c;
    for (c = 0; c < count; ++c) {
        const li_fixed factor = factors[first + c];
        const int32_t shift = 15 - factor.shift;
        const int64_t product = sums[c] * factor.multiplier + ((int64_t)1 << (shift - 1));
        const int64_t scaled = product >= 0 ? product >> shift : ~(~product >> shift);
        out[first + c] = (int16_t)(scaled < e->low ? e->low : scaled > e->high ? e->high : scaled);
    }
}

/* The product has up to 78 bits; of those below 2^16 none decides, since a half is above them. */
void li_wide_finish_away(int16_t *out, const int64_t *sums, const li_fixed *factors, uint32_t first, uint32_t count,
                         const li_epilogue *e)
{
    uint32_t c;
    for (c = 0; c < count; ++c) {
        const li_fixed factor = factors[first + c];
        const int32_t shift = 15 - factor.shift;
        const int64_t sum = sums[c] < 0 ? -sums[c] : sums[c];
        const int64_t product = (sum >> 16) * factor.multiplier + ((sum & 0xffff) * factor.multiplier >> 16);
        const int64_t magnitude = (product + ((int64_t)1 << (shift - 1))) >> shift, scaled = sums[c] < 0 ? -magnitude : magnitude;
        out[first + c] = (int16_t)(scaled < e->low ? e->low : scaled > e->high ? e->high : scaled);
    }
}

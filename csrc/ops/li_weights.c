/* SPDX-License-Identifier: Apache-2.0 */
#include "li_wide.h"

static float li_weights_multiplier(const li_net *net, const li_node *node, uint32_t channel)
{
    const li_tensor *filter = li_node_input(net, node, 1);
    const float scale = li_tensor_scale(net, filter, filter->scale_count > 1 ? channel : 0);
    const float product = li_tensor_scale(net, li_weights_input(net, node), 0) * scale;
    if (li_weights_are_hybrid(net, node)) return scale;
    return product / li_tensor_scale(net, li_node_output(net, node, 0), 0);
}

/* The largest magnitude in a constant int32 or int64 tensor; the planner sees constants where they lie in the file. */
static uint64_t li_weights_largest(const li_net *net, const li_tensor *bias)
{
    const uint8_t *p = li_file(net) + bias->data;
    const uint32_t count = li_tensor_elements(bias);
    uint64_t largest = 0;
    uint32_t i;
    for (i = 0; i < count; ++i) {
        const int64_t value = bias->type == LI_INT64 ? li_load_i64(p + (size_t)i * 8) : li_load_i32(p + (size_t)i * 4);
        const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        if (magnitude > largest) largest = magnitude;
    }
    return largest;
}

li_status li_weights_check(li_net *net, const li_node *node, uint32_t axis, uint32_t channels, uint64_t taps)
{
    const li_tensor *input = li_weights_input(net, node), *filter = li_node_input(net, node, 1);
    const li_tensor *bias = li_weights_bias(net, node), *output = li_node_output(net, node, 0);
    const uint64_t product = li_tensor_shift(filter) != 0 ? 255 * 256 : 255 * 128;      /* with what the zero point takes */
    const int hybrid = li_weights_are_hybrid(net, node);
    uint64_t largest = 0;
    uint32_t c, coarsest = 0;

    if (bias != NULL && li_tensor_elements(bias) != channels)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, bias, channels, li_tensor_elements(bias));
    if (!li_weights_are_s8(net, node)) return LI_OK;

    if (!hybrid) {
        LI_TRY(li_need_quantized(net, node, input));
        LI_TRY(li_need_quantized(net, node, output));
    }
    LI_TRY(li_need_weight_scales(net, node, filter, axis));
    if (bias != NULL && !hybrid) largest = li_weights_largest(net, bias);
    if (li_weights_are_wide(net, node)) return li_wide_check(net, node, channels, taps, largest);
    if (taps > INT32_MAX || taps * product + largest > INT32_MAX)
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_ACCUMULATOR_RANGE, node, filter, INT32_MAX,
                       taps > INT32_MAX ? INT64_MAX : (int64_t)(taps * product + largest));
    if (hybrid) return LI_OK;
    /* Rounding keeps order, so the channel with the largest scale has the largest multiplier. */
    for (c = 1; c < filter->scale_count; ++c)
        if (li_tensor_scale(net, filter, c) > li_tensor_scale(net, filter, coarsest)) coarsest = c;
    if (!(li_weights_multiplier(net, node, coarsest) < 256.0f))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, filter, 256, coarsest);
    return LI_OK;
}

li_status li_weights_state(li_net *net, li_node *node, size_t fixed, uint32_t channels)
{
    const uint64_t per_channel = li_weights_are_wide(net, node) ? sizeof(li_fixed) : li_weights_are_s8(net, node) ? sizeof(float) : 0;
    const uint64_t bytes = li_size_add(fixed, li_size_mul(channels, per_channel));
    if (!li_size_fits(bytes))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_PART_LIMIT, node, li_node_input(net, node, 1), (int64_t)LI_BYTES_MAX, (int64_t)bytes);
    node->state_bytes = (uint32_t)bytes;
    return LI_OK;
}

/* Whether so many bytes more may be packed. */
static int li_weights_fit(const li_net *net, uint64_t bytes)
{
    return li_size_add((uint64_t)net->packed_bytes + LI_PACKED_HEADER, bytes) <= net->packed_limit;
}

int li_weights_keep(li_net *net, li_node *node, uint64_t bytes)
{
    if (!li_weights_fit(net, bytes)) return 0;
    net->packed_bytes += (uint32_t)bytes;
    node->packed_bytes = (uint32_t)bytes;
    return 1;
}

/* What the caller may write, or keep. Outputs are marked when all nodes are planned, so the file's list says it. */
static int li_is_of_caller(const li_net *net, const li_tensor *t)
{
    uint32_t i;
    for (i = 0; i < net->output_count; ++i)
        if (li_load_i32(li_file(net) + net->outputs + 4 * i) == li_tensor_index(t)) return 1;
    return 0;
}

void li_weights_plan_constant(li_net *net, li_node *node)
{
    li_tensor *output = li_node_output(net, node, 0);
    if (!LI_PACKS || li_kernels_of(net)->conv_f32 == NULL || (net->flags & LI_NO_PACK) != 0) return;
    if (li_node_input(net, node, 0)->home != LI_HOME_MODEL || li_is_of_caller(net, output)) return;
    if (li_weights_keep(net, node, output->bytes)) output->home = LI_HOME_PACKED;
}

#if LI_PACKS
int li_weights_are_below(const li_net *net, const li_tensor *filter, uint32_t limit)
{
    const uint32_t elements = li_tensor_elements(filter), taps = elements / (uint32_t)filter->dims[0];
    const int8_t *w = (const int8_t *)(li_file(net) + filter->data);
    uint32_t i, k;
    if (limit == 0 || taps < limit / 128) return 1;
    if (li_tensor_shift(filter) != 0 || filter->bytes != elements) return 0;
    for (i = 0; i < elements; i += taps) {
        uint32_t sum = 0;
        for (k = 0; k < taps; ++k) {
            const int32_t value = w[i + k];
            sum += (uint32_t)(value < 0 ? -value : value);
        }
        if (sum >= limit) return 0;
    }
    return 1;
}
#endif

/* `layer`, or what computes the same sooner, by more than the costs are wrong, since it packs more. */
static const li_layer_kernels *li_weights_choose(const li_net *net, const li_node *node, const li_layer_kernels *layer,
                                                 const li_conv_shape *shape)
{
    const li_kernels *kernels = li_kernels_of(net);
    const li_layer_kernels *best = layer;
    size_t i;
    for (i = 0; layer == kernels->conv_s8 && i < LI_CONV_FORMS && kernels->conv_forms_s8[i] != NULL; ++i) {
        const li_layer_kernels *other = kernels->conv_forms_s8[i];
        const size_t bytes = other->packed_bytes(other->loops, shape);
        if (bytes != 0 && li_weights_fit(net, bytes) && (other->packed_below == 0 || net->packed_bytes + bytes < other->packed_below)
            && other->cost(other->loops, shape) < best->cost(best->loops, shape) / 32 * 31
            && li_weights_are_below(net, li_node_input(net, node, 1), other->weights_below))
            best = other;
    }
    return best;
}

void li_weights_plan_layer(li_net *net, li_node *node, const li_layer_kernels *layer, const li_conv_shape *shape)
{
    size_t packed, scratch;
    if (!li_weights_may_pack_s8(net, node, layer)) return;
    layer = li_weights_choose(net, node, layer, shape);
    packed = layer->packed_bytes(layer->loops, shape);
    scratch = layer->scratch_bytes(layer->loops, shape);
    if (packed == 0 || scratch > INT32_MAX || !li_weights_keep(net, node, packed)) return;      /* too large: used in place */
    node->scratch_bytes = (uint32_t)scratch;
    node->loop = (uint8_t)layer->loop;
    node->divided = LI_DIVIDED_BANDS;
}

const li_layer_kernels *li_weights_layer(const li_net *net, const li_node *node, const li_layer_kernels *layer)
{
    const li_kernels *kernels = li_kernels_of(net);
    size_t i;
    for (i = 0; i < LI_CONV_FORMS && kernels->conv_forms_s8[i] != NULL; ++i)
        if (kernels->conv_forms_s8[i]->loop == node->loop) return kernels->conv_forms_s8[i];
    return layer;
}

void li_weights_pack_layer(const li_net *net, const li_node *node, const li_layer_kernels *layer, const li_conv_shape *shape,
                           const float *multipliers, int32_t in_zero)
{
    const li_tensor *filter = li_node_input(net, node, 1);
    li_conv_shape seen = *shape;
    seen.w_zero = li_tensor_zero_point(net, filter, 0);
    layer = li_weights_layer(net, node, layer);
    layer->pack(layer->loops, li_node_packed(net, node), &seen, li_tensor_data(filter),
                li_optional_data(net, node, 2), multipliers, in_zero);
}

void li_weights_pack_f32(const li_net *net, const li_node *node, const li_layer_f32 *layer)
{
    const li_layer_kernels_f32 *kernels = li_kernels_of(net)->conv_f32;
    kernels->pack(kernels->loops, li_node_packed(net, node), layer, li_tensor_data(li_node_input(net, node, 1)));
}

/* Output pixels from which packing in every run is worth it: it costs about what one pixel does. */
enum { LI_PACK_FROM_PIXELS = 8 };

void li_weights_plan_f32(li_net *net, li_node *node, const li_layer_kernels_f32 *kernels, const li_layer_f32 *layer)
{
    size_t packed, scratch;
    if (!LI_PACKS || kernels == NULL || (net->flags & LI_NO_PACK) != 0) return;
    packed = kernels->packed_bytes(kernels->loops, layer);
    scratch = kernels->scratch_bytes(kernels->loops, layer);
    if (packed == 0 || packed > INT32_MAX / 2 || scratch > INT32_MAX / 2) return;       /* too large: used in place */
    if (li_is_known_at_open(li_node_input(net, node, 1))) {
        if (li_weights_keep(net, node, packed)) {
            node->scratch_bytes = (uint32_t)scratch;
            node->divided = LI_DIVIDED_BANDS;
        }
    } else if ((int64_t)layer->out_h * layer->out_w >= LI_PACK_FROM_PIXELS) {
        node->scratch_bytes = (uint32_t)(packed + scratch);
    }
    node->loop = node->scratch_bytes != 0 ? (uint8_t)kernels->loop : LI_LOOP_NONE;
}

void li_epilogue_prepare(li_net *net, const li_node *node, int32_t activation, uint32_t channels, li_epilogue *e,
                         float *multipliers)
{
    const li_tensor *input = li_weights_input(net, node), *output = li_node_output(net, node, 0);
    const li_range_f32 limits = li_range_of_f32(activation);
    uint32_t c;

    li_fill(e, 0, sizeof *e);
    e->low_f32 = limits.low;
    e->high_f32 = limits.high;
    if (li_weights_are_hybrid(net, node)) {
        e->row_scale = 1.0f;                     /* of a row; li_hybrid_row sets it */
    } else if (li_weights_are_s8(net, node)) {
        const int32_t out_zero = li_tensor_zero_point(net, output, 0);
        const li_range_s8 range = li_range_of_s8(net, output, activation, LI_LIMIT_EVEN);
        e->in_zero = li_tensor_zero_point(net, input, 0);
        e->filter_zero = li_tensor_zero_point(net, li_node_input(net, node, 1), 0);
        e->out_zero = out_zero;
        e->low = range.low;
        e->high = range.high;
    }
    if (li_weights_are_wide(net, node)) {
        li_wide_prepare(net, node, channels, (li_fixed *)(void *)multipliers);
        return;
    }
    for (c = 0; li_weights_are_s8(net, node) && c < channels; ++c) multipliers[c] = li_weights_multiplier(net, node, c);
}

void li_finish_f32(float *out, const float *sums, const float *bias, uint32_t first, uint32_t count, const li_epilogue *e)
{
    uint32_t c;
    if (bias == NULL) {
        for (c = 0; c < count; ++c) out[c] = li_clamp_f32(sums[c], e->low_f32, e->high_f32);
        return;
    }
    for (c = 0; c < count; ++c) out[c] = li_clamp_f32(sums[c] + bias[first + c], e->low_f32, e->high_f32);
}

void li_finish_s32(const li_kernels *kernels, void *out, const int32_t *sums, const float *multipliers, const void *bias,
                   uint32_t first, uint32_t count, const li_epilogue *e)
{
    float *reals = (float *)out + first;
    uint32_t c;

    if (!(e->row_scale > 0.0f)) {
        kernels->requantize_s8((int8_t *)out + first, sums, multipliers + first, e->out_zero, e->low, e->high, count);
        return;
    }
    if (LI_PACKS && kernels->hybrid != NULL) {
        for (c = 0; c < count; ++c) reals[c] = (float)sums[c];
        kernels->hybrid->scaled(reals, multipliers + first, &e->row_scale, 0, bias != NULL ? (const float *)bias + first : NULL, e->low_f32,
                                e->high_f32, count, 1);
        return;
    }
    for (c = 0; c < count; ++c) {
        const float scale = e->row_scale * multipliers[first + c], product = (float)sums[c] * scale;
        reals[c] = li_clamp_f32(bias != NULL ? product + ((const float *)bias)[first + c] : product, e->low_f32, e->high_f32);
    }
}

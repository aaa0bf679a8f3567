/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TRANSPOSE_CONV: input NHWC, filter OHWI, the output's shape as an operand. Each output element gathers the taps that
 * meet it, so sums need no memory beside the stack and come in the definition's order: docs/NUMERICS.md.
 */
#include "li_transpose_conv.h"
#include "li_hybrid.h"
#include "li_wide.h"

enum { LI_SPREAD_LIMIT = 1 << 30 };       /* so that sums of two such numbers stay inside 32 bits */

/* The input has as many positions as a convolution with this padding over the output. */
static li_status li_spread_place(li_net *net, const li_node *node, int32_t padding, li_spread *d)
{
    const li_tensor *shape = li_node_input(net, node, 0), *input = li_weights_input(net, node);
    int64_t count, total;

    if (d->filter < 1 || d->stride < 1)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_STRIDE, node, input, 1, d->filter < 1 ? d->filter : d->stride);
    if (d->filter > LI_SPREAD_LIMIT || d->stride > LI_SPREAD_LIMIT || d->out > LI_SPREAD_LIMIT)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, input, LI_SPREAD_LIMIT, d->out);
    d->before = 0;
    if (padding == LI_PADDING_SAME) {
        count = ((int64_t)d->out + d->stride - 1) / d->stride;
        total = (count - 1) * d->stride + d->filter - d->out;
        if (count > 0 && total > 0) d->before = (int32_t)(total / 2);
    } else if (padding == LI_PADDING_VALID) {
        if (d->out < d->filter) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, shape, d->filter, d->out);
        count = ((int64_t)d->out - d->filter) / d->stride + 1;
    } else {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, input, LI_PADDING_VALID, padding);
    }
    if (count != d->in) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, shape, d->in, count);
    return LI_OK;
}

/* XNNPACK does not take windows that leave gaps under SAME; LiteRT's own kernel does, which scales by integers. */
static int li_transpose_conv_has_gaps(const li_transpose_conv_state *s, int32_t padding)
{
    return padding == LI_PADDING_SAME && (s->rows.filter < s->rows.stride || s->columns.filter < s->columns.stride);
}

/* Options and shapes; fails when they contradict each other. */
static li_status li_transpose_conv_decode(li_net *net, const li_node *node, li_transpose_conv_state *s)
{
    const li_tensor *shape = li_node_input(net, node, 0), *filter = li_node_input(net, node, 1);
    const li_tensor *input = li_weights_input(net, node);
    const int32_t padding = li_option_i8(net, node, LI_SLOT_TransposeConvOptions_padding, LI_PADDING_SAME);
    int64_t dims[4];
    uint32_t count, i;

    LI_TRY(li_need_rank(net, node, input, 4));
    LI_TRY(li_need_rank(net, node, filter, 4));
    s->activation = li_option_i8(net, node, LI_SLOT_TransposeConvOptions_fused_activation_function, LI_ACTIVATION_NONE);
    LI_TRY(li_range_check(net, node, s->activation));
    LI_TRY(li_known_ints(net, node, shape, dims, 4, &count));
    if (count != 4) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, shape, 4, count);
    for (i = 0; i < 4; ++i)
        if (dims[i] < 0 || dims[i] > INT32_MAX)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, shape, 0, dims[i]);
    s->batches = input->dims[0];
    s->in_c = input->dims[3];
    s->out_c = filter->dims[0];
    if (s->out_c < 1 || s->in_c < 1)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, 1, s->out_c < 1 ? s->out_c : s->in_c);
    if (filter->dims[3] != s->in_c)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, s->in_c, filter->dims[3]);
    if (dims[0] != s->batches) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, shape, s->batches, dims[0]);
    if (dims[3] != s->out_c) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, shape, s->out_c, dims[3]);

    s->rows.in = input->dims[1];
    s->rows.out = (int32_t)dims[1];
    s->rows.filter = filter->dims[1];
    s->rows.stride = li_option_i32(net, node, LI_SLOT_TransposeConvOptions_stride_h, 0);
    s->columns.in = input->dims[2];
    s->columns.out = (int32_t)dims[2];
    s->columns.filter = filter->dims[2];
    s->columns.stride = li_option_i32(net, node, LI_SLOT_TransposeConvOptions_stride_w, 0);
    s->is_fixed = input->type == LI_INT8 && li_transpose_conv_has_gaps(s, padding);
    LI_TRY(li_spread_place(net, node, padding, &s->rows));
    return li_spread_place(net, node, padding, &s->columns);
}

/* The most taps of one dimension that meet one output element. */
static uint64_t li_spread_most(const li_spread *d)
{
    return (uint64_t)(((int64_t)d->filter + d->stride - 1) / d->stride);
}

li_status li_transpose_conv_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_weights_input(net, node);
    li_transpose_conv_state s;
    size_t per_channel;
    int64_t dims[4];

    LI_TRY(li_transpose_conv_decode(net, node, &s));
    per_channel = s.is_fixed ? sizeof(li_fixed) - sizeof(float) : 0;     /* beside the float that is counted anyway */
    LI_TRY(li_weights_state(net, node, sizeof s + (size_t)s.out_c * per_channel, (uint32_t)s.out_c));
    LI_TRY(li_weights_check(net, node, 0, (uint32_t)s.out_c,
                            li_size_mul(li_size_mul(li_spread_most(&s.rows), li_spread_most(&s.columns)), (uint64_t)s.in_c)));
    if (li_weights_are_hybrid(net, node)) {
        node->scratch_bytes = li_hybrid_bytes(input);
    } else {
        li_transpose_phases_plan(net, node, &s);
    }
    if (node->loop == LI_LOOP_NONE && input->type == LI_FLOAT32 && li_weights_may_pack(net, node)) {
        const uint64_t packed = li_kernels_of(net)->pack_f32_bytes(li_transpose_conv_taps(&s), (size_t)s.out_c);
        li_weights_keep(net, node, packed);      /* too large: used in place */
    }
    dims[0] = s.batches;
    dims[1] = s.rows.out;
    dims[2] = s.columns.out;
    dims[3] = s.out_c;
    return li_set_shape(net, node, li_node_output(net, node, 0), 4, dims);
}

static void li_transpose_conv_prepare_fixed(li_net *net, const li_node *node, li_transpose_conv_state *s)
{
    const li_tensor *filter = li_node_input(net, node, 1), *output = li_node_output(net, node, 0);
    const double in_scale = (double)li_tensor_scale(net, li_weights_input(net, node), 0);
    const double out_scale = (double)li_tensor_scale(net, output, 0);
    const li_range_s8 range = li_range_of_s8(net, output, s->activation, LI_LIMIT_AWAY);
    li_fixed *factors = (li_fixed *)(s + 1);
    int32_t c;

    s->end.low = range.low;
    s->end.high = range.high;
    for (c = 0; c < s->out_c; ++c) {
        const double product = in_scale * (double)li_tensor_scale(net, filter, (uint32_t)c);
        factors[c] = li_fixed_from(product / out_scale);
    }
}

void li_transpose_conv_prepare(li_net *net, const li_node *node)
{
    li_transpose_conv_state *s = li_node_state(net, node);

    if (li_transpose_conv_decode(net, node, s) != LI_OK) return;
    li_epilogue_prepare(net, node, s->activation, (uint32_t)s->out_c, &s->end, (float *)(s + 1));
    if (s->is_fixed) li_transpose_conv_prepare_fixed(net, node, s);
    if (node->packed_bytes == 0 || (net->flags & LI_PACKED_READY) != 0) return;
    if (node->loop != LI_LOOP_NONE)
        li_transpose_phases_prepare(net, node, s);
    else
        li_kernels_of(net)->pack_f32(li_node_packed(net, node), li_tensor_data(li_node_input(net, node, 1)),
                                     li_transpose_conv_taps(s), (size_t)s->out_c);
}

/* The taps that meet one output position: tap, tap + stride, ... below `end`; their inputs fall by one each time. */
typedef struct li_meeting { int32_t tap, end, input; } li_meeting;

static li_meeting li_spread_meeting(const li_spread *d, int32_t position)
{
    const int32_t at = position + d->before;
    li_meeting m = { at % d->stride, d->filter, 0 };
    m.input = (at - m.tap) / d->stride;
    if (m.input >= d->in) {                                  /* the first taps would meet what lies behind the input */
        const int64_t tap = m.tap + (int64_t)(m.input - d->in + 1) * d->stride;
        m.tap = tap < d->filter ? (int32_t)tap : d->filter;
        m.input = d->in - 1;
    }
    if (m.end - at > 1) m.end = at + 1;                      /* taps beyond would meet what lies before it */
    return m;
}

/* LiteRT takes channels by eight in vector code, the last ones in scalar code, which rounds ties another way. */
static void li_transpose_conv_finish_fixed(const li_transpose_conv_state *s, int8_t *out, const int32_t *sums, uint32_t first,
                                           uint32_t count)
{
    const li_fixed *factors = (const li_fixed *)(s + 1) + first;
    const uint32_t by_eight = (uint32_t)s->out_c / 8 * 8;
    uint32_t c;
    for (c = 0; c < count; ++c) {
        const int32_t scaled = first + c < by_eight ? li_fixed_multiply_up(sums[c], factors[c]) : li_fixed_multiply(sums[c], factors[c]);
        out[first + c] = (int8_t)li_clamp(scaled + s->end.out_zero, s->end.low, s->end.high);
    }
}

LI_NOT_INLINE
static void li_transpose_conv_pixel_s8(const li_kernels *kernels, const li_transpose_conv_state *s, const li_epilogue *end,
                                       void *out, const int8_t *image, const int8_t *filter, const void *bias, li_meeting row,
                                       li_meeting column)
{
    const size_t in_c = (size_t)s->in_c, taps = li_transpose_conv_taps(s);
    int32_t sums[LI_CHANNEL_BLOCK];
    uint32_t c, count;
    int32_t ky, kx, y, x;

    for (c = 0; c < (uint32_t)s->out_c; c += count) {
        count = (uint32_t)s->out_c - c < LI_CHANNEL_BLOCK ? (uint32_t)s->out_c - c : LI_CHANNEL_BLOCK;
        li_bias_s32(sums, bias, c, count, end);
        for (ky = row.tap, y = row.input; ky < row.end; ky += s->rows.stride, --y)
            for (kx = column.tap, x = column.input; kx < column.end; kx += s->columns.stride, --x)
                kernels->dots_s8(sums, image + ((size_t)y * (size_t)s->columns.in + (size_t)x) * in_c, end->in_zero,
                                 filter + c * taps + ((size_t)ky * (size_t)s->columns.filter + (size_t)kx) * in_c, taps, in_c,
                                 count);
        if (s->is_fixed) li_transpose_conv_finish_fixed(s, out, sums, c, count);
        else li_finish_s32(kernels, out, sums, (const float *)(s + 1), bias, c, count, end);
    }
}

LI_NOT_INLINE
static void li_transpose_conv_pixel_s16(const li_kernels *kernels, const li_transpose_conv_state *s, int16_t *out,
                                        const int16_t *image, const int8_t *filter, const void *bias, li_meeting row,
                                        li_meeting column)
{
    const size_t in_c = (size_t)s->in_c, taps = li_transpose_conv_taps(s);
    int64_t sums[LI_WIDE_BLOCK];
    uint32_t c, count;
    int32_t ky, kx, y, x;

    for (c = 0; c < (uint32_t)s->out_c; c += count) {
        count = (uint32_t)s->out_c - c < LI_WIDE_BLOCK ? (uint32_t)s->out_c - c : LI_WIDE_BLOCK;
        li_wide_start(sums, bias, c, count);
        for (ky = row.tap, y = row.input; ky < row.end; ky += s->rows.stride, --y)
            for (kx = column.tap, x = column.input; kx < column.end; kx += s->columns.stride, --x)
                kernels->dots_s16(sums, image + ((size_t)y * (size_t)s->columns.in + (size_t)x) * in_c,
                             filter + c * taps + ((size_t)ky * (size_t)s->columns.filter + (size_t)kx) * in_c, taps, in_c, count);
        li_wide_finish(out, sums, (const li_fixed *)(s + 1), c, count, &s->end);
    }
}

/* `packed` is NULL when the weights are used in place. */
LI_NOT_INLINE
static void li_transpose_conv_pixel_f32(const li_kernels *kernels, const li_transpose_conv_state *s, float *out,
                                        const float *image, const float *filter, const float *packed, const float *bias,
                                        li_meeting row, li_meeting column)
{
    const size_t in_c = (size_t)s->in_c, taps = li_transpose_conv_taps(s);
    float sums[LI_CHANNEL_BLOCK];
    uint32_t c, count;
    int32_t ky, kx, y, x;

    for (c = 0; c < (uint32_t)s->out_c; c += count) {
        count = (uint32_t)s->out_c - c < LI_CHANNEL_BLOCK ? (uint32_t)s->out_c - c : LI_CHANNEL_BLOCK;
        li_fill(sums, 0, count * sizeof *sums);
        for (ky = row.tap, y = row.input; ky < row.end; ky += s->rows.stride, --y)
            for (kx = column.tap, x = column.input; kx < column.end; kx += s->columns.stride, --x) {
                const float *from = image + ((size_t)y * (size_t)s->columns.in + (size_t)x) * in_c;
                const size_t first = ((size_t)ky * (size_t)s->columns.filter + (size_t)kx) * in_c;
                if (packed != NULL) kernels->dots_f32_packed(sums, from, packed + c * taps, taps, first, in_c, count);
                else kernels->dots_f32(sums, from, filter + c * taps + first, taps, in_c, count);
            }
        li_finish_f32(out + c, sums, bias, c, count, &s->end);
    }
}

li_status li_transpose_conv_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_weights_input(net, node);
    const li_transpose_conv_state *s = li_node_state_const(net, node);
    const li_kernels *kernels = li_kernels_of(net);
    const void *x = li_tensor_data(input), *filter = li_tensor_data(li_node_input(net, node, 1));
    const void *bias = li_optional_data(net, node, 3);
    const float *packed = node->packed_bytes != 0 ? li_node_packed(net, node) : NULL;
    void *out = li_tensor_data(li_node_output(net, node, 0));
    const size_t image = (size_t)s->rows.in * (size_t)s->columns.in * (size_t)s->in_c;
    const int hybrid = li_weights_are_hybrid(net, node);
    li_epilogue end;
    size_t at = 0;
    int32_t b, oy, ox;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return LI_OK;    /* the other dimensions may be huge */
    if (node->loop != LI_LOOP_NONE) {
        li_transpose_phases_run(net, node, s);
        return LI_OK;
    }
    for (b = 0; b < s->batches; ++b) {
        const float *reals = (const float *)x + (size_t)b * image;
        const int8_t *codes = hybrid ? li_hybrid_row(net, reals, image, &s->end, &end) : NULL;
        for (oy = 0; oy < s->rows.out; ++oy) {
            const li_meeting row = li_spread_meeting(&s->rows, oy);
            for (ox = 0; ox < s->columns.out; ++ox, at += (size_t)s->out_c) {
                const li_meeting column = li_spread_meeting(&s->columns, ox);
                if (hybrid)
                    li_transpose_conv_pixel_s8(kernels, s, &end, (float *)out + at, codes, filter, bias, row, column);
                else if (input->type == LI_INT8)
                    li_transpose_conv_pixel_s8(kernels, s, &s->end, (int8_t *)out + at, (const int8_t *)x + (size_t)b * image,
                                               filter, bias, row, column);
                else if (input->type == LI_INT16)
                    li_transpose_conv_pixel_s16(kernels, s, (int16_t *)out + at, (const int16_t *)x + (size_t)b * image, filter, bias, row,
                                                column);
                else
                    li_transpose_conv_pixel_f32(kernels, s, (float *)out + at, reals, filter, packed, bias, row, column);
            }
        }
    }
    return LI_OK;
}

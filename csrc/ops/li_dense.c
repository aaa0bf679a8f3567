/* SPDX-License-Identifier: Apache-2.0 */
/* FULLY_CONNECTED: input [..., K] seen as rows of K, filter [N, K], output [rows, N] or [..., N]. */
#include "li_hybrid.h"
#include "li_wide.h"

typedef struct li_dense_state {       /* with int8 weights one float multiplier per output channel follows */
    int32_t rows, in_c, out_c;
    int32_t activation;
    li_epilogue end;
} li_dense_state;

/* Inputs that are summed by themselves before they join the rest: an error of rounding grows with the terms of a sum. And
   output channels at a time: there are two sums of each on the stack. */
enum { LI_INPUT_BLOCK = 64, LI_OUTPUT_BLOCK = LI_CHANNEL_BLOCK / 2 };

static li_status li_dense_decode(li_net *net, const li_node *node, li_dense_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0), *filter = li_node_input(net, node, 1);
    const int32_t format = li_option_i8(net, node, LI_SLOT_FullyConnectedOptions_weights_format, 0);
    const uint32_t elements = li_tensor_elements(input);

    LI_TRY(li_need_rank(net, node, filter, 2));
    s->activation = li_option_i8(net, node, LI_SLOT_FullyConnectedOptions_fused_activation_function, LI_ACTIVATION_NONE);
    LI_TRY(li_range_check(net, node, s->activation));
    if (format != 0) return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPTION_RANGE, node, filter, 0, format);
    s->out_c = filter->dims[0];
    s->in_c = filter->dims[1];
    if (s->out_c < 1 || s->in_c < 1)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, 1, s->in_c < 1 ? s->in_c : s->out_c);
    if (input->rank == 0 || elements % (uint32_t)s->in_c != 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, s->in_c, elements);
    s->rows = (int32_t)(elements / (uint32_t)s->in_c);
    return LI_OK;
}

static size_t li_dense_packed_bytes(const li_net *net, const li_node *node, const li_dense_state *s)
{
    if (!li_weights_may_pack(net, node)) return 0;
    return li_kernels_of(net)->pack_f32_bytes((size_t)s->in_c, (size_t)s->out_c);
}

/* As the kernels of whole int8 layers see it. */
static li_conv_shape li_dense_shape(const li_dense_state *s)
{
    const li_conv_shape shape = { 1, s->rows, s->in_c, 1, s->rows, s->out_c, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0 };
    return shape;
}

/* As the kernels of whole float layers see it. */
static li_layer_f32 li_dense_layer(const li_net *net, const li_dense_state *s)
{
    const li_range_f32 limits = li_range_of_f32(s->activation);
    const li_layer_f32 layer = { 1, s->rows, s->in_c, 1, s->rows, s->out_c, 1, 1, 1, 1, 1, 1, 0, 0, 1, (net->flags & LI_EXACT) != 0,
                                 LI_INPUT_BLOCK, limits.low, limits.high, 0 };
    return layer;
}

/* Packed weights and scratch of the kernels that will run. */
LI_NOT_INLINE static void li_dense_plan_kernels(li_net *net, li_node *node, const li_dense_state *s)
{
    const int32_t type = li_node_input(net, node, 0)->type;

    if (li_weights_are_hybrid(net, node)) {
        node->scratch_bytes = (uint32_t)s->in_c;
    } else if (type == LI_FLOAT32 && li_kernels_of(net)->conv_f32 != NULL) {
        const li_layer_f32 layer = li_dense_layer(net, s);
        if (s->rows != 0) li_weights_plan_f32(net, node, li_kernels_of(net)->conv_f32, &layer);
    } else if (type != LI_INT8) {
        const uint64_t packed = li_dense_packed_bytes(net, node, s);
        li_weights_keep(net, node, packed);      /* too large: used in place */
    } else if (s->rows != 0) {
        const li_conv_shape shape = li_dense_shape(s);
        li_weights_plan_layer(net, node, li_weights_kernels(net, node, li_kernels_of(net)->dense_s8, NULL), &shape);
    }
}

li_status li_fully_connected_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_dense_state s;
    int64_t dims[LI_MAX_RANK];
    uint32_t rank = 2, i;

    LI_TRY(li_dense_decode(net, node, &s));
    LI_TRY(li_weights_state(net, node, sizeof s, (uint32_t)s.out_c));
    LI_TRY(li_weights_check(net, node, 0, (uint32_t)s.out_c, (uint64_t)s.in_c));
    if (li_option_i8(net, node, LI_SLOT_FullyConnectedOptions_keep_num_dims, 0) != 0) {
        rank = input->rank;
        if (input->dims[rank - 1] != s.in_c)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, s.in_c, input->dims[rank - 1]);
        for (i = 0; i + 1 < rank; ++i) dims[i] = input->dims[i];
    } else {
        dims[0] = s.rows;
    }
    dims[rank - 1] = s.out_c;
    li_dense_plan_kernels(net, node, &s);
    return li_set_shape(net, node, li_node_output(net, node, 0), rank, dims);
}

void li_fully_connected_prepare(li_net *net, const li_node *node)
{
    li_dense_state *s = li_node_state(net, node);

    if (li_dense_decode(net, node, s) != LI_OK) return;
    li_epilogue_prepare(net, node, s->activation, (uint32_t)s->out_c, &s->end, (float *)(s + 1));
    if (node->packed_bytes == 0 || (net->flags & LI_PACKED_READY) != 0) return;
    if (li_node_input(net, node, 0)->type == LI_INT8) {
        const li_conv_shape shape = li_dense_shape(s);
        li_weights_pack_layer(net, node, li_kernels_of(net)->dense_s8, &shape, (const float *)(s + 1), s->end.in_zero);
    } else if (li_node_input(net, node, 0)->type == LI_FLOAT32 && li_kernels_of(net)->conv_f32 != NULL) {
        const li_layer_f32 layer = li_dense_layer(net, s);
        li_weights_pack_f32(net, node, &layer);
    } else {
        li_kernels_of(net)->pack_f32(li_node_packed(net, node), li_tensor_data(li_node_input(net, node, 1)), (size_t)s->in_c,
                                     (size_t)s->out_c);
    }
}

LI_NOT_INLINE
static void li_dense_row_s8(const li_kernels *kernels, const li_dense_state *s, const li_epilogue *end, void *out,
                            const int8_t *x, const int8_t *filter, const void *bias)
{
    const uint32_t out_c = (uint32_t)s->out_c;
    const size_t in_c = (size_t)s->in_c;
    int32_t sums[LI_CHANNEL_BLOCK];
    int32_t row = 0;
    uint32_t c, count;
    size_t k;
    for (k = 0; end->filter_zero != 0 && k < in_c; ++k) row += x[k] - end->in_zero;
    for (c = 0; c < out_c; c += count) {
        count = out_c - c < LI_CHANNEL_BLOCK ? out_c - c : LI_CHANNEL_BLOCK;
        li_bias_s32(sums, bias, c, count, end);
        if (end->filter_zero != 0) li_lower_s32(sums, end->filter_zero * row, count);
        kernels->dots_s8(sums, x, end->in_zero, filter + c * in_c, in_c, in_c, count);
        li_finish_s32(kernels, out, sums, (const float *)(s + 1), bias, c, count, end);
    }
}

/* sums[c] = the products of inputs [first, first + n) with the weights of `count` output channels. */
static void li_dense_block_f32(const li_kernels *kernels, float *sums, const float *x, const float *filter, const float *packed,
                               size_t in_c, size_t first, size_t n, uint32_t count)
{
    li_fill(sums, 0, count * sizeof *sums);
    if (packed != NULL) kernels->dots_f32_packed(sums, x + first, packed, in_c, first, n, count);
    else kernels->dots_f32(sums, x + first, filter + first, in_c, n, count);
}

LI_NOT_INLINE
static void li_dense_row_f32(const li_kernels *kernels, const li_dense_state *s, float *out, const float *x,
                             const float *filter, const float *packed, const float *bias)
{
    const uint32_t out_c = (uint32_t)s->out_c;
    const size_t in_c = (size_t)s->in_c;
    float sums[LI_OUTPUT_BLOCK], part[LI_OUTPUT_BLOCK];
    uint32_t c, count, i;
    size_t first, n;
    for (c = 0; c < out_c; c += count) {
        const float *packed_c = packed != NULL ? packed + c * in_c : NULL, *filter_c = filter + c * in_c;
        count = out_c - c < LI_OUTPUT_BLOCK ? out_c - c : LI_OUTPUT_BLOCK;
        for (first = 0; first < in_c; first += n) {
            n = in_c - first < LI_INPUT_BLOCK ? in_c - first : LI_INPUT_BLOCK;
            li_dense_block_f32(kernels, first == 0 ? sums : part, x, filter_c, packed_c, in_c, first, n, count);
            for (i = 0; first != 0 && i < count; ++i) sums[i] += part[i];
        }
        li_finish_f32(out + c, sums, bias, c, count, &s->end);
    }
}

LI_NOT_INLINE
static void li_dense_row_s16(const li_kernels *kernels, const li_dense_state *s, int16_t *out, const int16_t *x, const int8_t *filter,
                             const void *bias)
{
    const uint32_t out_c = (uint32_t)s->out_c;
    const size_t in_c = (size_t)s->in_c;
    int64_t sums[LI_WIDE_BLOCK];
    uint32_t c, count;
    for (c = 0; c < out_c; c += count) {
        count = out_c - c < LI_WIDE_BLOCK ? out_c - c : LI_WIDE_BLOCK;
        li_wide_start(sums, bias, c, count);
        kernels->dots_s16(sums, x, filter + c * in_c, in_c, in_c, count);
        li_wide_finish_away(out, sums, (const li_fixed *)(s + 1), c, count, &s->end);
    }
}

li_status li_fully_connected_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_dense_state *s = li_node_state_const(net, node);
    const void *x = li_tensor_data(input), *filter = li_tensor_data(li_node_input(net, node, 1)), *bias;
    const void *packed = node->packed_bytes != 0 ? li_node_packed(net, node) : NULL;
    void *out = li_tensor_data(li_node_output(net, node, 0));
    int hybrid;
    li_epilogue end;
    size_t row;

    if (packed != NULL && input->type == LI_INT8) {
        const li_conv_shape shape = li_dense_shape(s);
        li_run_layer_s8(net, node, li_kernels_of(net)->dense_s8, &shape, &s->end, 1);
        return LI_OK;
    }
    bias = li_optional_data(net, node, 2);
    hybrid = li_weights_are_hybrid(net, node);
    if (li_weights_are_taken_f32(net, node)) {
        const li_layer_f32 layer = li_dense_layer(net, s);
        li_run_layer_f32(net, node, &layer, 1);
        return LI_OK;
    }
    for (row = 0; row < (size_t)s->rows; ++row) {
        const size_t from = row * (size_t)s->in_c, to = row * (size_t)s->out_c;
        if (hybrid) {
            const int8_t *codes = li_hybrid_row(net, (const float *)x + from, (size_t)s->in_c, &s->end, &end);
            li_dense_row_s8(li_kernels_of(net), s, &end, (float *)out + to, codes, filter, bias);
        } else if (input->type == LI_INT16)
            li_dense_row_s16(li_kernels_of(net), s, (int16_t *)out + to, (const int16_t *)x + from, filter, bias);
        else if (input->type == LI_INT8)
            li_dense_row_s8(li_kernels_of(net), s, &s->end, (int8_t *)out + to, (const int8_t *)x + from, filter, bias);
        else
            li_dense_row_f32(li_kernels_of(net), s, (float *)out + to, (const float *)x + from, filter, packed, bias);
    }
    return LI_OK;
}

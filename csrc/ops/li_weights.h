/* SPDX-License-Identifier: Apache-2.0 */
/* Weights and bias of the convolutions and FULLY_CONNECTED: their checks and their multipliers. */
#ifndef LI_WEIGHTS_H
#define LI_WEIGHTS_H

#include "li_range.h"

/* The operands: the filter is always the second; TRANSPOSE_CONV has the output's shape where others have the input. */
static inline int li_weights_is_transposed(const li_node *node)
{
    return li_operation_rows[node->row].builtin == LI_OP_TRANSPOSE_CONV;
}
static inline li_tensor *li_weights_input(const li_net *net, const li_node *node)
{
    return li_node_input(net, node, li_weights_is_transposed(node) ? 2 : 0);
}
static inline li_tensor *li_weights_bias(const li_net *net, const li_node *node)
{
    return li_node_input(net, node, li_weights_is_transposed(node) ? 3 : 2);
}

/*
 * The bias has one element per output channel. In int8: input and output have one scale each, the filter one or one
 * per element of `axis`; sums over `taps` products and the bias fit 32 bits; every requantization scale is below 256.
 */
li_status li_weights_check(li_net *net, const li_node *node, uint32_t axis, uint32_t channels, uint64_t taps);

/* node->state_bytes: `fixed` bytes, and in int8 one multiplier per channel behind them; refused above 2 GiB. */
li_status li_weights_state(li_net *net, li_node *node, size_t fixed, uint32_t channels);

/* Float weights are packed when the kernels gain from it, the caller allows it, and they are known before the run. */
static inline int li_weights_may_pack(const li_net *net, const li_node *node)
{
    return li_kernels_of(net)->pack_f32_bytes != NULL && (net->flags & LI_NO_PACK) == 0
        && li_node_input(net, node, 1)->home == LI_HOME_MODEL;
}

/* Whole int8 layers run on packed weights when the kernels have them, the caller allows it, and weights and bias are known
   before the run. They know no zero point of the filter. */
static inline int li_weights_may_pack_s8(const li_net *net, const li_node *node, const li_layer_kernels *layer)
{
    const li_tensor *bias = li_node_input(net, node, 2);
    return layer != NULL && (net->flags & LI_NO_PACK) == 0 && li_node_input(net, node, 0)->type == LI_INT8
        && li_node_input(net, node, 1)->home == LI_HOME_MODEL && (bias == NULL || bias->home == LI_HOME_MODEL)
        && li_tensor_zero_point(net, li_node_input(net, node, 1), 0) == 0;
}

/* Sets the node's packed and scratch bytes when the layer is taken; the state stays what it is without. */
void li_weights_plan_layer(const li_net *net, li_node *node, const li_layer_kernels *layer, const li_conv_shape *shape);

/* What happens to a sum of products before it is stored: in int8 requantization, in float32 the limits alone. */
typedef struct li_epilogue {
    int32_t in_zero, filter_zero, out_zero, low, high;
    float low_f32, high_f32;
} li_epilogue;

/* Fills the epilogue and, in int8, one multiplier per channel:
   fl32(fl32(input scale * filter scale[c]) / output scale), NUMERICS.md, "requantize". */
void li_epilogue_prepare(li_net *net, const li_node *node, int32_t activation, uint32_t channels, li_epilogue *e,
                         float *multipliers);

/* out[c] = requantized sums[c]: the end of every int8 sum of products. */
static inline void li_finish_s8(const li_kernels *kernels, int8_t *out, const int32_t *sums, const float *multipliers,
                                uint32_t count, const li_epilogue *e)
{
    kernels->requantize_s8(out, sums, multipliers, e->out_zero, e->low, e->high, count);
}

/* The bias or zeros, for channels [first, first + count). */
static inline void li_bias_s32(int32_t *sums, const int32_t *bias, uint32_t first, uint32_t count)
{
    if (bias != NULL) li_copy(sums, bias + first, count * sizeof *sums);
    else li_fill(sums, 0, count * sizeof *sums);
}

/* What a filter with a zero point takes from every sum: filter zero point * sum of (x - input zero point) over its window. */
static inline void li_lower_s32(int32_t *sums, int32_t amount, uint32_t count)
{
    uint32_t c;
    for (c = 0; c < count; ++c) sums[c] -= amount;
}

/* out[c] = clamp(sums[c] + bias[first + c]): the end of every float sum of products. */
void li_finish_f32(float *out, const float *sums, const float *bias, uint32_t first, uint32_t count, const li_epilogue *e);

/* The bytes of an optional operand, NULL when it is left out. */
static inline const void *li_optional_data(const li_net *net, const li_node *node, uint32_t i)
{
    const li_tensor *t = li_node_input(net, node, i);
    return t != NULL ? li_tensor_data(t) : NULL;
}

#endif

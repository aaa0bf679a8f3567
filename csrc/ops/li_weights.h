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

/* Weights of 8 bits under float activations: hybrid arithmetic. */
static inline int li_weights_are_s8(const li_net *net, const li_node *node)
{
    return li_node_input(net, node, 1)->type == LI_INT8;
}
static inline int li_weights_are_hybrid(const li_net *net, const li_node *node)
{
    return li_weights_are_s8(net, node) && li_weights_input(net, node)->type == LI_FLOAT32;
}

/*
 * The bias has one element per output channel. With int8 weights: the filter has one scale or one per element of `axis`;
 * sums over `taps` products and the bias fit 32 bits. In int8: input and output have one scale each; every
 * requantization scale is below 256.
 */
li_status li_weights_check(li_net *net, const li_node *node, uint32_t axis, uint32_t channels, uint64_t taps);

/* node->state_bytes: `fixed` bytes, and with int8 weights one multiplier per channel behind them; refused above 2 GiB. */
li_status li_weights_state(li_net *net, li_node *node, size_t fixed, uint32_t channels);

/* Constants, and what is computed of constants alone when the net is opened. */
static inline int li_is_known_at_open(const li_tensor *t)
{
    return t->home == LI_HOME_MODEL || t->home == LI_HOME_PACKED;
}

/* Float weights are packed when the kernels gain from it, the caller allows it, and they are known before the run. */
static inline int li_weights_may_pack(const li_net *net, const li_node *node)
{
    return LI_PACKS && li_kernels_of(net)->pack_f32_bytes != NULL && (net->flags & LI_NO_PACK) == 0
        && li_is_known_at_open(li_node_input(net, node, 1)) && !li_weights_are_s8(net, node);
}

/* Whole int8 layers run on packed weights when the kernels have them, the caller allows it, and weights and bias are known
   before the run. */
static inline int li_weights_may_pack_s8(const li_net *net, const li_node *node, const li_layer_kernels *layer)
{
    const li_tensor *bias = li_weights_bias(net, node);
    return LI_PACKS && layer != NULL && (net->flags & LI_NO_PACK) == 0 && li_weights_input(net, node)->type == LI_INT8
        && li_node_input(net, node, 1)->home == LI_HOME_MODEL && (bias == NULL || bias->home == LI_HOME_MODEL);
}

/* The kernels of whole int8 layers for the node: `zero` where its filter has a zero point, which the others do not know. */
static inline const li_layer_kernels *li_weights_kernels(const li_net *net, const li_node *node, const li_layer_kernels *others,
                                                         const li_layer_kernels *zero)
{
    const li_tensor *filter = li_node_input(net, node, 1);
    if (!LI_PACKS) return NULL;
    return filter->type == LI_INT8 && li_tensor_zero_point(net, filter, 0) != 0 ? zero : others;
}

/* Whether the sum of magnitudes of every output channel's weights is below the limit. Weights that the file does not hold
   as int8 count as the largest ones. */
#if LI_PACKS
int li_weights_are_below(const li_net *net, const li_tensor *filter, uint32_t limit);
#else
static inline int li_weights_are_below(const li_net *net, const li_tensor *filter, uint32_t limit) { return (void)net, (void)filter, (void)limit, 0; }
#endif

/* Sets the node's packed bytes, if so many more may be packed: at most 2 GiB in all, and li_options.packed_limit. */
int li_weights_keep(li_net *net, li_node *node, uint64_t bytes);

/* Gives an operator on constants alone room for its output among the packed weights, where float layers are packed: prepare
   then fills it, and the run does nothing. */
void li_weights_plan_constant(li_net *net, li_node *node);

/* Sets the node's packed and scratch bytes and its loop when the layer is taken; the state stays what it is without. Of the
   loops that compute the same it takes the one of least cost whose conditions on weights and memory hold. */
void li_weights_plan_layer(li_net *net, li_node *node, const li_layer_kernels *layer, const li_conv_shape *shape);

/* The kernels that were taken, where `layer` was offered. */
const li_layer_kernels *li_weights_layer(const li_net *net, const li_node *node, const li_layer_kernels *layer);

/* Packs the weights of such a layer, once at open. */
void li_weights_pack_layer(const li_net *net, const li_node *node, const li_layer_kernels *layer, const li_conv_shape *shape,
                           const float *multipliers, int32_t in_zero);
void li_weights_pack_f32(const li_net *net, const li_node *node, const li_layer_f32 *layer);

/* Plans the packing of float layers; li_run_layer_f32 runs them where li_weights_are_taken_f32. Weights that the run computes are
   packed in scratch, by every run. */
void li_weights_plan_f32(li_net *net, li_node *node, const li_layer_kernels_f32 *kernels, const li_layer_f32 *layer);
static inline int li_weights_are_taken_f32(const li_net *net, const li_node *node)
{
    return LI_PACKS && li_kernels_of(net)->conv_f32 != NULL && node->scratch_bytes != 0 && !li_weights_are_hybrid(net, node)
        && li_node_input(net, node, 0)->type == LI_FLOAT32;
}

/* What happens to a sum of products before it is stored: in int8 requantization, in float32 the limits alone. Under hybrid
   arithmetic the input's zero point and scale are those of the row at hand. */
typedef struct li_epilogue {
    int32_t in_zero, filter_zero, out_zero, low, high;
    float low_f32, high_f32;
    float row_scale;                  /* 0: the layer is not hybrid */
} li_epilogue;

/* Fills the epilogue and, with int8 weights, one multiplier per channel: fl32(fl32(input scale * filter scale[c]) /
   output scale), NUMERICS.md, "requantize"; the filter's scale under hybrid arithmetic. */
void li_epilogue_prepare(li_net *net, const li_node *node, int32_t activation, uint32_t channels, li_epilogue *e,
                         float *multipliers);

/*
 * The end of a sum of products with int8 weights, for channels [first, first + count) of the pixel or row at `out`:
 * requantization to int8; under hybrid arithmetic out = clamp(float(sum) * fl32(row scale * multiplier) + bias) in float32.
 */
void li_finish_s32(const li_kernels *kernels, void *out, const int32_t *sums, const float *multipliers, const void *bias,
                   uint32_t first, uint32_t count, const li_epilogue *e);

/* The start of it: the bias, or zeros without one and under hybrid arithmetic, which adds it last. */
static inline void li_bias_s32(int32_t *sums, const void *bias, uint32_t first, uint32_t count, const li_epilogue *e)
{
    if (bias != NULL && !(e->row_scale > 0.0f)) li_copy(sums, (const int32_t *)bias + first, count * sizeof *sums);
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

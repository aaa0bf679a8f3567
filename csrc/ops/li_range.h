/* SPDX-License-Identifier: Apache-2.0 */
/* Fused activations as limits of the output: docs/NUMERICS.md, "Activation range". */
#ifndef LI_RANGE_H
#define LI_RANGE_H

#include "li_ops.h"

typedef struct li_range_s8 { int32_t low, high; } li_range_s8;
typedef struct li_range_f32 { float low, high; } li_range_f32;

/* How a real limit becomes a quantized one: the two families of kernels in LiteRT differ at exact halves. */
enum li_limit {
    LI_LIMIT_EVEN,   /* round_even(clamp(f / scale + zero_point)): delegated operators */
    LI_LIMIT_AWAY    /* zero_point + round_away(f / scale): LiteRT's own kernels */
};

/* NONE, RELU, RELU_N1_TO_1 and RELU6 are supported, the others refused. */
li_status li_range_check(li_net *net, const li_node *node, int32_t activation);
/* Of an int8 output, of a uint8 one that is shown as int8, or of an int16 one, which LiteRT's own kernels make. */
li_range_s8 li_range_of_s8(const li_net *net, const li_tensor *output, int32_t activation, enum li_limit rule);
li_range_f32 li_range_of_f32(int32_t activation);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What operators on two broadcast tensors share: the state, and the walk over the elements. */
#ifndef LI_PAIR_H
#define LI_PAIR_H

#include "li_range.h"

/* Which formula the scales select. */
enum li_pair_kind { LI_PAIR_FLOAT, LI_PAIR_DIRECT, LI_PAIR_FIXED, LI_PAIR_SQUARE };

typedef struct li_pair_state {
    uint32_t rank;                       /* after joining dimensions that both inputs walk alike */
    int32_t dims[LI_MAX_RANK];           /* of the output */
    int32_t step_a[LI_MAX_RANK], step_b[LI_MAX_RANK];   /* elements; 0 where the input is broadcast */
    int32_t kind;
    int32_t zero_a, zero_b, zero_out, low, high;
    int32_t factor_a, factor_b, bias, shift;   /* ADD and SUB, direct; MUL, square: bias is li_tensor_shift of the output */
    float multiplier;                          /* MUL, direct; DIV */
    float scale, inverse;                      /* MUL, square: of the input, 1 / of the output */
    li_fixed fixed_a, fixed_b, fixed_out;      /* fixed; there factor_b is the sign of b */
    float low_f32, high_f32;
} li_pair_state;

/* Whether the operands stand for reals by scales. */
static inline int li_pair_is_quantized(const li_net *net, const li_node *node)
{
    const int8_t type = li_node_input(net, node, 0)->type;
    return type == LI_INT8 || type == LI_INT16;
}

/* Broadcast shape, quantization, state. */
li_status li_pair_plan(li_net *net, li_node *node, int32_t activation);

/* The walk and the limits of the output, which the formula (enum li_pair_kind) rounds its own way. */
void li_pair_prepare(li_net *net, const li_node *node, li_pair_state *s, int32_t kind, int32_t activation);

/* The walk alone. */
void li_pair_prepare_walk(li_net *net, const li_node *node, li_pair_state *s);

/* One run along the innermost dimension. */
typedef void (*li_pair_line)(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,
                             int32_t step_b);

/* Calls `line` for every run; `element` is the size of one in bytes. */
void li_pair_run(li_net *net, const li_node *node, size_t element, li_pair_line line);

/* The same by the kernels of float32, LI_PAIR_ADD and so on, or by `line` where the set has none. */
void li_pair_run_f32(li_net *net, const li_node *node, int32_t operation, li_pair_line line);

/* Direct MUL of int8 by its kernel; false where the set has none, or a run's elements lie apart. */
bool li_pair_run_mul_s8(li_net *net, const li_node *node);

/* The same for an output whose elements have another size. */
void li_pair_run_to(li_net *net, const li_node *node, size_t element, size_t out_element, li_pair_line line);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every operator family includes: the functions that each operator provides (declared from the generated list)
 * and the few steps that all families share. Per-node state holds 4-byte fields only, so that a net takes the same
 * bytes on every target.
 */
#ifndef LI_OPS_H
#define LI_OPS_H

#include "../src/li_internal.h"
#include "../src/li_kernels.h"
#include "../src/li_math.h"
#include "../src/li_requantize.h"

#define LI_OPERATION(NAME, lower, builtin, options_tag, max_version, min_in, max_in, min_out, max_out, optional_mask, \
                     constant_mask, in_place_mask, alias, shrink, variadic, first_type_row, type_row_count, as_int8)          \
    li_status li_##lower##_plan(li_net *net, li_node *node);                                                          \
    void li_##lower##_prepare(li_net *net, const li_node *node);                                                      \
    li_status li_##lower##_run(li_net *net, const li_node *node);
#include "../gen/li_operations.inc"

/* Channels whose sums an operator keeps on the stack at a time; a multiple of every kernel set's block. */
enum { LI_CHANNEL_BLOCK = 64 };

/* Fields of the options table; without a table every field has its default. */
static inline int32_t li_option_i32(const li_net *net, const li_node *node, uint32_t slot, int32_t absent)
{
    return node->options != 0 ? li_table_i32(li_file(net), node->options, slot, absent) : absent;
}
static inline int32_t li_option_i8(const li_net *net, const li_node *node, uint32_t slot, int32_t absent)
{
    return node->options != 0 ? li_table_i8(li_file(net), node->options, slot, absent) : absent;
}

/* Elements of dimensions [from, to); each tensor's element count was checked to fit. */
static inline uint32_t li_dims_product(const li_tensor *t, uint32_t from, uint32_t to)
{
    uint32_t product = 1, i;
    for (i = from; i < to; ++i) product *= (uint32_t)t->dims[i];
    return product;
}

/* The rank that the operator needs. */
static inline li_status li_need_rank(li_net *net, const li_node *node, const li_tensor *t, uint32_t rank)
{
    return t->rank == rank ? LI_OK : li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_RANK, node, t, rank, t->rank);
}

/* Operators that copy codes, or average them, give the output the input's scale and zero point. */
static inline li_status li_need_same_codes(li_net *net, const li_node *node, const li_tensor *input, const li_tensor *output)
{
    const int may_be = input->type == LI_UINT8 || input->type == LI_INT16;        /* or integers without a scale */
    if (input->type != LI_INT8 && !(may_be && input->scale_count != 0)) return LI_OK;
    LI_TRY(li_need_centred(net, node, input));
    return li_need_same_quantization(net, node, input, output);
}

/* An axis counted from either end -> [0, rank). */
static inline li_status li_need_axis(li_net *net, const li_node *node, const li_tensor *t, int64_t axis, uint32_t *found)
{
    const int64_t rank = t->rank;
    *found = 0;
    if (axis < -rank || axis >= rank) return li_fail(net, LI_BAD_MODEL, LI_RULE_AXIS_RANGE, node, t, rank, axis);
    *found = (uint32_t)(axis < 0 ? axis + rank : axis);
    return LI_OK;
}

#endif

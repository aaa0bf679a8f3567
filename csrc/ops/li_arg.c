/* SPDX-License-Identifier: Apache-2.0 */
/* ARG_MAX and ARG_MIN: the index of the first largest or smallest element along one axis. */
#include "li_ops.h"

typedef struct li_arg_state {
    uint32_t outer, size, inner;     /* the dimensions before the axis, along it, and behind it */
} li_arg_state;

static li_status li_arg_axis(li_net *net, const li_node *node, uint32_t *axis)
{
    const li_tensor *operand = li_node_input(net, node, 1);
    int64_t value = 0;
    uint32_t count;

    LI_TRY(li_known_ints(net, node, operand, &value, 1, &count));
    if (count != 1) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, operand, 1, count);
    return li_need_axis(net, node, li_node_input(net, node, 0), value, axis);
}

/* `output_type` is the option's; the output's type decides, and must be the same. */
static li_status li_arg_plan(li_net *net, li_node *node, int32_t output_type)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    int64_t dims[LI_MAX_RANK];
    uint32_t axis, rank = 0, i;

    if (output_type != output->type)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, output, output->type, output_type);
    LI_TRY(li_arg_axis(net, node, &axis));
    if (input->dims[axis] == 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, 1, 0);
    for (i = 0; i < input->rank; ++i)
        if (i != axis) dims[rank++] = input->dims[i];
    if (input->type == LI_INT8) LI_TRY(li_need_quantized(net, node, input));
    node->state_bytes = sizeof(li_arg_state);
    return li_set_shape(net, node, output, rank, dims);
}

static void li_arg_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_arg_state *s = li_node_state(net, node);
    uint32_t axis;

    if (li_arg_axis(net, node, &axis) != LI_OK) return;
    s->outer = li_dims_product(input, 0, axis);
    s->size = (uint32_t)input->dims[axis];
    s->inner = li_dims_product(input, axis + 1, input->rank);
}

/* A later element wins only where it compares greater (`sign` 1) or less (-1), so a NaN wins only as the first one. */
#define LI_ARG_FIND(name, type)                                                                                        \
    static uint32_t name(const type *x, uint32_t size, uint32_t step, int sign)                                        \
    {                                                                                                                  \
        uint32_t best = 0, i;                                                                                          \
        size_t at = 0, best_at = 0;                                                                                    \
        for (i = 0; i < size; ++i, at += step)                                                                         \
            if (sign > 0 ? x[at] > x[best_at] : x[at] < x[best_at]) {                                                  \
                best = i;                                                                                              \
                best_at = at;                                                                                          \
            }                                                                                                          \
        return best;                                                                                                   \
    }

LI_ARG_FIND(li_arg_find_f32, float)
LI_ARG_FIND(li_arg_find_s8, int8_t)

static li_status li_arg_run(li_net *net, const li_node *node, int sign)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    const li_arg_state *s = li_node_state_const(net, node);
    const void *x = li_tensor_data(input);
    void *out = li_tensor_data(output);
    const size_t slice = (size_t)s->size * s->inner;
    size_t o, i, to = 0;

    if (li_tensor_elements(output) == 0) return LI_OK;      /* the other dimensions may be huge */
    for (o = 0; o < s->outer; ++o)
        for (i = 0; i < s->inner; ++i, ++to) {
            const size_t at = o * slice + i;
            const uint32_t found = input->type == LI_INT8 ? li_arg_find_s8((const int8_t *)x + at, s->size, s->inner, sign)
                                                          : li_arg_find_f32((const float *)x + at, s->size, s->inner, sign);
            if (output->type == LI_INT64) ((int64_t *)out)[to] = found;
            else ((int32_t *)out)[to] = (int32_t)found;
        }
    return LI_OK;
}

li_status li_arg_max_plan(li_net *net, li_node *node)
{
    return li_arg_plan(net, node, li_option_i8(net, node, LI_SLOT_ArgMaxOptions_output_type, LI_FLOAT32));
}

void li_arg_max_prepare(li_net *net, const li_node *node)
{
    li_arg_prepare(net, node);
}

li_status li_arg_max_run(li_net *net, const li_node *node)
{
    return li_arg_run(net, node, 1);
}

li_status li_arg_min_plan(li_net *net, li_node *node)
{
    return li_arg_plan(net, node, li_option_i8(net, node, LI_SLOT_ArgMinOptions_output_type, LI_FLOAT32));
}

void li_arg_min_prepare(li_net *net, const li_node *node)
{
    li_arg_prepare(net, node);
}

li_status li_arg_min_run(li_net *net, const li_node *node)
{
    return li_arg_run(net, node, -1);
}

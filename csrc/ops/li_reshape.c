/* SPDX-License-Identifier: Apache-2.0 */
/* RESHAPE, SQUEEZE and EXPAND_DIMS: the same bytes under another shape. */
#include "li_ops.h"

/* At most one -1, which takes what is left. */
static li_status li_reshape_infer(li_net *net, const li_node *node, const li_tensor *input, int64_t *dims, uint32_t rank)
{
    uint32_t i, unknown = rank;
    uint64_t known = 1;
    const uint64_t elements = li_tensor_elements(input);

    for (i = 0; i < rank; ++i) {
        if (dims[i] == -1 && unknown == rank) unknown = i;
        else if (dims[i] < 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, NULL, 0, dims[i]);
        else known = li_size_mul(known, (uint64_t)dims[i]);
    }
    if (unknown < rank) {
        if (known == 0 || elements % known != 0)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, (int64_t)(known & INT64_MAX), (int64_t)elements);
        dims[unknown] = (int64_t)(elements / known);
    } else if (known != elements) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, (int64_t)(known & INT64_MAX), (int64_t)elements);
    }
    return LI_OK;
}

/* The shape operand wins over the option; one of them must say it. */
li_status li_reshape_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *shape = li_node_input(net, node, 1);
    int64_t dims[LI_MAX_RANK];
    uint32_t rank = 0, i, first = 0;

    if (shape != NULL) {
        LI_TRY(li_known_ints(net, node, shape, dims, LI_MAX_RANK, &rank));
    } else {
        if (node->options != 0)
            first = li_table_vector(li_file(net), node->options, LI_SLOT_ReshapeOptions_new_shape, &rank);
        if (first == 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_INDEX, node, NULL, 2, node->input_count);
        if (rank > LI_MAX_RANK) return li_fail(net, LI_UNSUPPORTED, LI_RULE_TENSOR_RANK, node, NULL, LI_MAX_RANK, rank);
        for (i = 0; i < rank; ++i) dims[i] = li_load_i32(li_file(net) + first + i * 4);
        if (rank == 1 && dims[0] == 0) rank = 0;         /* how early writers spelt a scalar */
    }
    LI_TRY(li_reshape_infer(net, node, input, dims, rank));
    return li_set_shape(net, node, li_node_output(net, node, 0), rank, dims);
}

/* Nothing to prepare. */
void li_reshape_prepare(li_net *net, const li_node *node)
{
    (void)net;
    (void)node;
}

/* The placement usually gives both the same bytes. */
li_status li_reshape_run(li_net *net, const li_node *node)
{
    const li_tensor *output = li_node_output(net, node, 0);
    const void *from = li_tensor_data(li_node_input(net, node, 0));
    void *to = li_tensor_data(output);
    const size_t bytes = li_tensor_bytes(output);
    if (to != from && bytes != 0) li_move(to, from, bytes);
    return LI_OK;
}

li_status li_squeeze_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    int64_t dims[LI_MAX_RANK];
    uint32_t mask = 0, count = 0, first = 0, rank = 0, i, axis;

    if (node->options != 0)
        first = li_table_vector(li_file(net), node->options, LI_SLOT_SqueezeOptions_squeeze_dims, &count);
    if (count == 0) {
        for (i = 0; i < input->rank; ++i)
            if (input->dims[i] == 1) mask |= 1u << i;
    }
    for (i = 0; i < count; ++i) {
        LI_TRY(li_need_axis(net, node, input, li_load_i32(li_file(net) + first + i * 4), &axis));
        if (input->dims[axis] != 1)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, 1, input->dims[axis]);
        mask |= 1u << axis;
    }
    for (i = 0; i < input->rank; ++i)
        if ((mask >> i & 1u) == 0) dims[rank++] = input->dims[i];
    return li_set_shape(net, node, li_node_output(net, node, 0), rank, dims);
}

void li_squeeze_prepare(li_net *net, const li_node *node)
{
    li_reshape_prepare(net, node);
}

li_status li_squeeze_run(li_net *net, const li_node *node)
{
    return li_reshape_run(net, node);
}

li_status li_expand_dims_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *operand = li_node_input(net, node, 1);
    const int64_t rank = input->rank;
    int64_t dims[LI_MAX_RANK + 1], axis = 0;
    uint32_t count, i, d;

    LI_TRY(li_known_ints(net, node, operand, &axis, 1, &count));
    if (count != 1) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, operand, 1, count);
    if (axis < -rank - 1 || axis > rank) return li_fail(net, LI_BAD_MODEL, LI_RULE_AXIS_RANGE, node, input, rank, axis);
    if (axis < 0) axis += rank + 1;
    for (i = 0, d = 0; d <= input->rank; ++d) dims[d] = d == (uint32_t)axis ? 1 : input->dims[i++];
    return li_set_shape(net, node, li_node_output(net, node, 0), input->rank + 1u, dims);
}

void li_expand_dims_prepare(li_net *net, const li_node *node)
{
    li_reshape_prepare(net, node);
}

li_status li_expand_dims_run(li_net *net, const li_node *node)
{
    return li_reshape_run(net, node);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* TRANSPOSE by a constant permutation; elements are bytes of a size, whatever their type. */
#include "li_view.h"

static li_status li_transpose_decode(li_net *net, const li_node *node, uint32_t *permutation)
{
    const li_tensor *input = li_node_input(net, node, 0), *operand = li_node_input(net, node, 1);
    int64_t values[LI_MAX_RANK];
    uint32_t count, i, seen = 0;

    LI_TRY(li_known_ints(net, node, operand, values, LI_MAX_RANK, &count));
    if (count != input->rank) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, operand, input->rank, count);
    for (i = 0; i < count; ++i) {
        LI_TRY(li_need_axis(net, node, input, values[i], &permutation[i]));
        if ((seen >> permutation[i] & 1u) != 0)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, operand, -1, values[i]);
        seen |= 1u << permutation[i];
    }
    return LI_OK;
}

li_status li_transpose_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    uint32_t permutation[LI_MAX_RANK] = { 0 }, i;
    int64_t dims[LI_MAX_RANK];

    LI_TRY(li_transpose_decode(net, node, permutation));
    for (i = 0; i < input->rank; ++i) dims[i] = input->dims[permutation[i]];
    LI_TRY(li_set_shape(net, node, output, input->rank, dims));
    LI_TRY(li_need_moved(net, node, input, output));
    node->state_bytes = sizeof(li_view);
    return LI_OK;
}

void li_transpose_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    uint32_t permutation[LI_MAX_RANK] = { 0 }, i;
    int32_t steps[LI_MAX_RANK], dims[LI_MAX_RANK], along[LI_MAX_RANK];

    if (li_transpose_decode(net, node, permutation) != LI_OK) return;
    li_view_steps(input, steps);
    for (i = 0; i < input->rank; ++i) {
        dims[i] = input->dims[permutation[i]];
        along[i] = steps[permutation[i]];
    }
    li_view_make(li_node_state(net, node), input->rank, dims, along, 0, (uint32_t)li_type_bytes(input->type));
}

li_status li_transpose_run(li_net *net, const li_node *node)
{
    const void *x = li_tensor_data(li_node_input(net, node, 0));
    li_view_copy(net, node, li_tensor_data(li_node_output(net, node, 0)), x, li_node_state_const(net, node));
    return LI_OK;
}

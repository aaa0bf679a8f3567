/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPLIT, SPLIT_V, UNPACK and PACK: one tensor and its parts along a dimension. In memory a part is a run of bytes that
 * comes back once for each index of the dimensions before the axis, whatever the axis does to the shape.
 */
#include "li_view.h"

typedef struct li_split_state {
    uint32_t runs;               /* the dimensions before the axis */
} li_split_state;

static void li_split_prepare_runs(li_net *net, const li_node *node, const li_tensor *whole, int64_t axis)
{
    li_split_state *s = li_node_state(net, node);
    s->runs = li_dims_product(whole, 0, (uint32_t)(axis < 0 ? axis + whole->rank : axis));
}

/* Between `whole` and the inputs (`joins`) or outputs of the node. */
static void li_split_copy(li_net *net, const li_node *node, const li_tensor *whole, bool joins)
{
    const li_split_state *s = li_node_state_const(net, node);
    const uint32_t parts = joins ? node->input_count : node->output_count;
    const size_t total = s->runs == 0 ? 0 : li_tensor_bytes(whole) / s->runs;
    char *all = li_tensor_data(whole);
    size_t before = 0;
    uint32_t i;

    for (i = 0; i < parts; ++i) {
        const li_tensor *part = joins ? li_node_input(net, node, i) : li_node_output(net, node, i);
        char *own = li_tensor_data(part);
        const size_t bytes = s->runs == 0 ? 0 : li_tensor_bytes(part) / s->runs;
        if (bytes == 0) continue;
        if (joins) li_copy_runs(all + before, total, own, bytes, bytes, s->runs);
        else li_copy_runs(own, bytes, all + before, total, bytes, s->runs);
        before += bytes;
    }
}

/* An axis that is a constant operand of one element. */
static li_status li_split_axis(li_net *net, const li_node *node, uint32_t operand, const li_tensor *whole, int64_t *axis)
{
    const li_tensor *t = li_node_input(net, node, operand);
    uint32_t count, found;
    LI_TRY(li_known_ints(net, node, t, axis, 1, &count));
    if (count != 1) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, t, 1, count);
    LI_TRY(li_need_axis(net, node, whole, *axis, &found));
    *axis = found;
    return LI_OK;
}

/* Output i: the shape of `whole` with `size` elements along the axis. */
static li_status li_split_set(li_net *net, li_node *node, uint32_t i, const li_tensor *whole, uint32_t axis, int64_t size)
{
    li_tensor *part = li_node_output(net, node, i);
    int64_t dims[LI_MAX_RANK];
    uint32_t d;
    for (d = 0; d < whole->rank; ++d) dims[d] = d == axis ? size : whole->dims[d];
    LI_TRY(li_set_shape(net, node, part, whole->rank, dims));
    return li_need_moved(net, node, whole, part);
}

li_status li_split_plan(li_net *net, li_node *node)
{
    const li_tensor *whole = li_node_input(net, node, 1);
    const int32_t parts = li_option_i32(net, node, LI_SLOT_SplitOptions_num_splits, 0);
    int64_t axis = 0;
    uint32_t i;

    LI_TRY(li_split_axis(net, node, 0, whole, &axis));
    if (parts != node->output_count) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, NULL, node->output_count, parts);
    if (whole->dims[axis] % parts != 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, whole, parts, whole->dims[axis]);
    for (i = 0; i < node->output_count; ++i) LI_TRY(li_split_set(net, node, i, whole, (uint32_t)axis, whole->dims[axis] / parts));
    node->state_bytes = sizeof(li_split_state);
    return LI_OK;
}

void li_split_prepare(li_net *net, const li_node *node)
{
    const li_tensor *whole = li_node_input(net, node, 1);
    int64_t axis = 0;
    if (li_split_axis(net, node, 0, whole, &axis) == LI_OK) li_split_prepare_runs(net, node, whole, axis);
}

li_status li_split_run(li_net *net, const li_node *node)
{
    li_split_copy(net, node, li_node_input(net, node, 1), false);
    return LI_OK;
}

/* The sizes operand may have as many elements as there are outputs; it is read in place, so their number has no limit. */
static int64_t li_split_size(const li_net *net, const li_tensor *sizes, uint32_t i)
{
    const uint8_t *data = li_file(net) + sizes->data;
    return sizes->type == LI_INT64 ? li_load_i64(data + (size_t)i * 8) : li_load_i32(data + (size_t)i * 4);
}

li_status li_split_v_plan(li_net *net, li_node *node)
{
    const li_tensor *whole = li_node_input(net, node, 0), *sizes = li_node_input(net, node, 1);
    int64_t axis = 0, left;
    uint32_t i, open = UINT32_MAX;

    LI_TRY(li_split_axis(net, node, 2, whole, &axis));
    if (li_option_i32(net, node, LI_SLOT_SplitVOptions_num_splits, 0) != node->output_count)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, NULL, node->output_count,
                       li_option_i32(net, node, LI_SLOT_SplitVOptions_num_splits, 0));
    if (li_tensor_elements(sizes) != node->output_count)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, sizes, node->output_count, li_tensor_elements(sizes));
    left = whole->dims[axis];
    for (i = 0; i < node->output_count; ++i) {
        const int64_t size = li_split_size(net, sizes, i);
        if (size == -1 && open == UINT32_MAX) {
            open = i;    /* takes what the others leave */
            continue;
        }
        if (size < 0 || size > left) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, sizes, left, size);
        left -= size;
    }
    if (open == UINT32_MAX && left != 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, sizes, whole->dims[axis], whole->dims[axis] - left);
    for (i = 0; i < node->output_count; ++i) {
        const int64_t size = i == open ? left : li_split_size(net, sizes, i);
        LI_TRY(li_split_set(net, node, i, whole, (uint32_t)axis, size));
    }
    node->state_bytes = sizeof(li_split_state);
    return LI_OK;
}

void li_split_v_prepare(li_net *net, const li_node *node)
{
    const li_tensor *whole = li_node_input(net, node, 0);
    int64_t axis = 0;
    if (li_split_axis(net, node, 2, whole, &axis) == LI_OK) li_split_prepare_runs(net, node, whole, axis);
}

li_status li_split_v_run(li_net *net, const li_node *node)
{
    li_split_copy(net, node, li_node_input(net, node, 0), false);
    return LI_OK;
}

li_status li_unpack_plan(li_net *net, li_node *node)
{
    const li_tensor *whole = li_node_input(net, node, 0);
    const int32_t parts = li_option_i32(net, node, LI_SLOT_UnpackOptions_num, 0);
    int64_t dims[LI_MAX_RANK];
    uint32_t axis, d, i, rank = 0;

    LI_TRY(li_need_axis(net, node, whole, li_option_i32(net, node, LI_SLOT_UnpackOptions_axis, 0), &axis));
    if (parts != node->output_count) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, NULL, node->output_count, parts);
    if (whole->dims[axis] != parts) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, whole, parts, whole->dims[axis]);
    for (d = 0; d < whole->rank; ++d)
        if (d != axis) dims[rank++] = whole->dims[d];
    for (i = 0; i < node->output_count; ++i) {
        li_tensor *part = li_node_output(net, node, i);
        LI_TRY(li_set_shape(net, node, part, rank, dims));
        LI_TRY(li_need_moved(net, node, whole, part));
    }
    node->state_bytes = sizeof(li_split_state);
    return LI_OK;
}

void li_unpack_prepare(li_net *net, const li_node *node)
{
    li_split_prepare_runs(net, node, li_node_input(net, node, 0), li_option_i32(net, node, LI_SLOT_UnpackOptions_axis, 0));
}

li_status li_unpack_run(li_net *net, const li_node *node)
{
    li_split_copy(net, node, li_node_input(net, node, 0), false);
    return LI_OK;
}

li_status li_pack_plan(li_net *net, li_node *node)
{
    const li_tensor *first = li_node_input(net, node, 0);
    li_tensor *whole = li_node_output(net, node, 0);
    const int64_t rank = first->rank;
    int64_t dims[LI_MAX_RANK + 1], axis = li_option_i32(net, node, LI_SLOT_PackOptions_axis, 0);
    uint32_t i, d, from = 0;

    if (li_option_i32(net, node, LI_SLOT_PackOptions_values_count, 0) != node->input_count)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, NULL, node->input_count,
                       li_option_i32(net, node, LI_SLOT_PackOptions_values_count, 0));
    if (axis < -rank - 1 || axis > rank) return li_fail(net, LI_BAD_MODEL, LI_RULE_AXIS_RANGE, node, first, rank, axis);
    if (axis < 0) axis += rank + 1;
    for (i = 1; i < node->input_count; ++i) {
        const li_tensor *t = li_node_input(net, node, i);
        LI_TRY(li_need_rank(net, node, t, first->rank));
        for (d = 0; d < first->rank; ++d)
            if (t->dims[d] != first->dims[d])
                return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, t, first->dims[d], t->dims[d]);
    }
    for (d = 0; d <= first->rank; ++d) dims[d] = d == (uint32_t)axis ? node->input_count : first->dims[from++];
    LI_TRY(li_set_shape(net, node, whole, first->rank + 1u, dims));
    for (i = 0; i < node->input_count; ++i) LI_TRY(li_need_moved(net, node, li_node_input(net, node, i), whole));
    node->state_bytes = sizeof(li_split_state);
    return LI_OK;
}

void li_pack_prepare(li_net *net, const li_node *node)
{
    li_split_prepare_runs(net, node, li_node_output(net, node, 0), li_option_i32(net, node, LI_SLOT_PackOptions_axis, 0));
}

li_status li_pack_run(li_net *net, const li_node *node)
{
    li_split_copy(net, node, li_node_output(net, node, 0), true);
    return LI_OK;
}

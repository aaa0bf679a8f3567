/* SPDX-License-Identifier: Apache-2.0 */
/* GATHER: elements of one dimension by indices, which are checked where they are used, at every run. */
#include "li_view.h"

typedef struct li_gather_state {
    uint32_t batches, outer, size, inner;    /* the input as [batches, outer, size, inner bytes] */
    uint32_t indices;                        /* of each batch */
} li_gather_state;

static li_status li_gather_decode(li_net *net, const li_node *node, uint32_t *axis, uint32_t *batch)
{
    const li_tensor *input = li_node_input(net, node, 0), *indices = li_node_input(net, node, 1);
    const int64_t stated = li_option_i32(net, node, LI_SLOT_GatherOptions_batch_dims, 0);
    const int64_t dims = stated < 0 ? stated + indices->rank : stated;
    uint32_t d;

    LI_TRY(li_need_axis(net, node, input, li_option_i32(net, node, LI_SLOT_GatherOptions_axis, 0), axis));
    if (dims < 0 || dims > *axis || dims > indices->rank)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, indices, *axis, stated);
    *batch = (uint32_t)dims;
    for (d = 0; d < *batch; ++d)
        if (input->dims[d] != indices->dims[d])
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, indices, input->dims[d], indices->dims[d]);
    return LI_OK;
}

li_status li_gather_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *indices = li_node_input(net, node, 1);
    li_tensor *output = li_node_output(net, node, 0);
    int64_t dims[LI_MAX_RANK * 2];
    uint32_t axis, batch, d, rank = 0;

    LI_TRY(li_gather_decode(net, node, &axis, &batch));
    for (d = 0; d < axis; ++d) dims[rank++] = input->dims[d];
    for (d = batch; d < indices->rank; ++d) dims[rank++] = indices->dims[d];
    for (d = axis + 1; d < input->rank; ++d) dims[rank++] = input->dims[d];
    LI_TRY(li_set_shape(net, node, output, rank, dims));
    LI_TRY(li_need_moved(net, node, input, output));
    node->state_bytes = sizeof(li_gather_state);
    return LI_OK;
}

/* A joined look-up (li_lookup.c) has one operand, the codes, and the table's place in the file as its options. */
static int li_gather_is_joined(const li_node *node)
{
    return node->input_count == 1;
}

static void li_gather_look_up(li_net *net, const li_node *node)
{
    const int8_t *table = (const int8_t *)(li_file(net) + node->options) + 128;
    const int8_t *x = li_tensor_data(li_node_input(net, node, 0));
    int8_t *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(li_node_output(net, node, 0));
    uint32_t i;
    for (i = 0; i < n; ++i) out[i] = table[x[i]];
}

void li_gather_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *indices = li_node_input(net, node, 1);
    li_gather_state *s = li_node_state(net, node);
    uint32_t axis, batch;

    if (li_gather_is_joined(node)) return;
    if (li_gather_decode(net, node, &axis, &batch) != LI_OK) return;
    s->batches = li_dims_product(input, 0, batch);
    s->outer = li_dims_product(input, batch, axis);
    s->size = (uint32_t)input->dims[axis];
    s->inner = li_dims_product(input, axis + 1, input->rank) * (uint32_t)li_type_bytes(input->type);
    s->indices = li_dims_product(indices, batch, indices->rank);
}

static int64_t li_gather_index(const li_tensor *indices, const char *data, size_t i)
{
    return indices->type == LI_INT64 ? li_load_i64(data + i * 8) : li_load_i32(data + i * 4);
}

li_status li_gather_run(li_net *net, const li_node *node)
{
    const li_gather_state *s = li_node_state_const(net, node);
    const li_tensor *indices = li_node_input(net, node, 1);
    const char *x = li_tensor_data(li_node_input(net, node, 0)), *at;
    char *out = li_tensor_data(li_node_output(net, node, 0));
    size_t i, block, total;
    uint32_t batch, outer;

    if (li_gather_is_joined(node)) {
        li_gather_look_up(net, node);
        return LI_OK;
    }
    at = li_tensor_data(indices);
    block = (size_t)s->size * s->inner;
    total = (size_t)s->batches * s->indices;
    for (i = 0; i < total; ++i) {
        const int64_t index = li_gather_index(indices, at, i);
        if (index < 0 || index >= s->size) return li_fail(net, LI_BAD_INPUT, LI_RULE_RUN_INDEX, node, indices, s->size, index);
    }
    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return LI_OK;    /* the other dimensions may be huge */
    for (batch = 0; batch < s->batches; ++batch) {
        for (outer = 0; outer < s->outer; ++outer, x += block) {
            for (i = 0; i < s->indices; ++i, out += s->inner) {
                const int64_t index = li_gather_index(indices, at, (size_t)batch * s->indices + i);
                li_copy(out, x + (size_t)index * s->inner, s->inner);
            }
        }
    }
    return LI_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* TRANSPOSE by a constant permutation; elements are bytes of a size, whatever their type. */
#include "li_ops.h"

typedef struct li_transpose_state {
    uint32_t rank;                                          /* after joining dimensions that stay neighbours */
    int32_t dims[LI_MAX_RANK], steps[LI_MAX_RANK];          /* of the output; steps in elements of the input */
    uint32_t element;                                       /* bytes */
} li_transpose_state;

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
    if (input->type == LI_INT8) LI_TRY(li_need_same_quantization(net, node, input, output));
    node->state_bytes = sizeof(li_transpose_state);
    return LI_OK;
}

void li_transpose_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_transpose_state *s = li_node_state(net, node);
    uint32_t permutation[LI_MAX_RANK] = { 0 }, i;
    int32_t steps[LI_MAX_RANK], step = 1;

    if (li_transpose_decode(net, node, permutation) != LI_OK) return;
    for (i = input->rank; i-- > 0; step *= input->dims[i]) steps[i] = step;
    s->element = (uint32_t)li_type_bytes(input->type);
    s->rank = 0;
    for (i = 0; i < input->rank; ++i) {
        const int32_t size = input->dims[permutation[i]], along = steps[permutation[i]];
        if (size == 1) continue;
        if (s->rank > 0 && s->steps[s->rank - 1] == along * size) {
            s->dims[s->rank - 1] *= size;
            s->steps[s->rank - 1] = along;
        } else {
            s->dims[s->rank] = size;
            s->steps[s->rank++] = along;
        }
    }
    if (s->rank == 0) {
        s->dims[0] = 1;
        s->steps[0] = 1;
        s->rank = 1;
    }
}

/* Elements `step` apart, one after the other. */
static void li_transpose_gather(char *out, const char *x, size_t n, size_t step, size_t element)
{
    size_t i;
    if (step == 1) {
        li_copy(out, x, n * element);
    } else if (element == 1) {
        for (i = 0; i < n; ++i) out[i] = x[i * step];
    } else if (element == 4) {
        for (i = 0; i < n; ++i) li_copy(out + i * 4, x + i * step * 4, 4);
    } else {
        for (i = 0; i < n; ++i) li_copy(out + i * element, x + i * step * element, element);
    }
}

li_status li_transpose_run(li_net *net, const li_node *node)
{
    const li_transpose_state *s = li_node_state_const(net, node);
    const char *x = li_tensor_data(li_node_input(net, node, 0));
    char *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t last = s->rank - 1;
    int32_t index[LI_MAX_RANK] = { 0 };
    size_t at = 0;
    uint32_t d;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return LI_OK;
    for (;;) {
        li_transpose_gather(out, x + at * s->element, (size_t)s->dims[last], (size_t)s->steps[last], s->element);
        out += (size_t)s->dims[last] * s->element;
        for (d = last; d-- > 0;) {
            at += (size_t)s->steps[d];
            if (++index[d] < s->dims[d]) break;
            at -= (size_t)s->steps[d] * (size_t)s->dims[d];
            index[d] = 0;
        }
        if (d == UINT32_MAX) return LI_OK;
    }
}

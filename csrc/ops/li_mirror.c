/* SPDX-License-Identifier: Apache-2.0 */
/* MIRROR_PAD: beyond its borders the input continues as in a mirror, REFLECT without its border element, SYMMETRIC with it. */
#include "li_view.h"

typedef struct li_mirror_state {
    uint32_t rank, element;              /* at least one dimension; bytes */
    int32_t in[LI_MAX_RANK], out[LI_MAX_RANK], before[LI_MAX_RANK], steps[LI_MAX_RANK];
    int32_t lost;                        /* REFLECT: 1 */
} li_mirror_state;

static li_status li_mirror_decode(li_net *net, const li_node *node, int64_t *paddings, int32_t *lost)
{
    const li_tensor *input = li_node_input(net, node, 0), *operand = li_node_input(net, node, 1);
    const int32_t mode = li_option_i8(net, node, LI_SLOT_MirrorPadOptions_mode, 0);
    uint32_t count, i;

    if (mode != 0 && mode != 1) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, NULL, 1, mode);
    *lost = 1 - mode;
    LI_TRY(li_known_ints(net, node, operand, paddings, LI_MAX_RANK * 2, &count));
    if (count != input->rank * 2u || operand->rank != 2 || operand->dims[1] != 2)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, operand, input->rank * 2, count);
    for (i = 0; i < count; ++i) {
        const int64_t most = input->dims[i / 2] > *lost ? input->dims[i / 2] - *lost : 0;
        if (paddings[i] < 0 || paddings[i] > most) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, operand, most, paddings[i]);
    }
    return LI_OK;
}

li_status li_mirror_pad_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    int64_t paddings[LI_MAX_RANK * 2], dims[LI_MAX_RANK];
    int32_t lost;
    uint32_t d;

    LI_TRY(li_mirror_decode(net, node, paddings, &lost));
    for (d = 0; d < input->rank; ++d) dims[d] = paddings[2 * d] + input->dims[d] + paddings[2 * d + 1];
    LI_TRY(li_set_shape(net, node, output, input->rank, dims));
    LI_TRY(li_need_moved(net, node, input, output));
    node->state_bytes = sizeof(li_mirror_state);
    return LI_OK;
}

void li_mirror_pad_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_mirror_state *s = li_node_state(net, node);
    int64_t paddings[LI_MAX_RANK * 2];
    uint32_t d;

    s->element = (uint32_t)li_type_bytes(input->type);
    if (li_mirror_decode(net, node, paddings, &s->lost) != LI_OK) return;
    s->rank = input->rank == 0 ? 1 : input->rank;
    s->in[0] = s->out[0] = s->steps[0] = 1;      /* of a scalar */
    s->before[0] = 0;
    li_view_steps(input, s->steps);
    for (d = 0; d < input->rank; ++d) {
        s->in[d] = input->dims[d];
        s->out[d] = output->dims[d];
        s->before[d] = (int32_t)paddings[2 * d];
    }
    for (; s->rank > 1 && s->in[s->rank - 1] == s->out[s->rank - 1]; --s->rank) {        /* not padded: larger elements */
        const int32_t size = s->in[s->rank - 1];
        if (size == 0) return;
        s->element *= (uint32_t)size;
        for (d = 0; d + 1 < s->rank; ++d) s->steps[d] /= size;
    }
}

/* Where dimension d of the input holds index `at` of the output. */
static int32_t li_mirror_index(const li_mirror_state *s, uint32_t d, int32_t at)
{
    const int32_t i = at - s->before[d];
    if (i < 0) return -i - 1 + s->lost;
    return i < s->in[d] ? i : 2 * (s->in[d] - 1) - i + 1 - s->lost;
}

li_status li_mirror_pad_run(li_net *net, const li_node *node)
{
    const li_mirror_state *s = li_node_state_const(net, node);
    const li_tensor *output = li_node_output(net, node, 0);
    const char *x = li_tensor_data(li_node_input(net, node, 0));
    char *out = li_tensor_data(output);
    const uint32_t last = s->rank - 1;
    const size_t element = s->element;
    int32_t index[LI_MAX_RANK] = { 0 }, i;
    uint32_t d;

    if (li_tensor_bytes(output) == 0) return LI_OK;
    for (;;) {
        size_t row = 0;
        for (d = 0; d < last; ++d) row += (size_t)li_mirror_index(s, d, index[d]) * (size_t)s->steps[d];
        for (i = 0; i < s->out[last]; ++i, out += element) {
            if (i == s->before[last]) {          /* the input's own row in one piece */
                li_copy(out, x + row * element, (size_t)s->in[last] * element);
                out += (size_t)s->in[last] * element;
                i += s->in[last];
                if (i == s->out[last]) break;
            }
            li_copy(out, x + (row + (size_t)li_mirror_index(s, last, i)) * element, element);
        }
        for (d = last; d-- > 0;) {
            if (++index[d] < s->out[d]) break;
            index[d] = 0;
        }
        if (d == UINT32_MAX) return LI_OK;
    }
}

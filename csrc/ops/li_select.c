/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT_V2: a where the condition is true, else b, all three broadcast. */
#include "li_ops.h"

enum { LI_SELECT_OPERANDS = 3 };

typedef struct li_select_state {
    uint32_t rank;                                       /* neighbouring dimensions that all operands walk alike are joined */
    int32_t dims[LI_MAX_RANK];                           /* of the output */
    int32_t steps[LI_SELECT_OPERANDS][LI_MAX_RANK];      /* elements; 0 where the operand is broadcast */
} li_select_state;

li_status li_select_v2_plan(li_net *net, li_node *node)
{
    const li_tensor *condition = li_node_input(net, node, 0), *a = li_node_input(net, node, 1), *b = li_node_input(net, node, 2);
    li_tensor *out = li_node_output(net, node, 0);
    int64_t dims[LI_MAX_RANK];
    uint32_t rank, i;

    LI_TRY(li_broadcast_shape(net, node, a, b, dims, &rank));
    LI_TRY(li_set_shape(net, node, out, rank, dims));
    LI_TRY(li_broadcast_shape(net, node, out, condition, dims, &rank));
    LI_TRY(li_set_shape(net, node, out, rank, dims));
    for (i = 1; i < LI_SELECT_OPERANDS; ++i) LI_TRY(li_need_same_codes(net, node, li_node_input(net, node, i), out));
    node->state_bytes = sizeof(li_select_state);
    return LI_OK;
}

/* Whether every operand walks dimension `size` as it walks the one behind it, so that both are one. */
static int li_select_joins(const li_select_state *s, const int32_t *sizes)
{
    uint32_t i;
    for (i = 0; i < LI_SELECT_OPERANDS; ++i)
        if ((s->steps[i][s->rank - 1] == 0) != (sizes[i] == 1)) return 0;
    return 1;
}

/* Fills the state from the last dimension to the first, which is the order in which the run counts as well. */
void li_select_v2_prepare(li_net *net, const li_node *node)
{
    const li_tensor *out = li_node_output(net, node, 0);
    li_select_state *s = li_node_state(net, node);
    int32_t along[LI_SELECT_OPERANDS] = { 1, 1, 1 };
    uint32_t d, i;

    s->rank = 0;
    for (d = 0; d < out->rank; ++d) {
        const int32_t size = out->dims[out->rank - 1u - d];
        int32_t sizes[LI_SELECT_OPERANDS];
        for (i = 0; i < LI_SELECT_OPERANDS; ++i) {
            const li_tensor *t = li_node_input(net, node, i);
            sizes[i] = d < t->rank ? t->dims[t->rank - 1u - d] : 1;
        }
        if (size == 1) continue;
        if (s->rank > 0 && li_select_joins(s, sizes)) {
            s->dims[s->rank - 1] *= size;
        } else {
            s->dims[s->rank] = size;
            for (i = 0; i < LI_SELECT_OPERANDS; ++i) s->steps[i][s->rank] = sizes[i] == 1 ? 0 : along[i];
            ++s->rank;
        }
        for (i = 0; i < LI_SELECT_OPERANDS; ++i) along[i] *= sizes[i];
    }
    if (s->rank == 0) {
        s->rank = 1;
        s->dims[0] = 1;
        for (i = 0; i < LI_SELECT_OPERANDS; ++i) s->steps[i][0] = 1;
    }
}

#define LI_SELECT_LINE(name, type, load)                                                                               \
    static void name(void *out, const uint8_t *condition, const void *a, const void *b, int32_t n, int32_t step,       \
                     int32_t step_a, int32_t step_b)                                                                   \
    {                                                                                                                  \
        const type *x = a, *y = b;                                                                                     \
        type *z = out;                                                                                                 \
        int32_t i;                                                                                                     \
        for (i = 0; i < n; ++i, condition += step, x += step_a, y += step_b) z[i] = load(*condition != 0 ? x : y);     \
    }

LI_SELECT_LINE(li_select_line_8, uint8_t, *)
LI_SELECT_LINE(li_select_line_16, uint16_t, *)
LI_SELECT_LINE(li_select_line_32, uint32_t, *)
LI_SELECT_LINE(li_select_line_64, int64_t, li_load_i64)      /* constants are aligned to 4 */

/* One run along the innermost dimension; `at` holds each operand's position in elements. */
static void li_select_line(const li_select_state *s, void *out, const uint8_t *condition, const uint8_t *a, const uint8_t *b,
                           const size_t *at, size_t element)
{
    const uint8_t *x = a + at[1] * element, *y = b + at[2] * element;
    const int32_t n = s->dims[0], step = s->steps[0][0], step_a = s->steps[1][0], step_b = s->steps[2][0];
    if (element == 1) li_select_line_8(out, condition + at[0], x, y, n, step, step_a, step_b);
    else if (element == 2) li_select_line_16(out, condition + at[0], x, y, n, step, step_a, step_b);
    else if (element == 4) li_select_line_32(out, condition + at[0], x, y, n, step, step_a, step_b);
    else li_select_line_64(out, condition + at[0], x, y, n, step, step_a, step_b);
}

li_status li_select_v2_run(li_net *net, const li_node *node)
{
    const li_select_state *s = li_node_state_const(net, node);
    const li_tensor *output = li_node_output(net, node, 0);
    const uint8_t *condition = li_tensor_data(li_node_input(net, node, 0)), *a = li_tensor_data(li_node_input(net, node, 1));
    const uint8_t *b = li_tensor_data(li_node_input(net, node, 2));
    const size_t element = li_type_bytes(output->type);
    uint8_t *out = li_tensor_data(output);
    size_t at[LI_SELECT_OPERANDS] = { 0 };
    int32_t index[LI_MAX_RANK] = { 0 };
    uint32_t d, i;

    if (li_tensor_elements(output) == 0) return LI_OK;
    for (;;) {
        li_select_line(s, out, condition, a, b, at, element);
        out += (size_t)s->dims[0] * element;
        for (d = 1; d < s->rank; ++d) {
            for (i = 0; i < LI_SELECT_OPERANDS; ++i) at[i] += (size_t)s->steps[i][d];
            if (++index[d] < s->dims[d]) break;
            for (i = 0; i < LI_SELECT_OPERANDS; ++i) at[i] -= (size_t)s->steps[i][d] * (size_t)s->dims[d];
            index[d] = 0;
        }
        if (d >= s->rank) return LI_OK;
    }
}

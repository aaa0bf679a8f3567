/* SPDX-License-Identifier: Apache-2.0 */
/* EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL; LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT. Results are bool, bytes
   of 0 or 1; a bool operand is true where its byte is not 0. int8 compares fixed-point values: docs/NUMERICS.md. */
#include "li_pair.h"

enum { LI_COMPARE_SHIFT = 8 };   /* bits of fraction that an int8 operand gets before it is scaled */

/* How a stands to b; an operator accepts some of the answers. */
enum li_order { LI_IS_LESS = 1, LI_IS_EQUAL = 2, LI_IS_GREATER = 4, LI_IS_UNORDERED = 8 };

typedef struct li_compare_state {
    li_pair_state pair;
    uint32_t accepted;           /* enum li_order, joined */
} li_compare_state;

static li_status li_compare_plan(li_net *net, li_node *node)
{
    const li_tensor *a = li_node_input(net, node, 0), *b = li_node_input(net, node, 1);
    int64_t dims[LI_MAX_RANK];
    uint32_t rank, i;

    LI_TRY(li_broadcast_shape(net, node, a, b, dims, &rank));
    LI_TRY(li_set_shape(net, node, li_node_output(net, node, 0), rank, dims));
    node->state_bytes = sizeof(li_compare_state);
    for (i = 0; i < 2 && a->type == LI_INT8; ++i) {
        const li_tensor *t = li_node_input(net, node, i);
        LI_TRY(li_need_quantized(net, node, t));
        if (!(li_tensor_scale(net, t, 0) < 1.0f))
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, t, 1, -1);
    }
    return LI_OK;
}

static void li_compare_prepare(li_net *net, const li_node *node, uint32_t accepted)
{
    const li_tensor *a = li_node_input(net, node, 0), *b = li_node_input(net, node, 1);
    li_compare_state *s = li_node_state(net, node);

    li_pair_prepare_walk(net, node, &s->pair);
    s->accepted = accepted;
    if (a->type != LI_INT8) return;
    s->pair.zero_a = li_tensor_zero_point(net, a, 0);
    s->pair.zero_b = li_tensor_zero_point(net, b, 0);
    s->pair.fixed_a = li_fixed_from((double)li_tensor_scale(net, a, 0));
    s->pair.fixed_b = li_fixed_from((double)li_tensor_scale(net, b, 0));
}

static int32_t li_compare_fixed(int32_t x, int32_t zero_point, li_fixed scale)
{
    return li_fixed_multiply((x - zero_point) * (1 << LI_COMPARE_SHIFT), scale);
}

/* The line of operands of `type`; of *x and *y, `left` and `right` are compared. */
#define LI_COMPARE_LINE(name, type, left, right)                                                                       \
    static void name(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,       \
                     int32_t step_b)                                                                                   \
    {                                                                                                                  \
        const uint32_t accepted = ((const li_compare_state *)s)->accepted;                                             \
        const type *x = a, *y = b;                                                                                     \
        uint8_t *z = out;                                                                                              \
        int32_t i;                                                                                                     \
        for (i = 0; i < n; ++i, x += step_a, y += step_b) {                                                            \
            const uint32_t order = ((left) < (right) ? LI_IS_LESS : 0u) | ((left) > (right) ? LI_IS_GREATER : 0u)      \
                                 | ((left) == (right) ? LI_IS_EQUAL : 0u);                                             \
            z[i] = (accepted & (order != 0 ? order : LI_IS_UNORDERED)) != 0;                                           \
        }                                                                                                              \
    }

LI_COMPARE_LINE(li_compare_line_f32, float, *x, *y)
LI_COMPARE_LINE(li_compare_line_s32, int32_t, *x, *y)
LI_COMPARE_LINE(li_compare_line_s64, int64_t, li_load_i64(x), li_load_i64(y))      /* constants are aligned to 4 */
LI_COMPARE_LINE(li_compare_line_s8, int8_t, li_compare_fixed(*x, s->zero_a, s->fixed_a), li_compare_fixed(*y, s->zero_b, s->fixed_b))
LI_COMPARE_LINE(li_compare_line_bool, uint8_t, *x != 0, *y != 0)

static li_status li_compare_run(li_net *net, const li_node *node)
{
    switch (li_node_input(net, node, 0)->type) {
    case LI_FLOAT32:
        li_pair_run_to(net, node, sizeof(float), 1, li_compare_line_f32);
        break;
    case LI_INT32:
        li_pair_run_to(net, node, sizeof(int32_t), 1, li_compare_line_s32);
        break;
    case LI_INT64:
        li_pair_run_to(net, node, sizeof(int64_t), 1, li_compare_line_s64);
        break;
    case LI_INT8:
        li_pair_run(net, node, 1, li_compare_line_s8);
        break;
    default:
        li_pair_run(net, node, 1, li_compare_line_bool);
    }
    return LI_OK;
}

#define LI_COMPARISON(name, accepted)                                                                                  \
    li_status li_##name##_plan(li_net *net, li_node *node) { return li_compare_plan(net, node); }                      \
    void li_##name##_prepare(li_net *net, const li_node *node) { li_compare_prepare(net, node, accepted); }            \
    li_status li_##name##_run(li_net *net, const li_node *node) { return li_compare_run(net, node); }

LI_COMPARISON(equal, LI_IS_EQUAL)
LI_COMPARISON(not_equal, LI_IS_LESS | LI_IS_GREATER | LI_IS_UNORDERED)
LI_COMPARISON(less, LI_IS_LESS)
LI_COMPARISON(less_equal, LI_IS_LESS | LI_IS_EQUAL)
LI_COMPARISON(greater, LI_IS_GREATER)
LI_COMPARISON(greater_equal, LI_IS_GREATER | LI_IS_EQUAL)

/* ---- LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT ---- */

#define LI_LOGICAL_LINE(name, value)                                                                                   \
    static void name(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,       \
                     int32_t step_b)                                                                                   \
    {                                                                                                                  \
        const uint8_t *x = a, *y = b;                                                                                  \
        uint8_t *z = out;                                                                                              \
        int32_t i;                                                                                                     \
        (void)s;                                                                                                       \
        for (i = 0; i < n; ++i, x += step_a, y += step_b) z[i] = value;                                                \
    }

LI_LOGICAL_LINE(li_logical_and_line, *x != 0 && *y != 0)
LI_LOGICAL_LINE(li_logical_or_line, *x != 0 || *y != 0)

#define LI_LOGICAL(name)                                                                                               \
    li_status li_##name##_plan(li_net *net, li_node *node) { return li_compare_plan(net, node); }                      \
    void li_##name##_prepare(li_net *net, const li_node *node) { li_compare_prepare(net, node, 0); }                   \
    li_status li_##name##_run(li_net *net, const li_node *node)                                                        \
    {                                                                                                                  \
        li_pair_run(net, node, 1, li_##name##_line);                                                                   \
        return LI_OK;                                                                                                  \
    }

LI_LOGICAL(logical_and)
LI_LOGICAL(logical_or)

li_status li_logical_not_plan(li_net *net, li_node *node)
{
    return li_set_shape_like(net, node, li_node_output(net, node, 0), li_node_input(net, node, 0));
}

void li_logical_not_prepare(li_net *net, const li_node *node)
{
    (void)net;
    (void)node;
}

li_status li_logical_not_run(li_net *net, const li_node *node)
{
    const uint8_t *x = li_tensor_data(li_node_input(net, node, 0));
    uint8_t *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(li_node_output(net, node, 0));
    uint32_t i;
    for (i = 0; i < n; ++i) out[i] = x[i] == 0;
    return LI_OK;
}

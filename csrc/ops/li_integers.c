/* SPDX-License-Identifier: Apache-2.0 */
#include "li_integers.h"

static int64_t li_integers_load(const void *from, size_t element)
{
    int32_t narrow;
    if (element == sizeof(int64_t)) return li_load_i64(from);      /* constants are aligned to 4 */
    li_copy(&narrow, from, sizeof narrow);
    return narrow;
}

/* Sums and products in uint64_t wrap; stored in 32 bits they are those of 32 bits. */
static int64_t li_integers_value(int32_t builtin, int64_t x, int64_t y)
{
    switch (builtin) {
    case LI_OP_ADD:
        return (int64_t)((uint64_t)x + (uint64_t)y);
    case LI_OP_SUB:
        return (int64_t)((uint64_t)x - (uint64_t)y);
    case LI_OP_MUL:
        return (int64_t)((uint64_t)x * (uint64_t)y);
    case LI_OP_DIV:
        return y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y;       /* the lowest number by -1 wraps too */
    case LI_OP_MAXIMUM:
        return x > y ? x : y;
    default:
        return x < y ? x : y;
    }
}

/* A limit is infinite or of a few units, so comparing in float32 decides rightly. */
static int64_t li_integers_limited(const li_pair_state *s, int64_t value)
{
    if ((float)value < s->low_f32) return (int64_t)s->low_f32;
    if ((float)value > s->high_f32) return (int64_t)s->high_f32;
    return value;
}

static void li_integers_line_s32(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,
                                 int32_t step_b)
{
    const int32_t *x = a, *y = b;
    int32_t *z = out, i;
    for (i = 0; i < n; ++i, x += step_a, y += step_b) {
        const int64_t value = li_integers_value(s->kind, *x, *y);
        z[i] = (int32_t)li_integers_limited(s, (int32_t)(uint32_t)(uint64_t)value);
    }
}

static void li_integers_line_s64(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,
                                 int32_t step_b)
{
    const char *x = a, *y = b;
    int64_t *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += 8 * (ptrdiff_t)step_a, y += 8 * (ptrdiff_t)step_b)
        z[i] = li_integers_limited(s, li_integers_value(s->kind, li_load_i64(x), li_load_i64(y)));
}

void li_integers_prepare(li_net *net, const li_node *node, li_pair_state *s, int32_t activation)
{
    li_pair_prepare(net, node, s, LI_PAIR_FLOAT, activation);
    s->kind = (int32_t)li_operation_rows[node->row].builtin;
}

li_status li_integers_run(li_net *net, const li_node *node)
{
    const li_pair_state *s = li_node_state_const(net, node);
    const li_tensor *divisor = li_node_input(net, node, 1);
    const size_t element = li_type_bytes(divisor->type);
    const char *y = li_tensor_data(divisor);
    uint32_t i;

    for (i = 0; s->kind == LI_OP_DIV && i < li_tensor_elements(divisor); ++i)
        if (li_integers_load(y + i * element, element) == 0)
            return li_fail(net, LI_BAD_INPUT, LI_RULE_RUN_DIVISOR, node, divisor, -1, (int64_t)i);
    li_pair_run(net, node, element, element == sizeof(int64_t) ? li_integers_line_s64 : li_integers_line_s32);
    return LI_OK;
}

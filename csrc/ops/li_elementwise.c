/* SPDX-License-Identifier: Apache-2.0 */
/* ADD and MUL with broadcasting. Formulas and their gates: docs/NUMERICS.md, "ADD" and "MUL". */
#include "li_range.h"

/* Which formula the scales select. */
enum li_pair_kind { LI_PAIR_FLOAT, LI_PAIR_DIRECT, LI_PAIR_FIXED, LI_PAIR_SQUARE };

typedef struct li_pair_state {
    uint32_t rank;                       /* after joining dimensions that both inputs walk alike */
    int32_t dims[LI_MAX_RANK];           /* of the output */
    int32_t step_a[LI_MAX_RANK], step_b[LI_MAX_RANK];   /* elements; 0 where the input is broadcast */
    int32_t kind;
    int32_t zero_a, zero_b, zero_out, low, high;
    int32_t factor_a, factor_b, bias, shift;   /* ADD, direct */
    float multiplier;                          /* MUL, direct */
    float scale, inverse;                      /* MUL, square: of the input, 1 / of the output */
    li_fixed fixed_a, fixed_b, fixed_out;      /* fixed */
    float low_f32, high_f32;
} li_pair_state;

enum { LI_PAIR_SHIFT = 20 };   /* ADD: bits of headroom in both formulas */

/* Joins neighbouring dimensions and drops those of size 1; at least one dimension stays. */
static void li_pair_walk(const li_tensor *a, const li_tensor *b, const li_tensor *out, li_pair_state *s)
{
    int32_t dims[LI_MAX_RANK], steps_a[LI_MAX_RANK], steps_b[LI_MAX_RANK];
    int32_t along_a = 1, along_b = 1;
    uint32_t rank = 0, i, d;

    for (i = 0; i < out->rank; ++i) {                     /* from the last dimension to the first */
        const int32_t size = out->dims[out->rank - 1u - i];
        const int32_t size_a = i < a->rank ? a->dims[a->rank - 1u - i] : 1;
        const int32_t size_b = i < b->rank ? b->dims[b->rank - 1u - i] : 1;
        if (size == 1) continue;
        if (rank > 0 && (steps_a[rank - 1] == 0) == (size_a == 1) && (steps_b[rank - 1] == 0) == (size_b == 1)) {
            dims[rank - 1] *= size;
        } else {
            dims[rank] = size;
            steps_a[rank] = size_a == 1 ? 0 : along_a;
            steps_b[rank] = size_b == 1 ? 0 : along_b;
            ++rank;
        }
        along_a *= size_a;
        along_b *= size_b;
    }
    if (rank == 0) {
        dims[0] = 1;
        steps_a[0] = steps_b[0] = 1;
        rank = 1;
    }
    s->rank = rank;
    for (d = 0; d < rank; ++d) {
        s->dims[d] = dims[rank - 1 - d];
        s->step_a[d] = steps_a[rank - 1 - d];
        s->step_b[d] = steps_b[rank - 1 - d];
    }
}

static li_status li_pair_plan(li_net *net, li_node *node, uint32_t activation_slot)
{
    const li_tensor *a = li_node_input(net, node, 0), *b = li_node_input(net, node, 1);
    li_tensor *out = li_node_output(net, node, 0);
    int64_t dims[LI_MAX_RANK];
    uint32_t rank;

    LI_TRY(li_range_check(net, node, li_option_i8(net, node, activation_slot, LI_ACTIVATION_NONE)));
    LI_TRY(li_broadcast_shape(net, node, a, b, dims, &rank));
    LI_TRY(li_set_shape(net, node, out, rank, dims));
    if (a->type == LI_INT8) {
        LI_TRY(li_need_quantized(net, node, a));
        LI_TRY(li_need_quantized(net, node, b));
        LI_TRY(li_need_quantized(net, node, out));
    }
    node->state_bytes = sizeof(li_pair_state);
    return LI_OK;
}

/* What both operators prepare alike; the rule of the limits belongs to the formula that was selected. */
static void li_pair_prepare(li_net *net, const li_node *node, li_pair_state *s, int32_t kind, uint32_t activation_slot)
{
    const li_tensor *a = li_node_input(net, node, 0), *b = li_node_input(net, node, 1), *out = li_node_output(net, node, 0);
    const int32_t activation = li_option_i8(net, node, activation_slot, LI_ACTIVATION_NONE);
    const li_range_f32 range = li_range_of_f32(activation);

    s->kind = kind;
    s->low_f32 = range.low;
    s->high_f32 = range.high;
    if (li_tensor_elements(out) != 0) li_pair_walk(a, b, out, s);
    if (kind != LI_PAIR_FLOAT) {
        const enum li_limit rule = kind == LI_PAIR_FIXED ? LI_LIMIT_AWAY : LI_LIMIT_EVEN;
        li_range_s8 limits;
        s->zero_a = li_tensor_zero_point(net, a, 0);
        s->zero_b = li_tensor_zero_point(net, b, 0);
        s->zero_out = li_tensor_zero_point(net, out, 0);
        limits = li_range_of_s8(activation, li_tensor_scale(net, out, 0), s->zero_out, rule);
        s->low = limits.low;
        s->high = limits.high;
    }
}

/* One run along the innermost dimension. */
typedef void (*li_pair_line)(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,
                             int32_t step_b);

static void li_pair_run(li_net *net, const li_node *node, size_t element, li_pair_line line)
{
    const li_pair_state *s = li_node_state_const(net, node);
    const char *a = li_tensor_data(li_node_input(net, node, 0)), *b = li_tensor_data(li_node_input(net, node, 1));
    char *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t last = s->rank - 1;
    int32_t index[LI_MAX_RANK] = { 0 };
    size_t at_a = 0, at_b = 0;
    uint32_t d;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return;
    for (;;) {
        line(s, out, a + at_a * element, b + at_b * element, s->dims[last], s->step_a[last], s->step_b[last]);
        out += (size_t)s->dims[last] * element;
        for (d = last; d-- > 0;) {
            at_a += (size_t)s->step_a[d];
            at_b += (size_t)s->step_b[d];
            if (++index[d] < s->dims[d]) break;
            at_a -= (size_t)s->step_a[d] * (size_t)s->dims[d];
            at_b -= (size_t)s->step_b[d] * (size_t)s->dims[d];
            index[d] = 0;
        }
        if (d == UINT32_MAX) return;
    }
}

/* ---- ADD ---- */

static int li_add_is_direct(const li_net *net, const li_node *node)
{
    const float out = li_tensor_scale(net, li_node_output(net, node, 0), 0);
    const float a = li_tensor_scale(net, li_node_input(net, node, 0), 0) / out;
    const float b = li_tensor_scale(net, li_node_input(net, node, 1), 0) / out;
    return a >= 1.0f / 1024 && a < 256.0f && b >= 1.0f / 1024 && b < 256.0f;
}

/* The factor by which the fixed formula brings the sum to the output's scale. */
static double li_add_fixed_factor(const li_net *net, const li_node *node)
{
    const float a = li_tensor_scale(net, li_node_input(net, node, 0), 0), b = li_tensor_scale(net, li_node_input(net, node, 1), 0);
    const double out = (double)li_tensor_scale(net, li_node_output(net, node, 0), 0);
    return 2.0 * (double)(a > b ? a : b) / ((double)(1 << LI_PAIR_SHIFT) * out);
}

li_status li_add_plan(li_net *net, li_node *node)
{
    LI_TRY(li_pair_plan(net, node, LI_SLOT_AddOptions_fused_activation_function));
    if (li_node_input(net, node, 0)->type == LI_INT8 && !li_add_is_direct(net, node) && !(li_add_fixed_factor(net, node) < 1.0))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 1, -1);
    return LI_OK;
}

void li_add_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_pair_state *s = li_node_state(net, node);
    const int32_t kind = input->type != LI_INT8 ? LI_PAIR_FLOAT : li_add_is_direct(net, node) ? LI_PAIR_DIRECT : LI_PAIR_FIXED;
    float scale_a, scale_b, scale_out;

    li_pair_prepare(net, node, s, kind, LI_SLOT_AddOptions_fused_activation_function);
    if (kind == LI_PAIR_FLOAT) return;
    scale_a = li_tensor_scale(net, input, 0);
    scale_b = li_tensor_scale(net, li_node_input(net, node, 1), 0);
    scale_out = li_tensor_scale(net, li_node_output(net, node, 0), 0);
    if (kind == LI_PAIR_DIRECT) {
        const float a = scale_a / scale_out, b = scale_b / scale_out;
        s->shift = LI_PAIR_SHIFT - li_floor_log2(a > b ? a : b);
        s->factor_a = li_round_even(a * li_power_of_two(s->shift));
        s->factor_b = li_round_even(b * li_power_of_two(s->shift));
        s->bias = (1 << (s->shift - 1)) - s->factor_a * s->zero_a - s->factor_b * s->zero_b;
    } else {
        const double twice = 2.0 * (double)(scale_a > scale_b ? scale_a : scale_b);
        s->fixed_a = li_fixed_from((double)scale_a / twice);
        s->fixed_b = li_fixed_from((double)scale_b / twice);
        s->fixed_out = li_fixed_from(li_add_fixed_factor(net, node));
    }
}

static void li_add_line_f32(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a, int32_t step_b)
{
    const float *x = a, *y = b;
    float *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += step_a, y += step_b) z[i] = li_clamp_f32(*x + *y, s->low_f32, s->high_f32);
}

static void li_add_line_s8(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a, int32_t step_b)
{
    const int8_t *x = a, *y = b;
    int8_t *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += step_a, y += step_b) {
        const int32_t sum = s->bias + *x * s->factor_a + *y * s->factor_b;
        z[i] = (int8_t)li_clamp(li_shift_right(sum, s->shift) + s->zero_out, s->low, s->high);
    }
}

static void li_add_line_fixed(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a, int32_t step_b)
{
    const int8_t *x = a, *y = b;
    int8_t *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += step_a, y += step_b) {
        const int32_t p = li_fixed_multiply((*x - s->zero_a) * (1 << LI_PAIR_SHIFT), s->fixed_a);
        const int32_t q = li_fixed_multiply((*y - s->zero_b) * (1 << LI_PAIR_SHIFT), s->fixed_b);
        z[i] = (int8_t)li_clamp(li_fixed_multiply(p + q, s->fixed_out) + s->zero_out, s->low, s->high);
    }
}

li_status li_add_run(li_net *net, const li_node *node)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (s->kind == LI_PAIR_FLOAT) li_pair_run(net, node, sizeof(float), li_add_line_f32);
    else li_pair_run(net, node, 1, s->kind == LI_PAIR_DIRECT ? li_add_line_s8 : li_add_line_fixed);
    return LI_OK;
}

/* ---- MUL ---- */

static float li_mul_multiplier(const li_net *net, const li_node *node)
{
    const float product = li_tensor_scale(net, li_node_input(net, node, 0), 0) * li_tensor_scale(net, li_node_input(net, node, 1), 0);
    return product / li_tensor_scale(net, li_node_output(net, node, 0), 0);
}

static int li_mul_is_direct(float multiplier)
{
    return multiplier >= 1.0f / 65536 && multiplier < 256.0f;
}

li_status li_mul_plan(li_net *net, li_node *node)
{
    LI_TRY(li_pair_plan(net, node, LI_SLOT_MulOptions_fused_activation_function));
    if (li_node_input(net, node, 0)->type == LI_INT8 && !(li_mul_multiplier(net, node) < 16384.0f))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 16384, -1);
    return LI_OK;
}

void li_mul_prepare(li_net *net, const li_node *node)
{
    const li_tensor *a = li_node_input(net, node, 0);
    li_pair_state *s = li_node_state(net, node);
    int32_t kind = LI_PAIR_FIXED;
    if (a->type != LI_INT8) {
        li_pair_prepare(net, node, s, LI_PAIR_FLOAT, LI_SLOT_MulOptions_fused_activation_function);
        return;
    }
    s->multiplier = li_mul_multiplier(net, node);
    s->scale = li_tensor_scale(net, a, 0);
    s->inverse = 1.0f / li_tensor_scale(net, li_node_output(net, node, 0), 0);
    if (li_mul_is_direct(s->multiplier)) kind = a == li_node_input(net, node, 1) ? LI_PAIR_SQUARE : LI_PAIR_DIRECT;
    li_pair_prepare(net, node, s, kind, LI_SLOT_MulOptions_fused_activation_function);
    s->fixed_out = li_fixed_from((double)s->multiplier);
}

static void li_mul_line_f32(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a, int32_t step_b)
{
    const float *x = a, *y = b;
    float *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += step_a, y += step_b) z[i] = li_clamp_f32(*x * *y, s->low_f32, s->high_f32);
}

static void li_mul_line_s8(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a, int32_t step_b)
{
    const int8_t *x = a, *y = b;
    int8_t *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += step_a, y += step_b)
        z[i] = (int8_t)li_requantize((*x - s->zero_a) * (*y - s->zero_b), s->multiplier, s->zero_out, s->low, s->high);
}

static void li_mul_line_square(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a, int32_t step_b)
{
    const int8_t *x = a;
    int8_t *z = out;
    int32_t i;
    (void)b;
    (void)step_b;
    for (i = 0; i < n; ++i, x += step_a) {
        const float value = (float)(*x - s->zero_a) * s->scale;
        const float scaled = value * value * s->inverse + (float)s->zero_out;
        z[i] = (int8_t)li_clamp(li_quantize(scaled, 0, -128, 127), s->low, s->high);
    }
}

static void li_mul_line_fixed(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a, int32_t step_b)
{
    const int8_t *x = a, *y = b;
    int8_t *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += step_a, y += step_b)
        z[i] = (int8_t)li_clamp(li_fixed_multiply((*x - s->zero_a) * (*y - s->zero_b), s->fixed_out) + s->zero_out, s->low, s->high);
}

li_status li_mul_run(li_net *net, const li_node *node)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (s->kind == LI_PAIR_FLOAT) li_pair_run(net, node, sizeof(float), li_mul_line_f32);
    else if (s->kind == LI_PAIR_SQUARE) li_pair_run(net, node, 1, li_mul_line_square);
    else li_pair_run(net, node, 1, s->kind == LI_PAIR_DIRECT ? li_mul_line_s8 : li_mul_line_fixed);
    return LI_OK;
}

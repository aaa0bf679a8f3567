/* SPDX-License-Identifier: Apache-2.0 */
/* ADD, SUB, MUL, DIV, MAXIMUM and MINIMUM with broadcasting; of integers without a scale in li_integers.c. Formulas and
   their gates: docs/NUMERICS.md. */
#include "li_bands.h"
#include "li_integers.h"

enum { LI_PAIR_SHIFT = 20, LI_PAIR_SHIFT_S16 = 15 };   /* ADD and SUB: bits of headroom in both formulas */

/* The line of one float32 operator: its value of *x and *y, then the fused activation. */
#define LI_PAIR_LINE_F32(name, value)                                                                                  \
    static void name(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,       \
                     int32_t step_b)                                                                                   \
    {                                                                                                                  \
        const float *x = a, *y = b;                                                                                    \
        float *z = out;                                                                                                \
        int32_t i;                                                                                                     \
        for (i = 0; i < n; ++i, x += step_a, y += step_b) z[i] = li_clamp_f32(value, s->low_f32, s->high_f32);         \
    }

/* The line of one integer operator, whose value is clamped to the limits of the output. */
#define LI_PAIR_LINE_INTEGER(name, type, value)                                                                                   \
    static void name(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,       \
                     int32_t step_b)                                                                                   \
    {                                                                                                                  \
        const type *x = a, *y = b;                                                                                     \
        type *z = out;                                                                                                 \
        int32_t i;                                                                                                     \
        for (i = 0; i < n; ++i, x += step_a, y += step_b) z[i] = (type)li_clamp(value, s->low, s->high);               \
    }
#define LI_PAIR_LINE_S8(name, value) LI_PAIR_LINE_INTEGER(name, int8_t, value)
#define LI_PAIR_LINE_S16(name, value) LI_PAIR_LINE_INTEGER(name, int16_t, value)

static int32_t li_pair_activation(const li_net *net, const li_node *node, uint32_t slot)
{
    return li_option_i8(net, node, slot, LI_ACTIVATION_NONE);
}

/* ---- ADD, SUB ---- */

static int32_t li_sum_shift(const li_net *net, const li_node *node)
{
    return li_node_input(net, node, 0)->type == LI_INT16 ? LI_PAIR_SHIFT_S16 : LI_PAIR_SHIFT;
}

/* The direct form is for int8. */
static int li_sum_is_direct(const li_net *net, const li_node *node)
{
    const float out = li_tensor_scale(net, li_node_output(net, node, 0), 0);
    const float a = li_tensor_scale(net, li_node_input(net, node, 0), 0) / out;
    const float b = li_tensor_scale(net, li_node_input(net, node, 1), 0) / out;
    return li_node_input(net, node, 0)->type == LI_INT8 && a >= 1.0f / 1024 && a < 256.0f && b >= 1.0f / 1024 && b < 256.0f;
}

/* The factor by which the fixed formula brings the sum to the output's scale. */
static double li_sum_fixed_factor(const li_net *net, const li_node *node)
{
    const float a = li_tensor_scale(net, li_node_input(net, node, 0), 0), b = li_tensor_scale(net, li_node_input(net, node, 1), 0);
    const double out = (double)li_tensor_scale(net, li_node_output(net, node, 0), 0);
    return 2.0 * (double)(a > b ? a : b) / ((double)(1 << li_sum_shift(net, node)) * out);
}

/* Two tensors of one shape for the kernels, which the walk joins to one line. */
static int li_sum_is_one_line(const li_net *net, const li_node *node)
{
    const li_tensor *a = li_node_input(net, node, 0), *b = li_node_input(net, node, 1);
    uint32_t d;
    if (a->rank != b->rank || (a->type == LI_INT8 ? !li_sum_is_direct(net, node) : a->type != LI_FLOAT32 || li_kernels_of(net)->pair_f32 == NULL)) return 0;
    for (d = 0; d < a->rank && a->dims[d] == b->dims[d];) ++d;
    return LI_PACKS && d == a->rank;
}

/* `pot_slot`: int16 with scales of powers of two only, in another arithmetic; the format's default. */
static li_status li_addition_plan(li_net *net, li_node *node, int32_t activation, uint32_t pot_slot)
{
    LI_TRY(li_pair_plan(net, node, activation));
    if (li_node_input(net, node, 0)->type == LI_INT16 && li_option_i8(net, node, pot_slot, 1) != 0)
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPTION_RANGE, node, NULL, 0, 1);
    if (li_pair_is_quantized(net, node) && !li_sum_is_direct(net, node) && !(li_sum_fixed_factor(net, node) < 1.0))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 1, -1);
    if (li_sum_is_one_line(net, node)) node->divided = LI_DIVIDED_BANDS;
    return LI_OK;
}

/* `sign` is -1 where b is subtracted. */
static void li_addition_prepare(li_net *net, const li_node *node, int32_t activation, int32_t sign)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_pair_state *s = li_node_state(net, node);
    const int32_t kind =
        input->type == LI_FLOAT32 ? LI_PAIR_FLOAT : li_sum_is_direct(net, node) ? LI_PAIR_DIRECT : LI_PAIR_FIXED;
    float scale_a, scale_b, scale_out;

    if (li_integers_are(net, node)) {
        li_integers_prepare(net, node, s, activation);
        return;
    }
    li_pair_prepare(net, node, s, kind, activation);
    if (kind == LI_PAIR_FLOAT) return;
    scale_a = li_tensor_scale(net, input, 0);
    scale_b = li_tensor_scale(net, li_node_input(net, node, 1), 0);
    scale_out = li_tensor_scale(net, li_node_output(net, node, 0), 0);
    if (kind == LI_PAIR_DIRECT) {
        const float a = scale_a / scale_out, b = scale_b / scale_out;
        s->shift = LI_PAIR_SHIFT - li_floor_log2(a > b ? a : b);
        s->factor_a = li_round_even(a * li_power_of_two(s->shift));
        s->factor_b = sign * li_round_even(b * li_power_of_two(s->shift));
        s->bias = (1 << (s->shift - 1)) - s->factor_a * s->zero_a - s->factor_b * s->zero_b;
    } else {
        const double twice = 2.0 * (double)(scale_a > scale_b ? scale_a : scale_b);
        s->fixed_a = li_fixed_from((double)scale_a / twice);
        s->fixed_b = li_fixed_from((double)scale_b / twice);
        s->factor_b = sign;
        s->shift = li_sum_shift(net, node);
        s->fixed_out = li_fixed_from(li_sum_fixed_factor(net, node));
    }
}

LI_PAIR_LINE_S8(li_sum_line_s8, li_shift_right(s->bias + *x * s->factor_a + *y * s->factor_b, s->shift) + s->zero_out)

static int32_t li_sum_fixed(const li_pair_state *s, int32_t x, int32_t y)
{
    const int32_t p = li_fixed_multiply((x - s->zero_a) * (1 << s->shift), s->fixed_a);
    const int32_t q = li_fixed_multiply((y - s->zero_b) * (1 << s->shift), s->fixed_b);
    return li_fixed_multiply(p + q * s->factor_b, s->fixed_out) + s->zero_out;
}

LI_PAIR_LINE_S8(li_sum_line_fixed, li_sum_fixed(s, *x, *y))
LI_PAIR_LINE_S16(li_sum_line_s16, li_sum_fixed(s, *x, *y))

/* Two tensors of one shape, which the walk has joined to one line: the usual case. */
typedef struct li_sum_job {
    li_bands bands;
    const li_kernels *kernels;
    const int8_t *a, *b;
    int8_t *out;
    size_t n;
    li_sum_s8 sum;
} li_sum_job;

static void li_sum_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_sum_job *job = (const li_sum_job *)bands;
    const size_t from = li_bands_elements(first, job->n), n = li_bands_elements(first + count, job->n) - from;
    (void)band;
    job->kernels->add_s8(job->out + from, job->a + from, job->b + from, &job->sum, n);
}

LI_NOT_INLINE static void li_sum_run_whole(li_net *net, const li_node *node, const li_pair_state *s)
{
    const size_t n = li_tensor_elements(li_node_output(net, node, 0));
    li_sum_job job = {
        { .band = li_sum_band, .units = li_bands_of_elements(n) }, li_kernels_of(net), li_tensor_data(li_node_input(net, node, 0)),
        li_tensor_data(li_node_input(net, node, 1)), li_tensor_data(li_node_output(net, node, 0)), n,
        { s->factor_a, s->factor_b, s->bias, s->shift, s->zero_out, s->low, s->high },
    };
    if (n != 0) li_bands_run(net, node, &job.bands, (uint64_t)n * LI_BAND_ELEMENT);      /* tensors of nothing have no address */
}

static li_status li_addition_run(li_net *net, const li_node *node, int32_t operation, li_pair_line line_f32)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (li_integers_are(net, node)) return li_integers_run(net, node);
    if (s->kind == LI_PAIR_FLOAT) li_pair_run_f32(net, node, operation, line_f32);
    else if (li_node_input(net, node, 0)->type == LI_INT16) li_pair_run(net, node, sizeof(int16_t), li_sum_line_s16);
    else if (s->kind == LI_PAIR_DIRECT && s->rank == 1 && s->step_a[0] == 1 && s->step_b[0] == 1) li_sum_run_whole(net, node, s);
    else li_pair_run(net, node, 1, s->kind == LI_PAIR_DIRECT ? li_sum_line_s8 : li_sum_line_fixed);
    return LI_OK;
}

li_status li_add_plan(li_net *net, li_node *node)
{
    return li_addition_plan(net, node, li_pair_activation(net, node, LI_SLOT_AddOptions_fused_activation_function),
                            LI_SLOT_AddOptions_pot_scale_int16);
}

void li_add_prepare(li_net *net, const li_node *node)
{
    li_addition_prepare(net, node, li_pair_activation(net, node, LI_SLOT_AddOptions_fused_activation_function), 1);
}

LI_PAIR_LINE_F32(li_add_line_f32, *x + *y)

li_status li_add_run(li_net *net, const li_node *node)
{
    return li_addition_run(net, node, LI_PAIR_ADD, li_add_line_f32);
}

li_status li_sub_plan(li_net *net, li_node *node)
{
    return li_addition_plan(net, node, li_pair_activation(net, node, LI_SLOT_SubOptions_fused_activation_function),
                            LI_SLOT_SubOptions_pot_scale_int16);
}

void li_sub_prepare(li_net *net, const li_node *node)
{
    li_addition_prepare(net, node, li_pair_activation(net, node, LI_SLOT_SubOptions_fused_activation_function), -1);
}

LI_PAIR_LINE_F32(li_sub_line_f32, *x - *y)

li_status li_sub_run(li_net *net, const li_node *node)
{
    return li_addition_run(net, node, LI_PAIR_SUB, li_sub_line_f32);
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
    LI_TRY(li_pair_plan(net, node, li_pair_activation(net, node, LI_SLOT_MulOptions_fused_activation_function)));
    if (li_pair_is_quantized(net, node) && !(li_mul_multiplier(net, node) < 16384.0f))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 16384, -1);
    return LI_OK;
}

void li_mul_prepare(li_net *net, const li_node *node)
{
    const int32_t activation = li_pair_activation(net, node, LI_SLOT_MulOptions_fused_activation_function);
    const li_tensor *a = li_node_input(net, node, 0);
    li_pair_state *s = li_node_state(net, node);
    int32_t kind = LI_PAIR_FIXED;
    if (a->type == LI_FLOAT32) {
        li_pair_prepare(net, node, s, LI_PAIR_FLOAT, activation);
        return;
    }
    if (li_integers_are(net, node)) {
        li_integers_prepare(net, node, s, activation);
        return;
    }
    s->multiplier = li_mul_multiplier(net, node);
    s->scale = li_tensor_scale(net, a, 0);
    s->inverse = 1.0f / li_tensor_scale(net, li_node_output(net, node, 0), 0);
    s->bias = li_tensor_shift(li_node_output(net, node, 0));
    if (a->type == LI_INT8 && li_mul_is_direct(s->multiplier)) kind = a == li_node_input(net, node, 1) ? LI_PAIR_SQUARE : LI_PAIR_DIRECT;
    li_pair_prepare(net, node, s, kind, activation);
    s->fixed_out = li_fixed_from((double)s->multiplier);
}

LI_PAIR_LINE_F32(li_mul_line_f32, *x * *y)
LI_PAIR_LINE_S8(li_mul_line_s8, li_requantize((*x - s->zero_a) * (*y - s->zero_b), s->multiplier, s->zero_out, s->low, s->high))

static int32_t li_mul_square(const li_pair_state *s, int32_t x)
{
    const float value = (float)(x - s->zero_a) * s->scale;
    const float scaled = value * value * s->inverse + (float)(s->zero_out + s->bias);    /* in the codes of the file */
    return li_quantize(scaled, 0, s->bias - 128, s->bias + 127) - s->bias;
}

LI_PAIR_LINE_S8(li_mul_line_square, li_mul_square(s, *x))
LI_PAIR_LINE_S8(li_mul_line_fixed, li_fixed_multiply((*x - s->zero_a) * (*y - s->zero_b), s->fixed_out) + s->zero_out)
LI_PAIR_LINE_S16(li_mul_line_s16, li_fixed_multiply(*x * *y, s->fixed_out))

/* By a table of all codes. */
LI_NOT_INLINE static void li_mul_run_square(const li_net *net, const li_node *node, const li_pair_state *s)
{
    const li_tensor *output = li_node_output(net, node, 0);
    int8_t table[256];
    int32_t q;
    for (q = -128; q < 128; ++q) table[q + 128] = (int8_t)li_clamp(li_mul_square(s, q), s->low, s->high);
    if (li_tensor_elements(output) != 0)
        li_kernels_of(net)->look_up_s8(li_tensor_data(output), li_tensor_data(li_node_input(net, node, 0)), table, li_tensor_elements(output));
}

li_status li_mul_run(li_net *net, const li_node *node)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (li_integers_are(net, node)) return li_integers_run(net, node);
    if (s->kind == LI_PAIR_FLOAT) li_pair_run_f32(net, node, LI_PAIR_MUL, li_mul_line_f32);
    else if (li_node_input(net, node, 0)->type == LI_INT16) li_pair_run(net, node, sizeof(int16_t), li_mul_line_s16);
    else if (LI_PACKS && s->kind == LI_PAIR_SQUARE && li_kernels_of(net)->look_up_s8 != NULL) li_mul_run_square(net, node, s);
    else if (s->kind == LI_PAIR_SQUARE) li_pair_run(net, node, 1, li_mul_line_square);
    else if (s->kind == LI_PAIR_FIXED) li_pair_run(net, node, 1, li_mul_line_fixed);
    else if (!li_pair_run_mul_s8(net, node)) li_pair_run(net, node, 1, li_mul_line_s8);
    return LI_OK;
}

/* ---- DIV ---- */

li_status li_div_plan(li_net *net, li_node *node)
{
    return li_pair_plan(net, node, li_pair_activation(net, node, LI_SLOT_DivOptions_fused_activation_function));
}

void li_div_prepare(li_net *net, const li_node *node)
{
    const int32_t activation = li_pair_activation(net, node, LI_SLOT_DivOptions_fused_activation_function);
    const li_tensor *a = li_node_input(net, node, 0);
    li_pair_state *s = li_node_state(net, node);
    float quotient;

    if (li_integers_are(net, node)) {
        li_integers_prepare(net, node, s, activation);
        return;
    }
    li_pair_prepare(net, node, s, a->type == LI_INT8 ? LI_PAIR_DIRECT : LI_PAIR_FLOAT, activation);
    if (a->type != LI_INT8) return;
    quotient = li_tensor_scale(net, a, 0) / li_tensor_scale(net, li_node_input(net, node, 1), 0);
    s->multiplier = quotient / li_tensor_scale(net, li_node_output(net, node, 0), 0);
}

/* By zero: the end of the range on the side of the dividend's sign, the zero point for 0 / 0. */
static int32_t li_div_s8(const li_pair_state *s, int32_t x, int32_t y)
{
    const int32_t dividend = x - s->zero_a, divisor = y - s->zero_b;
    float scaled;
    if (dividend == 0) return s->zero_out;
    if (divisor == 0) return dividend > 0 ? s->high : s->low;
    scaled = (float)dividend * s->multiplier;
    return li_quantize(scaled / (float)divisor, s->zero_out, s->low, s->high);
}

LI_PAIR_LINE_F32(li_div_line_f32, *x / *y)
LI_PAIR_LINE_S8(li_div_line_s8, li_div_s8(s, *x, *y))

li_status li_div_run(li_net *net, const li_node *node)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (li_integers_are(net, node)) return li_integers_run(net, node);
    if (s->kind == LI_PAIR_FLOAT) li_pair_run_f32(net, node, LI_PAIR_DIV, li_div_line_f32);
    else li_pair_run(net, node, 1, li_div_line_s8);
    return LI_OK;
}

/* ---- MAXIMUM, MINIMUM ---- */

static li_status li_choice_plan(li_net *net, li_node *node)
{
    const li_tensor *a = li_node_input(net, node, 0), *out = li_node_output(net, node, 0);
    LI_TRY(li_pair_plan(net, node, LI_ACTIVATION_NONE));
    if (!li_pair_is_quantized(net, node)) return LI_OK;
    LI_TRY(li_need_same_quantization(net, node, a, out));
    return li_need_same_quantization(net, node, li_node_input(net, node, 1), out);
}

static void li_choice_prepare(li_net *net, const li_node *node)
{
    const int32_t kind = li_pair_is_quantized(net, node) ? LI_PAIR_DIRECT : LI_PAIR_FLOAT;
    if (li_integers_are(net, node)) li_integers_prepare(net, node, li_node_state(net, node), LI_ACTIVATION_NONE);
    else li_pair_prepare(net, node, li_node_state(net, node), kind, LI_ACTIVATION_NONE);
}

static li_status li_choice_run(li_net *net, const li_node *node, li_pair_line line_f32, li_pair_line line_s8,
                               li_pair_line line_s16)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (li_integers_are(net, node)) return li_integers_run(net, node);
    if (s->kind == LI_PAIR_FLOAT) li_pair_run(net, node, sizeof(float), line_f32);
    else if (li_node_input(net, node, 0)->type == LI_INT16) li_pair_run(net, node, sizeof(int16_t), line_s16);
    else li_pair_run(net, node, 1, line_s8);
    return LI_OK;
}

LI_PAIR_LINE_F32(li_maximum_line_f32, *x > *y ? *x : *y)
LI_PAIR_LINE_S8(li_maximum_line_s8, *x > *y ? *x : *y)
LI_PAIR_LINE_S16(li_maximum_line_s16, *x > *y ? *x : *y)
LI_PAIR_LINE_F32(li_minimum_line_f32, *x < *y ? *x : *y)
LI_PAIR_LINE_S8(li_minimum_line_s8, *x < *y ? *x : *y)
LI_PAIR_LINE_S16(li_minimum_line_s16, *x < *y ? *x : *y)

li_status li_maximum_plan(li_net *net, li_node *node)
{
    return li_choice_plan(net, node);
}

void li_maximum_prepare(li_net *net, const li_node *node)
{
    li_choice_prepare(net, node);
}

li_status li_maximum_run(li_net *net, const li_node *node)
{
    return li_choice_run(net, node, li_maximum_line_f32, li_maximum_line_s8, li_maximum_line_s16);
}

li_status li_minimum_plan(li_net *net, li_node *node)
{
    return li_choice_plan(net, node);
}

void li_minimum_prepare(li_net *net, const li_node *node)
{
    li_choice_prepare(net, node);
}

li_status li_minimum_run(li_net *net, const li_node *node)
{
    return li_choice_run(net, node, li_minimum_line_f32, li_minimum_line_s8, li_minimum_line_s16);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Activations as operators of their own. In int8 each is a table of 256 entries: docs/NUMERICS.md, "Tables". */
#include "li_bands.h"
#include "li_range.h"
#include "li_wide_activation.h"

static int li_is_wide(const li_net *net, const li_node *node)
{
    return li_node_input(net, node, 0)->type == LI_INT16;
}

/* ---- LOGISTIC, TANH, ELU ---- */

li_status li_logistic_plan(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan(net, node));
    return li_is_wide(net, node) ? li_wide_gate_plan(net, node) : LI_OK;
}

void li_logistic_prepare(li_net *net, const li_node *node)
{
    if (li_is_wide(net, node)) li_wide_gate_prepare(net, node);
    else li_table_fill(net, node, li_logistic, LI_TABLE_EVEN);
}

li_status li_logistic_run(li_net *net, const li_node *node)
{
    if (!li_is_wide(net, node)) return li_table_run(net, node, li_logistic);
    li_wide_logistic_run(net, node);
    return LI_OK;
}

li_status li_tanh_plan(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan(net, node));
    return li_is_wide(net, node) ? li_wide_gate_plan(net, node) : LI_OK;
}

void li_tanh_prepare(li_net *net, const li_node *node)
{
    if (li_is_wide(net, node)) li_wide_gate_prepare(net, node);
    else li_table_fill(net, node, li_tanh, LI_TABLE_EVEN);
}

li_status li_tanh_run(li_net *net, const li_node *node)
{
    if (!li_is_wide(net, node)) return li_table_run(net, node, li_tanh);
    li_wide_tanh_run(net, node);
    return LI_OK;
}

static double li_elu(double x)
{
    return x > 0.0 ? x : li_expm1(x);
}

li_status li_elu_plan(li_net *net, li_node *node)
{
    return li_table_plan(net, node);
}

void li_elu_prepare(li_net *net, const li_node *node)
{
    li_table_fill(net, node, li_elu, LI_TABLE_EVEN);
}

li_status li_elu_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_elu);
}

/* ---- GELU ---- */

/* x times the normal distribution's function. */
static double li_gelu(double x)
{
    return 0.5 * x * li_erfc(-x * 0.70710678118654752440);
}

/* 1/2 (1 + tanh u) is the logistic function of 2u, without cancellation. */
static double li_gelu_approximate(double x)
{
    return x * li_logistic(2.0 * 0.79788456080286535588 * (x + 0.044715 * x * x * x));
}

static li_function li_gelu_function(const li_net *net, const li_node *node)
{
    return li_option_i8(net, node, LI_SLOT_GeluOptions_approximate, 0) != 0 ? li_gelu_approximate : li_gelu;
}

li_status li_gelu_plan(li_net *net, li_node *node)
{
    return li_table_plan(net, node);
}

void li_gelu_prepare(li_net *net, const li_node *node)
{
    li_table_fill(net, node, li_gelu_function(net, node), LI_TABLE_AWAY);
}

li_status li_gelu_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_gelu_function(net, node));
}

/* ---- RELU, RELU6 ---- */

static void li_limit_prepare(li_net *net, const li_node *node, int32_t activation)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    float out_scale;
    int32_t q, zero, out_zero;
    li_range_s8 range;
    li_fixed factor;

    if (input->type == LI_FLOAT32) return;
    out_scale = li_tensor_scale(net, output, 0);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    range = li_range_of_s8(net, output, activation, LI_LIMIT_AWAY);
    factor = li_fixed_from((double)li_tensor_scale(net, input, 0) / (double)out_scale);
    if (li_is_wide(net, node)) {
        const li_wide_bend straight = { factor, factor, 1, range.low, range.high };
        li_copy(li_node_state(net, node), &straight, sizeof straight);
        return;
    }
    for (q = -128; q < 128; ++q)
        s->entries[q + 128] = (int8_t)li_clamp(li_fixed_multiply(q - zero, factor) + out_zero, range.low, range.high);
}

typedef struct li_limit_job {
    li_bands bands;
    const li_kernels *kernels;
    const float *x;
    float *out;
    size_t n;
    li_range_f32 range;
} li_limit_job;

static void li_limit_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_limit_job *job = (const li_limit_job *)bands;
    const size_t from = li_bands_elements(first, job->n), end = li_bands_elements(first + count, job->n);
    size_t i;
    (void)band;
    if (job->kernels->limit_f32 != NULL)
        job->kernels->limit_f32(job->out + from, job->x + from, job->range.low, job->range.high, end - from);
    else
        for (i = from; i < end; ++i) job->out[i] = li_clamp_f32(job->x[i], job->range.low, job->range.high);
}

static void li_limit_run_f32(li_net *net, const li_node *node, int32_t activation)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const size_t n = li_tensor_elements(input);
    li_limit_job job = {
        { .band = li_limit_band, .units = li_bands_of_elements(n) }, li_kernels_of(net), li_tensor_data(input),
        li_tensor_data(li_node_output(net, node, 0)), n, li_range_of_f32(activation),
    };
    if (n != 0) li_bands_run(net, node, &job.bands, li_size_mul(n, LI_BAND_ELEMENT));
}

static void li_limit_run(li_net *net, const li_node *node, int32_t activation)
{
    if (li_is_wide(net, node)) li_wide_bend_run(net, node);
    else if (li_node_input(net, node, 0)->type == LI_INT8) li_table_look_up(net, node);
    else li_limit_run_f32(net, node, activation);
}

li_status li_relu_plan(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan_rescaled(net, node));
    if (li_is_wide(net, node)) node->state_bytes = sizeof(li_wide_bend);
    return LI_OK;
}

void li_relu_prepare(li_net *net, const li_node *node)
{
    li_limit_prepare(net, node, LI_ACTIVATION_RELU);
}

li_status li_relu_run(li_net *net, const li_node *node)
{
    li_limit_run(net, node, LI_ACTIVATION_RELU);
    return LI_OK;
}

li_status li_relu6_plan(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan_rescaled(net, node));
    if (li_is_wide(net, node)) node->state_bytes = sizeof(li_wide_bend);
    return LI_OK;
}

void li_relu6_prepare(li_net *net, const li_node *node)
{
    li_limit_prepare(net, node, LI_ACTIVATION_RELU6);
}

li_status li_relu6_run(li_net *net, const li_node *node)
{
    li_limit_run(net, node, LI_ACTIVATION_RELU6);
    return LI_OK;
}

/* ---- LEAKY_RELU ---- */

static float li_leaky_alpha(const li_net *net, const li_node *node)
{
    return node->options != 0 ? li_table_f32(li_file(net), node->options, LI_SLOT_LeakyReluOptions_alpha, 0.0f) : 0.0f;
}

li_status li_leaky_relu_plan(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan_rescaled(net, node));
    if (li_is_wide(net, node)) node->state_bytes = sizeof(li_wide_bend);
    if (li_node_input(net, node, 0)->type != LI_FLOAT32) {
        const float scale = li_tensor_scale(net, li_node_input(net, node, 0), 0) * li_leaky_alpha(net, node);
        const float slope = scale / li_tensor_scale(net, li_node_output(net, node, 0), 0);
        if (!(slope > -65536.0f && slope < 65536.0f))
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 65536, -1);
    }
    return LI_OK;
}

/* Below 0 the input's scale times alpha over the output's. */
static void li_leaky_prepare_wide(li_net *net, const li_node *node)
{
    const float in_scale = li_tensor_scale(net, li_node_input(net, node, 0), 0), scale = in_scale * li_leaky_alpha(net, node);
    const float out_scale = li_tensor_scale(net, li_node_output(net, node, 0), 0), slope = scale / out_scale;
    li_wide_bend *s = li_node_state(net, node);

    s->above = li_fixed_from((double)(in_scale / out_scale));
    s->below = li_fixed_from((double)(slope < 0.0f ? -slope : slope));
    s->sign_below = slope < 0.0f ? -1 : 1;
    s->low = -32768;
    s->high = 32767;
}

/* factor may be 0 or negative. */
static int32_t li_leaky_fixed(int32_t value, float factor)
{
    if (factor == 0.0f) return 0;
    return factor > 0.0f ? li_fixed_multiply(value, li_fixed_from((double)factor))
                         : li_fixed_multiply(-value, li_fixed_from(-(double)factor));
}

void li_leaky_relu_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    float alpha, ratio, slope, steep;
    int32_t q, zero, out_zero, direct;

    if (li_is_wide(net, node)) li_leaky_prepare_wide(net, node);
    if (input->type != LI_INT8) return;
    alpha = li_leaky_alpha(net, node);
    ratio = li_tensor_scale(net, input, 0) / li_tensor_scale(net, output, 0);
    slope = ratio * alpha;
    steep = slope < 0.0f ? -slope : slope;
    direct = ratio >= 1.0f / 256 && ratio <= 128.0f && steep >= 1.0f / 256 && slope <= 128.0f && slope > -128.0f;
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    for (q = -128; q < 128; ++q) {
        const int32_t x = q - zero;
        int32_t y;
        if (direct) {
            y = li_shift_right(x * li_round_even(256.0f * (x >= 0 ? ratio : slope)) + 128, 8);
        } else if (x >= 0) {
            y = li_leaky_fixed(x, ratio);
        } else {
            const float scale = li_tensor_scale(net, input, 0) * alpha;
            y = li_leaky_fixed(x, scale / li_tensor_scale(net, output, 0));
        }
        s->entries[q + 128] = (int8_t)li_clamp(y + out_zero, -128, 127);
    }
}

li_status li_leaky_relu_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    if (li_is_wide(net, node)) {
        li_wide_bend_run(net, node);
    } else if (input->type == LI_INT8) {
        li_table_look_up(net, node);
    } else {
        const float alpha = li_leaky_alpha(net, node);
        const float *x = li_tensor_data(input);
        float *out = li_tensor_data(li_node_output(net, node, 0));
        const uint32_t n = li_tensor_elements(input);
        uint32_t i;
        for (i = 0; i < n; ++i) out[i] = x[i] >= 0.0f ? x[i] : x[i] * alpha;
    }
    return LI_OK;
}

/* ---- HARD_SWISH ---- */

static double li_hard_swish(double x)
{
    const double gate = x + 3.0;
    return x * (gate < 0.0 ? 0.0 : gate > 6.0 ? 6.0 : gate) / 6.0;
}

/* The input's scale, of 1/128 of its step, over another scale. */
static li_fixed li_hard_swish_factor(const li_net *net, const li_node *node, float scale)
{
    const float fine = (1.0f / 128.0f) * li_tensor_scale(net, li_node_input(net, node, 0), 0);
    return li_fixed_from((double)(fine / scale));
}

li_status li_hard_swish_plan(li_net *net, li_node *node)
{
    const li_tensor *output = li_node_output(net, node, 0);
    LI_TRY(li_table_plan(net, node));
    if (li_node_input(net, node, 0)->type == LI_INT8 && li_hard_swish_factor(net, node, li_tensor_scale(net, output, 0)).shift > 0)
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, output, 128, -1);
    return LI_OK;
}

static int32_t li_saturate16(int32_t value)
{
    return li_clamp(value, -32768, 32767);
}

/* Multiplier of 15 bits from one of 31. */
static int32_t li_multiplier16(li_fixed factor)
{
    return factor.multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (factor.multiplier + (1 << 15)) >> 16;
}

/* a * b / 2^15, to nearest, ties upward. */
static int32_t li_product16(int32_t a, int32_t b)
{
    return li_shift_right(a * b + (1 << 14), 15);
}

/* value * 2^n, saturated at 16 bits; n from 0 on. */
static int32_t li_left16(int32_t value, int32_t n)
{
    return value == 0 ? 0 : n > 15 ? (value > 0 ? 32767 : -32768) : li_saturate16(value * (1 << n));
}

/* value / 2^n, to nearest, ties away from zero; n from 0 to 31. */
static int32_t li_right_away(int32_t value, int32_t n)
{
    const int32_t magnitude = value < 0 ? -value : value;
    const int32_t rounded = n == 0 ? magnitude : n > 17 ? 0 : (magnitude + (1 << (n - 1))) >> n;
    return value < 0 ? -rounded : rounded;
}

void li_hard_swish_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    li_fixed scaled, gated;
    int32_t q, zero, out_zero;

    if (input->type != LI_INT8) return;
    scaled = li_hard_swish_factor(net, node, li_tensor_scale(net, output, 0));
    gated = li_hard_swish_factor(net, node, 3.0f / 32768.0f);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    for (q = -128; q < 128; ++q) {
        const int32_t fine = (q - zero) * 128;
        const int32_t value = li_product16(fine, li_multiplier16(scaled));
        int32_t gate = gated.shift > 0 ? li_left16(fine, gated.shift - 1) : fine;
        int32_t product;
        gate = li_product16(gate, li_multiplier16(gated));
        gate = gated.shift > 0 ? li_left16(gate, 1) : li_right_away(gate, -gated.shift);
        gate = li_shift_right(gate + (1 << 15), 1);
        product = gate * value / (1 << 15);
        s->entries[q + 128] = (int8_t)li_clamp(li_right_away(product, -scaled.shift) + out_zero, -128, 127);
    }
}

li_status li_hard_swish_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_hard_swish);
}

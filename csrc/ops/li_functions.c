/* SPDX-License-Identifier: Apache-2.0 */
/* ABS, NEG, SQUARE, SQRT, RSQRT, EXP and LOG. In int8 each is a table of 256 entries: docs/NUMERICS.md, "Tables". */
#include "li_table.h"

/* ---- ABS, NEG ---- */

static double li_magnitude(double x)
{
    return x < 0.0 ? -x : x == 0.0 ? 0.0 : x;
}

static double li_negated(double x)
{
    return -x;
}

/* Entries from the code's distance to the zero point, times a sign for positive and one for negative numbers. */
static void li_sign_prepare(li_net *net, const li_node *node, int32_t positive, int32_t negative)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    int32_t q, zero, out_zero;
    li_fixed factor;
    float ratio;

    if (input->type != LI_INT8) return;
    ratio = li_tensor_scale(net, input, 0) / li_tensor_scale(net, output, 0);
    factor = li_fixed_from((double)ratio);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    for (q = -128; q < 128; ++q) {
        const int32_t x = (q - zero) * (q > zero ? positive : negative);
        s->entries[q + 128] = (int8_t)li_clamp(li_fixed_multiply(x, factor) + out_zero, -128, 127);
    }
}

li_status li_abs_plan(li_net *net, li_node *node)
{
    return li_table_plan_rescaled(net, node);
}

void li_abs_prepare(li_net *net, const li_node *node)
{
    li_sign_prepare(net, node, 1, -1);
}

li_status li_abs_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_magnitude);
}

li_status li_neg_plan(li_net *net, li_node *node)
{
    return li_table_plan_rescaled(net, node);
}

void li_neg_prepare(li_net *net, const li_node *node)
{
    li_sign_prepare(net, node, -1, -1);
}

li_status li_neg_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_negated);
}

/* ---- SQUARE ---- */

static double li_squared(double x)
{
    return x * x;
}

li_status li_square_plan(li_net *net, li_node *node)
{
    return li_table_plan(net, node);
}

void li_square_prepare(li_net *net, const li_node *node)
{
    li_table_fill(net, node, li_squared, LI_TABLE_EVEN);
}

li_status li_square_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_squared);
}

/* ---- SQRT ---- */

li_status li_sqrt_plan(li_net *net, li_node *node)
{
    return li_table_plan(net, node);
}

/* Rounded toward zero; 0 below 0. */
void li_sqrt_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    float scale, out_scale;
    int32_t q, zero, out_zero;

    if (input->type != LI_INT8) return;
    scale = li_tensor_scale(net, input, 0);
    out_scale = li_tensor_scale(net, output, 0);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    for (q = -128; q < 128; ++q) {
        const float x = q > zero ? (float)(q - zero) * scale : 0.0f;
        const float y = (float)li_sqrt((double)x) / out_scale;
        s->entries[q + 128] = (int8_t)li_clamp((int32_t)li_clamp_f32(y, 0.0f, 1024.0f) + out_zero, -128, 127);
    }
}

li_status li_sqrt_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_sqrt);
}

/* ---- RSQRT ---- */

enum { LI_RSQRT_SHIFT = 20 };   /* bits of fraction between its two roundings */

static double li_inverse_sqrt(double x)
{
    return 1.0 / li_sqrt(x);
}

/* What brings 1 / sqrt(code) to the output's scale. */
static li_fixed li_rsqrt_factor(const li_net *net, const li_node *node)
{
    const float root = (float)li_sqrt((double)li_tensor_scale(net, li_node_input(net, node, 0), 0));
    const float product = root * li_tensor_scale(net, li_node_output(net, node, 0), 0);
    li_fixed factor = li_fixed_from(1.0 / (double)product);
    factor.shift -= LI_RSQRT_SHIFT;
    return factor;
}

li_status li_rsqrt_plan(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan(net, node));
    if (li_node_input(net, node, 0)->type == LI_INT8) {
        const li_fixed factor = li_rsqrt_factor(net, node);
        if (factor.multiplier == 0 || factor.shift > 8 || factor.shift < -31)
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 256, -1);
    }
    return LI_OK;
}

/* The largest code at 0 and below. */
void li_rsqrt_prepare(li_net *net, const li_node *node)
{
    li_table_state *s = li_node_state(net, node);
    int32_t q, zero, out_zero;
    li_fixed factor;

    if (li_node_input(net, node, 0)->type != LI_INT8) return;
    factor = li_rsqrt_factor(net, node);
    zero = li_tensor_zero_point(net, li_node_input(net, node, 0), 0);
    out_zero = li_tensor_zero_point(net, li_node_output(net, node, 0), 0);
    for (q = -128; q < 128; ++q) {
        int32_t y = 127;
        if (q > zero) {
            li_fixed inverse = li_fixed_inverse_sqrt(q - zero);
            inverse.shift += LI_RSQRT_SHIFT;
            y = li_fixed_multiply(li_fixed_multiply(1, inverse), factor);
            y = li_clamp(y, -1024, 1024) + out_zero;
        }
        s->entries[q + 128] = (int8_t)li_clamp(y, -128, 127);
    }
}

li_status li_rsqrt_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_inverse_sqrt);
}

/* ---- EXP, LOG ---- */

li_status li_exp_plan(li_net *net, li_node *node)
{
    return li_table_plan(net, node);
}

void li_exp_prepare(li_net *net, const li_node *node)
{
    li_table_fill(net, node, li_exp, LI_TABLE_AWAY);
}

li_status li_exp_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_exp);
}

/* Below 0 as at 0: -infinity, the smallest code. */
static double li_log_or_least(double x)
{
    return li_log(x < 0.0 ? 0.0 : x);
}

li_status li_log_plan(li_net *net, li_node *node)
{
    return li_table_plan(net, node);
}

void li_log_prepare(li_net *net, const li_node *node)
{
    li_table_fill(net, node, li_log_or_least, LI_TABLE_AWAY);
}

li_status li_log_run(li_net *net, const li_node *node)
{
    return li_table_run(net, node, li_log);
}

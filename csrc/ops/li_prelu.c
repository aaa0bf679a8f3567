/* SPDX-License-Identifier: Apache-2.0 */
/* PRELU: x from 0 on, alpha * x below, with broadcasting. Formula: docs/NUMERICS.md, "PRELU". */
#include "li_pair.h"

static float li_prelu_slope(const li_net *net, const li_node *node)
{
    const float scale = li_tensor_scale(net, li_node_input(net, node, 0), 0) * li_tensor_scale(net, li_node_input(net, node, 1), 0);
    return scale / li_tensor_scale(net, li_node_output(net, node, 0), 0);
}

static float li_prelu_ratio(const li_net *net, const li_node *node)
{
    return li_tensor_scale(net, li_node_input(net, node, 0), 0) / li_tensor_scale(net, li_node_output(net, node, 0), 0);
}

li_status li_prelu_plan(li_net *net, li_node *node)
{
    LI_TRY(li_pair_plan(net, node, LI_ACTIVATION_NONE));
    if (li_node_input(net, node, 0)->type == LI_INT8
        && !(li_prelu_slope(net, node) < 16384.0f && li_prelu_ratio(net, node) < 16384.0f))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 16384, -1);
    return LI_OK;
}

void li_prelu_prepare(li_net *net, const li_node *node)
{
    const int is_int8 = li_node_input(net, node, 0)->type == LI_INT8;
    li_pair_state *s = li_node_state(net, node);

    li_pair_prepare(net, node, s, is_int8 ? LI_PAIR_FIXED : LI_PAIR_FLOAT, LI_ACTIVATION_NONE);
    if (!is_int8) return;
    s->fixed_a = li_fixed_from((double)li_prelu_ratio(net, node));
    s->fixed_out = li_fixed_from((double)li_prelu_slope(net, node));
}

static void li_prelu_line_s8(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,
                             int32_t step_b)
{
    const int8_t *x = a, *alpha = b;
    int8_t *z = out;
    int32_t i;
    for (i = 0; i < n; ++i, x += step_a, alpha += step_b) {
        const int32_t value = *x - s->zero_a;
        const int32_t y = value >= 0 ? li_fixed_multiply(value, s->fixed_a)
                                     : li_fixed_multiply(value * (*alpha - s->zero_b), s->fixed_out);
        z[i] = (int8_t)li_clamp(y + s->zero_out, -128, 127);
    }
}

static void li_prelu_line_f32(const li_pair_state *s, void *out, const void *a, const void *b, int32_t n, int32_t step_a,
                              int32_t step_b)
{
    const float *x = a, *alpha = b;
    float *z = out;
    int32_t i;
    (void)s;
    for (i = 0; i < n; ++i, x += step_a, alpha += step_b) z[i] = *x >= 0.0f ? *x : *x * *alpha;
}

li_status li_prelu_run(li_net *net, const li_node *node)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (s->kind == LI_PAIR_FLOAT) li_pair_run(net, node, sizeof(float), li_prelu_line_f32);
    else li_pair_run(net, node, 1, li_prelu_line_s8);
    return LI_OK;
}

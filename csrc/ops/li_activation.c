/* SPDX-License-Identifier: Apache-2.0 */
/* LOGISTIC, RELU and RELU6 as operators of their own. In int8 each is a table of 256 entries: NUMERICS.md, "Tables". */
#include "li_range.h"

typedef struct li_table_state { int8_t entries[256]; } li_table_state;     /* entries[x + 128] */

static li_status li_activation_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);

    LI_TRY(li_set_shape_like(net, node, output, input));
    node->state_bytes = 0;
    if (input->type != LI_INT8) return LI_OK;
    LI_TRY(li_need_quantized(net, node, input));
    LI_TRY(li_need_quantized(net, node, output));
    node->state_bytes = sizeof(li_table_state);
    return LI_OK;
}

/* In place when both pointers are equal. */
static void li_activation_look_up(li_net *net, const li_node *node)
{
    const int8_t *entries = ((const li_table_state *)li_node_state_const(net, node))->entries;
    const int8_t *x = li_tensor_data(li_node_input(net, node, 0));
    int8_t *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(li_node_output(net, node, 0));
    uint32_t i;
    for (i = 0; i < n; ++i) out[i] = entries[x[i] + 128];
}

/* ---- LOGISTIC ---- */

li_status li_logistic_plan(li_net *net, li_node *node)
{
    return li_activation_plan(net, node);
}

void li_logistic_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    float scale, inverse;
    int32_t q, zero, out_zero;

    if (input->type != LI_INT8) return;
    scale = li_tensor_scale(net, input, 0);
    inverse = 1.0f / li_tensor_scale(net, output, 0);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    for (q = -128; q < 128; ++q) {
        const float x = (float)(q - zero) * scale;
        const float y = (float)li_logistic((double)x);
        const float scaled = y * inverse;
        s->entries[q + 128] = (int8_t)li_quantize(scaled + (float)out_zero, 0, -128, 127);
    }
}

li_status li_logistic_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    if (input->type == LI_INT8) {
        li_activation_look_up(net, node);
    } else {
        const float *x = li_tensor_data(input);
        float *out = li_tensor_data(li_node_output(net, node, 0));
        const uint32_t n = li_tensor_elements(input);
        uint32_t i;
        for (i = 0; i < n; ++i) out[i] = (float)li_logistic((double)x[i]);
    }
    return LI_OK;
}

/* ---- RELU, RELU6 ---- */

static li_status li_limit_plan(li_net *net, li_node *node)
{
    LI_TRY(li_activation_plan(net, node));
    if (li_node_input(net, node, 0)->type == LI_INT8) {
        const float ratio = li_tensor_scale(net, li_node_input(net, node, 0), 0) / li_tensor_scale(net, li_node_output(net, node, 0), 0);
        if (!(ratio < 65536.0f))
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 65536, -1);
    }
    return LI_OK;
}

static void li_limit_prepare(li_net *net, const li_node *node, int32_t activation)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    float out_scale;
    int32_t q, zero, out_zero;
    li_range_s8 range;
    li_fixed factor;

    if (input->type != LI_INT8) return;
    out_scale = li_tensor_scale(net, output, 0);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    range = li_range_of_s8(activation, out_scale, out_zero, LI_LIMIT_AWAY);
    factor = li_fixed_from((double)li_tensor_scale(net, input, 0) / (double)out_scale);
    for (q = -128; q < 128; ++q)
        s->entries[q + 128] = (int8_t)li_clamp(li_fixed_multiply(q - zero, factor) + out_zero, range.low, range.high);
}

static void li_limit_run(li_net *net, const li_node *node, int32_t activation)
{
    const li_tensor *input = li_node_input(net, node, 0);
    if (input->type == LI_INT8) {
        li_activation_look_up(net, node);
    } else {
        const li_range_f32 range = li_range_of_f32(activation);
        const float *x = li_tensor_data(input);
        float *out = li_tensor_data(li_node_output(net, node, 0));
        const uint32_t n = li_tensor_elements(input);
        uint32_t i;
        for (i = 0; i < n; ++i) out[i] = li_clamp_f32(x[i], range.low, range.high);
    }
}

li_status li_relu_plan(li_net *net, li_node *node)
{
    return li_limit_plan(net, node);
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
    return li_limit_plan(net, node);
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

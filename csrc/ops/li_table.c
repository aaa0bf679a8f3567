/* SPDX-License-Identifier: Apache-2.0 */
#include "li_table.h"

li_status li_table_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);

    LI_TRY(li_set_shape_like(net, node, output, input));
    node->state_bytes = 0;
    if (input->type == LI_FLOAT32) return LI_OK;
    LI_TRY(li_need_centred(net, node, input));
    LI_TRY(li_need_centred(net, node, output));
    if (input->type == LI_INT8) node->state_bytes = sizeof(li_table_state);
    return LI_OK;
}

li_status li_table_plan_rescaled(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan(net, node));
    if (li_node_input(net, node, 0)->type != LI_FLOAT32) {
        const float ratio = li_tensor_scale(net, li_node_input(net, node, 0), 0) / li_tensor_scale(net, li_node_output(net, node, 0), 0);
        if (!(ratio < 65536.0f))
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 65536, -1);
    }
    return LI_OK;
}

void li_table_fill(li_net *net, const li_node *node, li_function function, enum li_table_rule rule)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    const int32_t shift = li_tensor_shift(output);     /* a float32 sum with another zero point may round another way */
    float scale, inverse;
    int32_t q, zero, out_zero;

    if (input->type != LI_INT8) return;
    scale = li_tensor_scale(net, input, 0);
    inverse = 1.0f / li_tensor_scale(net, output, 0);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    for (q = -128; q < 128; ++q) {
        const float x = (float)(q - zero) * scale;
        const float y = (float)function((double)x);
        const float scaled = y * inverse;
        if (rule == LI_TABLE_EVEN || scaled != scaled)
            s->entries[q + 128] = (int8_t)(li_quantize(scaled + (float)(out_zero + shift), 0, shift - 128, shift + 127) - shift);
        else
            s->entries[q + 128] = (int8_t)li_clamp(li_round_away(li_clamp_f32(scaled, -1024.0f, 1024.0f)) + out_zero, -128, 127);
    }
}

void li_table_look_up(li_net *net, const li_node *node)
{
    const int8_t *entries = ((const li_table_state *)li_node_state_const(net, node))->entries;
    const int8_t *x = li_tensor_data(li_node_input(net, node, 0));
    int8_t *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(li_node_output(net, node, 0));
    uint32_t i;
    for (i = 0; i < n; ++i) out[i] = entries[x[i] + 128];
}

li_status li_table_run(li_net *net, const li_node *node, li_function function)
{
    const li_tensor *input = li_node_input(net, node, 0);
    if (input->type == LI_INT8) {
        li_table_look_up(net, node);
    } else {
        const float *x = li_tensor_data(input);
        float *out = li_tensor_data(li_node_output(net, node, 0));
        const uint32_t n = li_tensor_elements(input);
        uint32_t i;
        for (i = 0; i < n; ++i) out[i] = (float)function((double)x[i]);
    }
    return LI_OK;
}

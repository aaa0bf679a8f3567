/* SPDX-License-Identifier: Apache-2.0 */
/* L2_NORMALIZATION over the last dimension. Formula: docs/NUMERICS.md, "L2_NORMALIZATION". */
#include "li_ops.h"

enum { LI_NORMALIZE_SHIFT = 7 };   /* the output's scale is 2^-7 */

li_status li_l2_normalization_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    const int32_t activation = li_option_i8(net, node, LI_SLOT_L2NormOptions_fused_activation_function, LI_ACTIVATION_NONE);

    if (activation != LI_ACTIVATION_NONE)    /* other runtimes do not apply one */
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPTION_ACTIVATION, node, NULL, LI_ACTIVATION_NONE, activation);
    if (input->rank == 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_RANK, node, input, 1, 0);
    LI_TRY(li_set_shape_like(net, node, output, input));
    if (input->type != LI_INT8) return LI_OK;
    LI_TRY(li_need_quantized(net, node, input));
    LI_TRY(li_need_quantized(net, node, output));
    if (li_tensor_scale(net, output, 0) < 1.0f / 128 || li_tensor_scale(net, output, 0) > 1.0f / 128
        || li_tensor_zero_point(net, output, 0) != 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_FIXED, node, output, 128, -1);
    if (input->dims[input->rank - 1] > INT32_MAX / (255 * 255))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_ACCUMULATOR_RANGE, node, input, INT32_MAX / (255 * 255),
                       input->dims[input->rank - 1]);
    return LI_OK;
}

void li_l2_normalization_prepare(li_net *net, const li_node *node)
{
    (void)net;
    (void)node;
}

static void li_normalize_row_s8(int8_t *out, const int8_t *x, int32_t zero_point, uint32_t n)
{
    int32_t squares = 0;
    li_fixed factor;
    uint32_t i;
    for (i = 0; i < n; ++i) squares += (x[i] - zero_point) * (x[i] - zero_point);
    factor = li_fixed_inverse_sqrt(squares);
    factor.shift += LI_NORMALIZE_SHIFT;
    for (i = 0; i < n; ++i) out[i] = (int8_t)li_clamp(li_fixed_multiply(x[i] - zero_point, factor), -128, 127);
}

/* In double, rounded once; a norm below 1e-6 counts as that. */
static void li_normalize_row_f32(float *out, const float *x, uint32_t n)
{
    double squares = 0.0, norm;
    uint32_t i;
    for (i = 0; i < n; ++i) squares += (double)x[i] * (double)x[i];
    norm = li_sqrt(squares);
    norm = norm < 1e-6 ? 1e-6 : norm;
    for (i = 0; i < n; ++i) out[i] = (float)((double)x[i] / norm);
}

li_status li_l2_normalization_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const uint32_t row = (uint32_t)input->dims[input->rank - 1], n = li_tensor_elements(input);
    const void *x = li_tensor_data(input);
    void *out = li_tensor_data(li_node_output(net, node, 0));
    size_t at;

    for (at = 0; at < n; at += row) {
        if (input->type == LI_INT8)
            li_normalize_row_s8((int8_t *)out + at, (const int8_t *)x + at, li_tensor_zero_point(net, input, 0), row);
        else li_normalize_row_f32((float *)out + at, (const float *)x + at, row);
    }
    return LI_OK;
}

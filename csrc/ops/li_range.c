/* SPDX-License-Identifier: Apache-2.0 */
#include "li_range.h"

static float li_range_infinity(void)
{
    const uint32_t bits = 0x7f800000u;
    float value;
    li_copy(&value, &bits, sizeof value);
    return value;
}

li_status li_range_check(li_net *net, const li_node *node, int32_t activation)
{
    switch (activation) {
    case LI_ACTIVATION_NONE:
    case LI_ACTIVATION_RELU:
    case LI_ACTIVATION_RELU_N1_TO_1:
    case LI_ACTIVATION_RELU6:
        return LI_OK;
    default:
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPTION_ACTIVATION, node, NULL, -1, activation);
    }
}

li_range_f32 li_range_of_f32(int32_t activation)
{
    const float infinity = li_range_infinity();
    li_range_f32 range = { -infinity, infinity };
    if (activation == LI_ACTIVATION_RELU || activation == LI_ACTIVATION_RELU6) range.low = 0.0f;
    if (activation == LI_ACTIVATION_RELU6) range.high = 6.0f;
    if (activation == LI_ACTIVATION_RELU_N1_TO_1) {
        range.low = -1.0f;
        range.high = 1.0f;
    }
    return range;
}

/* Computed in the codes of the file: in float32 a sum with another zero point may round another way. */
static int32_t li_range_limit(const li_net *net, const li_tensor *output, float limit, enum li_limit rule)
{
    const float ratio = limit / li_tensor_scale(net, output, 0);
    const int32_t shift = li_tensor_shift(output), zero_point = li_tensor_zero_point(net, output, 0) + shift;
    if (output->type == LI_INT16) return li_clamp(li_round_away(li_clamp_f32(ratio, -65536.0f, 65536.0f)), -32768, 32767);
    if (rule == LI_LIMIT_EVEN)
        return li_round_even(li_clamp_f32(ratio + (float)zero_point, (float)(shift - 128), (float)(shift + 127))) - shift;
    return li_clamp(zero_point + li_round_away(li_clamp_f32(ratio, -1024.0f, 1024.0f)) - shift, -128, 127);
}

li_range_s8 li_range_of_s8(const li_net *net, const li_tensor *output, int32_t activation, enum li_limit rule)
{
    const li_range_f32 real = li_range_of_f32(activation);
    li_range_s8 range = { -128, 127 };
    if (output->type == LI_INT16) {
        range.low = -32768;
        range.high = 32767;
    }
    if (activation == LI_ACTIVATION_NONE) return range;
    range.low = li_range_limit(net, output, real.low, rule);
    range.high = li_range_limit(net, output, real.high, rule);
    return range;
}

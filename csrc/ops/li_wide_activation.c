/* SPDX-License-Identifier: Apache-2.0 */
#include "li_wide_activation.h"

enum { LI_GATE_ENTRIES = 256 };

/* The logistic function at i / 24 in units of 2^-16, raised by half of what a line to the next entry misses in its middle;
   linear in between. Its argument comes in units of 1 / 12288. */
typedef struct li_wide_gate {
    int32_t multiplier, shift;
    uint16_t entries[LI_GATE_ENTRIES];
} li_wide_gate;

li_status li_wide_unit_check(li_net *net, const li_node *node, const li_tensor *output)
{
    const float scale = li_tensor_scale(net, output, 0);
    if (!(scale >= 1.0f / 32768.0f && scale <= 1.0f / 32768.0f))
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_FIXED, node, output, 32768, -1);
    return LI_OK;
}

li_status li_wide_gate_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    LI_TRY(li_wide_unit_check(net, node, output));
    if (!((double)li_tensor_scale(net, input, 0) * 12288.0 < 32768.0))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, input, 32768, -1);
    node->state_bytes = sizeof(li_wide_gate);
    return LI_OK;
}

void li_wide_gate_prepare(li_net *net, const li_node *node)
{
    li_wide_gate *s = li_node_state(net, node);
    double factor = (double)li_tensor_scale(net, li_node_input(net, node, 0), 0) * 12288.0;
    int32_t i;

    for (s->shift = 0; factor <= 16383.5 && s->shift <= 30; ++s->shift) factor *= 2.0;
    s->multiplier = (int32_t)factor;
    for (i = 0; i < LI_GATE_ENTRIES - 1; ++i) {
        const double here = li_logistic((double)i / 24.0), next = li_logistic((double)(i + 1) / 24.0);
        const double miss = li_logistic((double)(2 * i + 1) / 48.0) - (here + next) / 2.0;
        s->entries[i] = (uint16_t)(65536.0 * (here + miss / 2.0) + 0.5);
    }
    s->entries[LI_GATE_ENTRIES - 1] = 65535;
}

/* x in units of 1 / 12288. */
static int32_t li_wide_gate_scaled(const li_wide_gate *s, int32_t x)
{
    return li_shift_right(x * s->multiplier + (s->shift > 0 ? 1 << (s->shift - 1) : 0), s->shift);
}

/* Between the two entries around `at` / 2^bits, in units of 2^-(16 + bits). */
static uint32_t li_wide_gate_between(const li_wide_gate *s, uint32_t at, int32_t bits)
{
    const uint32_t i = at >> bits, rest = at & ((1u << bits) - 1);
    return ((uint32_t)s->entries[i] << bits) + rest * (uint32_t)(s->entries[i + 1] - s->entries[i]);
}

static int16_t li_wide_logistic(const li_wide_gate *s, int32_t x)
{
    const int32_t scaled = li_wide_gate_scaled(s, x);
    const uint32_t at = (uint32_t)(scaled < 0 ? -scaled : scaled);
    const uint32_t above = at >> 9 >= LI_GATE_ENTRIES - 1 ? 0x7fffu << 10 : li_wide_gate_between(s, at, 9);
    const uint32_t result = scaled >= 0 ? above + (1u << 9) : (1u << 25) - above + (1u << 9) - 1;
    return (int16_t)(result >> 10);
}

/* tanh x = 2 logistic(2x) - 1. */
static int16_t li_wide_tanh(const li_wide_gate *s, int32_t x)
{
    const int32_t scaled = li_wide_gate_scaled(s, x);
    const uint32_t at = (uint32_t)(scaled < 0 ? -scaled : scaled);
    const uint32_t above = at >> 8 >= LI_GATE_ENTRIES - 1 ? 0xffffu << 8 : li_wide_gate_between(s, at, 8);
    const int32_t twice = (int32_t)above - (1 << 23);
    return (int16_t)(scaled >= 0 ? li_shift_right(twice + (1 << 7), 8) : li_shift_right(-twice + (1 << 7) - 1, 8));
}

void li_wide_logistic_run(li_net *net, const li_node *node)
{
    const li_wide_gate *s = li_node_state_const(net, node);
    const int16_t *x = li_tensor_data(li_node_input(net, node, 0));
    int16_t *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(li_node_output(net, node, 0));
    uint32_t i;
    for (i = 0; i < n; ++i) out[i] = li_wide_logistic(s, x[i]);
}

void li_wide_tanh_run(li_net *net, const li_node *node)
{
    const li_wide_gate *s = li_node_state_const(net, node);
    const int16_t *x = li_tensor_data(li_node_input(net, node, 0));
    int16_t *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(li_node_output(net, node, 0));
    uint32_t i;
    for (i = 0; i < n; ++i) out[i] = li_wide_tanh(s, x[i]);
}

void li_wide_bend_run(li_net *net, const li_node *node)
{
    const li_wide_bend *s = li_node_state_const(net, node);
    const int16_t *x = li_tensor_data(li_node_input(net, node, 0));
    int16_t *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(li_node_output(net, node, 0));
    uint32_t i;
    for (i = 0; i < n; ++i) {
        const int32_t value = x[i] >= 0 ? li_fixed_multiply(x[i], s->above) : li_fixed_multiply(s->sign_below * x[i], s->below);
        out[i] = (int16_t)li_clamp(value, s->low, s->high);
    }
}

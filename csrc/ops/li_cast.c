/* SPDX-License-Identifier: Apache-2.0 */
/* CAST between element types: docs/NUMERICS.md. */
#include "li_ops.h"

li_status li_cast_plan(li_net *net, li_node *node)
{
    return li_set_shape_like(net, node, li_node_output(net, node, 0), li_node_input(net, node, 0));
}

/* Nothing to prepare. */
void li_cast_prepare(li_net *net, const li_node *node)
{
    (void)net;
    (void)node;
}

/* Toward zero; outside int64 its limits, 0 for NaN. */
static int64_t li_cast_float(float x)
{
    if (x != x) return 0;
    if (x >= 9223372036854775808.0f) return INT64_MAX;
    return x < -9223372036854775808.0f ? INT64_MIN : (int64_t)x;
}

static int64_t li_cast_clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* Element i as an integer, cut to the type's range where it comes from a float. */
static int64_t li_cast_read(const char *x, int32_t from, int32_t to, size_t i)
{
    int16_t wide;
    switch (from) {
    case LI_INT8: return ((const int8_t *)x)[i];
    case LI_UINT8: return ((const uint8_t *)x)[i];
    case LI_BOOL: return ((const uint8_t *)x)[i] != 0;
    case LI_INT16: li_copy(&wide, x + i * 2, sizeof wide); return wide;
    case LI_INT32: return li_load_i32(x + i * 4);
    case LI_INT64: return li_load_i64(x + i * 8);
    default: break;
    }
    const float number = li_load_f32(x + i * 4);
    const int64_t whole = li_cast_float(number);
    switch (to) {
    case LI_INT8: return li_cast_clamp(whole, INT8_MIN, INT8_MAX);
    case LI_UINT8: return li_cast_clamp(whole, 0, UINT8_MAX);
    case LI_INT16: return li_cast_clamp(whole, INT16_MIN, INT16_MAX);
    case LI_INT32: return li_cast_clamp(whole, INT32_MIN, INT32_MAX);
    case LI_BOOL: return number < 0.0f || number > 0.0f || number != number;
    default: return whole;
    }
}

/* Integers keep their low bits. */
static void li_cast_write(char *out, int32_t to, size_t i, int64_t value)
{
    const float number = (float)value;
    switch (to) {
    case LI_FLOAT32: li_copy(out + i * 4, &number, sizeof number); break;
    case LI_BOOL: out[i] = value != 0; break;
    default: li_copy(out + i * li_type_bytes(to), &value, li_type_bytes(to)); break;    /* little endian: li_config.h */
    }
}

li_status li_cast_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    const char *x = li_tensor_data(input);
    char *out = li_tensor_data(output);
    const size_t n = li_tensor_elements(input);
    size_t i;

    if (input->type == output->type) {
        if (n != 0) li_copy(out, x, li_tensor_bytes(input));
        return LI_OK;
    }
    for (i = 0; i < n; ++i) li_cast_write(out, output->type, i, li_cast_read(x, input->type, output->type, i));
    return LI_OK;
}

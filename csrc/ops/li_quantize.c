/* SPDX-License-Identifier: Apache-2.0 */
/* QUANTIZE and DEQUANTIZE: docs/NUMERICS.md. */
#include "li_weights.h"

typedef struct li_quantize_state {
    int32_t low, high, zero;     /* of the output's type */
    float inverse;               /* from float32: fl32(1 / output scale) */
    int32_t in_zero;             /* from int8 or uint8, from here on */
    int32_t is_coarse;           /* (bias + factor * x) >> 8, otherwise the factor `fixed` */
    int32_t factor, bias;
    li_fixed fixed;
} li_quantize_state;

li_status li_quantize_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);

    LI_TRY(li_set_shape_like(net, node, output, input));
    LI_TRY(li_need_centred(net, node, output));
    if (input->type != LI_FLOAT32) {
        LI_TRY(li_need_centred(net, node, input));
        if (!(li_tensor_scale(net, input, 0) / li_tensor_scale(net, output, 0) < 65536.0f))
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, output, 65536, -1);
    }
    node->state_bytes = sizeof(li_quantize_state);
    return LI_OK;
}

void li_quantize_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_quantize_state *s = li_node_state(net, node);
    const float scale = li_tensor_scale(net, output, 0);

    s->low = output->type == LI_UINT8 ? 0 : output->type == LI_INT16 ? -32768 : -128;
    s->high = output->type == LI_UINT8 ? 255 : output->type == LI_INT16 ? 32767 : 127;
    s->zero = li_tensor_zero_point(net, output, 0);
    s->inverse = 1.0f / scale;
    if (input->type != LI_FLOAT32) {
        const float in_scale = li_tensor_scale(net, input, 0), ratio = in_scale / scale;
        s->in_zero = li_tensor_zero_point(net, input, 0);
        s->fixed = li_fixed_from((double)in_scale / (double)scale);
        /* Between int8 and uint8, and outside these limits, LiteRT does not delegate. */
        s->is_coarse = input->type == output->type && input->type != LI_INT16 && ratio >= 1.0f / 256 && ratio <= 128.0f;
        if (s->is_coarse) {
            s->factor = li_round_even(ratio * 256.0f);
            s->bias = s->zero * 256 - s->factor * s->in_zero + 128;
        }
    }
}

static uint8_t li_quantize_again(const li_quantize_state *s, int32_t x)
{
    const int32_t q = s->is_coarse ? li_shift_right(s->bias + s->factor * x, 8)
                                   : li_fixed_multiply_up(x - s->in_zero, s->fixed) + s->zero;
    return (uint8_t)li_clamp(q, s->low, s->high);
}

/* Where either side is int16. */
static int32_t li_quantize_wide(const li_quantize_state *s, const li_tensor *input, const void *x, uint32_t i)
{
    int32_t from;
    if (input->type == LI_FLOAT32) {
        const float scaled = ((const float *)x)[i] * s->inverse;
        return li_quantize(scaled, s->zero, s->low, s->high);
    }
    from = input->type == LI_INT16 ? ((const int16_t *)x)[i] : ((const int8_t *)x)[i];
    return li_clamp(li_fixed_multiply(from - s->in_zero, s->fixed) + s->zero, s->low, s->high);
}

static void li_quantize_run_wide(const li_quantize_state *s, const li_tensor *input, const li_tensor *output)
{
    const void *x = li_tensor_data(input);
    int16_t *wide = li_tensor_data(output);
    int8_t *narrow = li_tensor_data(output);
    const uint32_t n = li_tensor_elements(input);
    uint32_t i;
    for (i = 0; i < n; ++i) {
        const int32_t code = li_quantize_wide(s, input, x, i);
        if (output->type == LI_INT16) wide[i] = (int16_t)code;
        else narrow[i] = (int8_t)code;
    }
}

/* In place too: element i is read before byte i is written, and no later element starts at or before byte i. */
li_status li_quantize_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_quantize_state *s = li_node_state_const(net, node);
    const li_kernels *kernels = li_kernels_of(net);
    const void *x = li_tensor_data(input);
    uint8_t *out = li_tensor_data(li_node_output(net, node, 0));      /* the low byte of either type */
    const uint32_t n = li_tensor_elements(input);
    uint32_t i;

    if (input->type == LI_INT16 || li_node_output(net, node, 0)->type == LI_INT16) {
        li_quantize_run_wide(s, input, li_node_output(net, node, 0));
    } else if (input->type == LI_FLOAT32 && s->low < 0 && kernels->quantize_s8 != NULL && n != 0) {
        kernels->quantize_s8((int8_t *)out, x, s->inverse, s->zero, s->low, s->high, n);
    } else if (input->type == LI_FLOAT32) {
        for (i = 0; i < n; ++i) {
            const float scaled = ((const float *)x)[i] * s->inverse;
            out[i] = (uint8_t)li_quantize(scaled, s->zero, s->low, s->high);
        }
    } else if (input->type == LI_INT8 && s->is_coarse && n != 0) {     /* a sum of one term */
        const li_sum_s8 sum = { s->factor, 0, s->bias, 8, 0, s->low, s->high };
        kernels->add_s8((int8_t *)out, x, x, &sum, n);
    } else if (input->type == LI_INT8) {
        for (i = 0; i < n; ++i) out[i] = li_quantize_again(s, ((const int8_t *)x)[i]);
    } else {
        for (i = 0; i < n; ++i) out[i] = li_quantize_again(s, ((const uint8_t *)x)[i]);
    }
    return LI_OK;
}

/* One scale, or one per element of a dimension; int4 two to a byte, the first in the low half. */
li_status li_dequantize_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    LI_TRY(li_set_shape_like(net, node, li_node_output(net, node, 0), input));
    if (input->type != LI_FLOAT16 && input->scale_count == 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_MISSING, node, input, 1, 0);
    li_weights_plan_constant(net, node);
    return LI_OK;
}

static void li_dequantize_half(float *out, const char *x, uint32_t n)
{
    uint32_t i;
    for (i = 0; i < n; ++i) {
        uint16_t half;
        li_copy(&half, x + (size_t)i * 2, sizeof half);
        out[i] = li_half_to_float(half);
    }
}

/* Elements [from, end), which share a scale; a loop for each type, as nearly all time of stored weights goes here. */
static void li_dequantize_codes(float *out, const void *x, int32_t type, uint32_t from, uint32_t end, int32_t zero, float scale)
{
    const int8_t *codes = x;
    const uint8_t *bytes = x;
    const int16_t *wide = x;
    uint32_t i;

    if (type == LI_INT8)
        for (i = from; i < end; ++i) out[i] = (float)(codes[i] - zero) * scale;
    else if (type == LI_UINT8)
        for (i = from; i < end; ++i) out[i] = (float)(bytes[i] - zero) * scale;
    else if (type == LI_INT16)
        for (i = from; i < end; ++i) out[i] = (float)(wide[i] - zero) * scale;
    else
        for (i = from; i < end; ++i) out[i] = (float)((((bytes[i / 2] >> (i % 2 * 4)) & 15) ^ 8) - 8 - zero) * scale;
}

static void li_dequantize(const li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const void *x = li_tensor_data(input);
    float *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t n = li_tensor_elements(input);
    const uint32_t run = input->scale_count > 1 ? li_dims_product(input, (uint32_t)input->axis + 1, input->rank) : n;
    uint32_t i, c;

    if (input->type == LI_FLOAT16) {
        li_dequantize_half(out, x, n);
        return;
    }
    for (i = 0, c = 0; i < n; i += run, ++c) {
        const uint32_t channel = input->scale_count > 1 ? c % input->scale_count : 0;
        const int32_t zero = li_tensor_zero_point(net, input, channel);
        const float scale = li_tensor_scale(net, input, channel);
        if (input->type == LI_INT8 && li_kernels_of(net)->dequantize_s8 != NULL)
            li_kernels_of(net)->dequantize_s8(out + i, (const int8_t *)x + i, zero, scale, run);
        else li_dequantize_codes(out, x, input->type, i, i + run, zero, scale);
    }
}

void li_dequantize_prepare(li_net *net, const li_node *node)
{
    if (node->packed_bytes != 0 && (net->flags & LI_PACKED_READY) == 0) li_dequantize(net, node);
}

li_status li_dequantize_run(li_net *net, const li_node *node)
{
    if (node->packed_bytes == 0) li_dequantize(net, node);
    return LI_OK;
}

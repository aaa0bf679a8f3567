/* SPDX-License-Identifier: Apache-2.0 */
#include "li_hybrid.h"
#include "../src/li_size.h"

/* How n numbers become codes: x * inverse, rounded, plus the zero point. */
typedef struct li_hybrid_scale {
    float inverse;
    int32_t zero;
} li_hybrid_scale;

/* Numbers beyond half the largest float count as that, a range below 2^-100 as that; NaN is the code of 0. */
static li_hybrid_scale li_hybrid_scale_of(const li_kernels *kernels, const float *x, size_t n)
{
    li_hybrid_scale scale;
    float low = 0.0f, high = 0.0f, below, above;
    size_t i;

    if (LI_PACKS && kernels->hybrid != NULL) kernels->hybrid->range(x, n, &low, &high);
    else
        for (i = 0; i < n; ++i) {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
        }
    low = low < -FLT_MAX / 2 ? -FLT_MAX / 2 : low;
    high = high > FLT_MAX / 2 ? FLT_MAX / 2 : high;
    scale.inverse = 255.0f / (high - low > 0x1p-100f ? high - low : 0x1p-100f);
    below = low * scale.inverse;
    above = high * scale.inverse;
    scale.zero = li_quantize((-128.0f + below) + (127.0f + above) > 0.0f ? -128.0f - below : 127.0f - above, 0, -128, 127);
    return scale;
}

static void li_hybrid_codes(const li_kernels *kernels, int8_t *codes, const float *x, size_t n, const li_hybrid_scale *scale)
{
    size_t i;
    if (LI_PACKS && kernels->quantize_s8 != NULL) kernels->quantize_s8(codes, x, scale->inverse, scale->zero, -128, 127, n);
    else
        for (i = 0; i < n; ++i) codes[i] = (int8_t)li_quantize(x[i] * scale->inverse, scale->zero, -128, 127);
}

const int8_t *li_hybrid_row(const li_net *net, const float *x, size_t n, const li_epilogue *layer, li_epilogue *row)
{
    const li_kernels *kernels = li_kernels_of(net);
    const li_hybrid_scale scale = li_hybrid_scale_of(kernels, x, n);
    int8_t *codes = li_scratch(net);

    *row = *layer;
    row->row_scale = 1.0f / scale.inverse;
    row->in_zero = scale.zero;
    li_hybrid_codes(kernels, codes, x, n, &scale);
    return codes;
}

#if LI_PACKS

/* Codes less their zero point reach 255: below this sum of magnitudes of weights every sum stays below 2^24. */
enum { LI_HYBRID_WEIGHTS = (1 << 24) / 255 };

/* The layer without an end: sums alone, in any order. */
static li_layer_f32 li_hybrid_sums(const li_layer_f32 *shape)
{
    const li_range_f32 any = li_range_of_f32(LI_ACTIVATION_NONE);
    li_layer_f32 layer = *shape;
    layer.exact = 0;
    layer.low = any.low;
    layer.high = any.high;
    return layer;
}

/* What a run keeps in scratch behind the kernels' own, and all bytes. */
typedef struct li_hybrid_scratch {
    uint64_t steps, scales, bytes;       /* codes less their zero point, of an image; a scale for the image or each pixel */
} li_hybrid_scratch;

static li_hybrid_scratch li_hybrid_scratch_of(const li_kernels *kernels, const li_layer_f32 *layer, int by_pixel)
{
    const uint64_t pixels = (uint64_t)layer->in_h * (uint64_t)layer->in_w;
    li_hybrid_scratch s;
    s.steps = li_size_round_up(kernels->conv_f32->scratch_bytes(kernels->conv_f32->loops, layer), 64);
    s.scales = li_size_add(s.steps, li_size_mul(pixels, (uint64_t)layer->in_c * sizeof(float)));
    s.bytes = li_size_add(s.scales, (by_pixel ? pixels : 1) * sizeof(float));
    return s;
}

void li_hybrid_plan(li_net *net, li_node *node, const li_layer_f32 *shape, int by_pixel)
{
    const li_kernels *kernels = li_kernels_of(net);
    const li_tensor *filter = li_node_input(net, node, 1);
    const li_layer_f32 layer = li_hybrid_sums(shape);
    li_hybrid_scratch scratch;
    uint64_t packed;

    if (kernels->conv_f32 == NULL || (net->flags & LI_NO_PACK) != 0 || filter->home != LI_HOME_MODEL) return;
    if (layer.in_h < 1 || layer.in_w < 1 || layer.out_h < 1 || layer.out_w < 1 || li_tensor_zero_point(net, filter, 0) != 0) return;
    packed = kernels->conv_f32->packed_bytes(kernels->conv_f32->loops, &layer);
    scratch = li_hybrid_scratch_of(kernels, &layer, by_pixel);
    if (packed == 0 || packed > INT32_MAX / 2 || scratch.bytes > INT32_MAX / 2 || li_tensor_elements(filter) > INT32_MAX / 8) return;
    if (!li_weights_are_below(net, filter, LI_HYBRID_WEIGHTS) || !li_weights_keep(net, node, packed)) return;
    if (scratch.bytes < li_tensor_elements(filter) * sizeof(float)) scratch.bytes = li_tensor_elements(filter) * sizeof(float);
    node->scratch_bytes = (uint32_t)scratch.bytes;
    node->loop = (uint8_t)kernels->conv_f32->loop;
}

void li_hybrid_prepare(li_net *net, const li_node *node, const li_layer_f32 *shape)
{
    const li_layer_kernels_f32 *kernels = li_kernels_of(net)->conv_f32;
    const li_layer_f32 layer = li_hybrid_sums(shape);
    const li_tensor *filter = li_node_input(net, node, 1);
    const int8_t *w = li_tensor_data(filter);
    const uint32_t elements = li_tensor_elements(filter);
    float *numbers = li_scratch(net);
    uint32_t i;
    for (i = 0; i < elements; ++i) numbers[i] = (float)w[i];
    kernels->pack(kernels->loops, li_node_packed(net, node), &layer, numbers);
}

/* Codes less their zero point. */
static void li_hybrid_steps(const li_kernels *kernels, float *steps, const float *x, const li_hybrid_scale *scale, size_t n)
{
    size_t i;
    if (kernels->hybrid != NULL) kernels->hybrid->steps(steps, x, scale->inverse, scale->zero, n);
    else
        for (i = 0; i < n; ++i) steps[i] = (float)(li_quantize(x[i] * scale->inverse, scale->zero, -128, 127) - scale->zero);
}

/* Sums become outputs, as li_finish_s32 makes them. */
static void li_hybrid_finish(const li_kernels *kernels, float *out, const float *multipliers, const float *scales, size_t step, const float *bias,
                             const li_epilogue *end, size_t channels, size_t pixels)
{
    size_t p, c;
    if (kernels->hybrid != NULL) {
        kernels->hybrid->scaled(out, multipliers, scales, step, bias, end->low_f32, end->high_f32, channels, pixels);
        return;
    }
    for (p = 0; p < pixels; ++p, out += channels)
        for (c = 0; c < channels; ++c) {
            const float factor = scales[p * step] * multipliers[c], product = out[c] * factor;
            out[c] = li_clamp_f32(bias != NULL ? product + bias[c] : product, end->low_f32, end->high_f32);
        }
}

void li_hybrid_run(const li_net *net, const li_node *node, const li_layer_f32 *shape, int by_pixel, int32_t images, const li_epilogue *end,
                   const float *multipliers)
{
    const li_kernels *kernels = li_kernels_of(net);
    const li_layer_f32 layer = li_hybrid_sums(shape);
    const li_hybrid_scratch at = li_hybrid_scratch_of(kernels, &layer, by_pixel);
    const size_t channels = (size_t)layer.in_c, in = (size_t)layer.in_h * (size_t)layer.in_w;
    const size_t out = (size_t)layer.out_h * (size_t)layer.out_w, pieces = by_pixel ? in : 1, n = in * channels / pieces;    /* in == out by pixel */
    const float *x = li_tensor_data(li_node_input(net, node, 0)), *bias = li_optional_data(net, node, 2);
    char *const scratch = li_scratch(net);
    float *steps = (float *)(void *)(scratch + at.steps), *scales = (float *)(void *)(scratch + at.scales);
    float *to = li_tensor_data(li_node_output(net, node, 0));
    size_t i;
    int32_t b;

    for (b = 0; b < images; ++b, x += in * channels, to += out * (size_t)layer.out_c) {
        for (i = 0; i < pieces; ++i) {
            const li_hybrid_scale scale = li_hybrid_scale_of(kernels, x + i * n, n);
            li_hybrid_steps(kernels, steps + i * n, x + i * n, &scale, n);
            scales[i] = 1.0f / scale.inverse;
        }
        li_run_image_f32(net, node, &layer, steps, to);
        li_hybrid_finish(kernels, to, multipliers, scales, by_pixel ? 1 : 0, bias, end, (size_t)layer.out_c, out);
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* DEPTHWISE_CONV_2D: filter [1, h, w, input channels * multiplier]; output channel = input channel * multiplier + m. */
#include "li_range.h"
#include "li_weights.h"
#include "li_window.h"

typedef struct li_depthwise_state {   /* in int8 one float multiplier per output channel follows */
    li_window window;
    int32_t in_c, out_c, multiplier;
    int32_t in_zero, out_zero, low, high;
    float low_f32, high_f32;
} li_depthwise_state;

/* The stored depth_multiplier is redundant, and zero in some files: the shapes decide. */
static li_status li_depthwise_decode(li_net *net, const li_node *node, li_depthwise_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0), *filter = li_node_input(net, node, 1);
    const int32_t activation = li_option_i8(net, node, LI_SLOT_DepthwiseConv2DOptions_fused_activation_function, LI_ACTIVATION_NONE);
    const int32_t padding = li_option_i8(net, node, LI_SLOT_DepthwiseConv2DOptions_padding, LI_PADDING_SAME);

    LI_TRY(li_need_rank(net, node, input, 4));
    LI_TRY(li_need_rank(net, node, filter, 4));
    LI_TRY(li_range_check(net, node, activation));
    s->in_c = input->dims[3];
    s->out_c = filter->dims[3];
    if (filter->dims[0] != 1)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, 1, filter->dims[0]);
    if (s->in_c < 1 || s->out_c < 1 || s->out_c % s->in_c != 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, s->in_c, s->out_c);
    s->multiplier = s->out_c / s->in_c;

    s->window.filter_h = filter->dims[1];
    s->window.filter_w = filter->dims[2];
    s->window.stride_h = li_option_i32(net, node, LI_SLOT_DepthwiseConv2DOptions_stride_h, 0);
    s->window.stride_w = li_option_i32(net, node, LI_SLOT_DepthwiseConv2DOptions_stride_w, 0);
    s->window.dilation_h = li_option_i32(net, node, LI_SLOT_DepthwiseConv2DOptions_dilation_h_factor, 1);
    s->window.dilation_w = li_option_i32(net, node, LI_SLOT_DepthwiseConv2DOptions_dilation_w_factor, 1);
    LI_TRY(li_window_place(net, node, input, padding, &s->window));

    s->low_f32 = li_range_of_f32(activation).low;
    s->high_f32 = li_range_of_f32(activation).high;
    return LI_OK;
}

li_status li_depthwise_conv_2d_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_depthwise_state s;
    int64_t dims[4];

    LI_TRY(li_depthwise_decode(net, node, &s));
    LI_TRY(li_weights_check(net, node, 3, (uint32_t)s.out_c, (uint64_t)s.window.filter_h * (uint64_t)s.window.filter_w));
    dims[0] = s.window.batches;
    dims[1] = s.window.out_h;
    dims[2] = s.window.out_w;
    dims[3] = s.out_c;
    node->state_bytes = (uint32_t)(sizeof s + (input->type == LI_INT8 ? (size_t)s.out_c * sizeof(float) : 0));
    return li_set_shape(net, node, li_node_output(net, node, 0), 4, dims);
}

void li_depthwise_conv_2d_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_depthwise_state *s = li_node_state(net, node);

    if (li_depthwise_decode(net, node, s) != LI_OK) return;
    if (input->type == LI_INT8) {
        const int32_t activation = li_option_i8(net, node, LI_SLOT_DepthwiseConv2DOptions_fused_activation_function, LI_ACTIVATION_NONE);
        li_range_s8 range;
        s->in_zero = li_tensor_zero_point(net, input, 0);
        s->out_zero = li_tensor_zero_point(net, output, 0);
        range = li_range_of_s8(activation, li_tensor_scale(net, output, 0), s->out_zero, LI_LIMIT_EVEN);
        s->low = range.low;
        s->high = range.high;
        li_weights_multipliers(net, node, (uint32_t)s->out_c, (float *)(s + 1));
    }
}

/* One tap for channels [c, c + n); `x` is the whole pixel. */
static void li_depthwise_tap_s8(const li_kernels *kernels, int32_t *sums, const int8_t *x, int32_t zero, const int8_t *w,
                                uint32_t c, uint32_t n, uint32_t multiplier)
{
    uint32_t i;
    if (multiplier == 1) {
        kernels->taps_s8(sums, x + c, zero, w + c, n);
        return;
    }
    for (i = 0; i < n; ++i) sums[i] += (x[(c + i) / multiplier] - zero) * w[c + i];
}

static void li_depthwise_tap_f32(float *restrict sums, const float *restrict x, const float *restrict w, uint32_t c,
                                 uint32_t n, uint32_t multiplier)
{
    uint32_t i = 0, j;
    if (multiplier == 1) {
        for (; i + 8 <= n; i += 8)                  /* a fixed count, so that compilers vectorise it at -O2 */
            for (j = 0; j < 8; ++j) sums[i + j] += x[c + i + j] * w[c + i + j];
        for (; i < n; ++i) sums[i] += x[c + i] * w[c + i];
        return;
    }
    for (; i < n; ++i) sums[i] += x[(c + i) / multiplier] * w[c + i];
}

static void li_depthwise_pixel_s8(const li_kernels *kernels, const li_depthwise_state *s, int8_t *out, const int8_t *image,
                                  const int8_t *filter, const int32_t *bias, int32_t y0, int32_t x0)
{
    const li_window *w = &s->window;
    const li_taps rows = li_taps_inside(y0, w->in_h, w->filter_h, w->dilation_h);
    const li_taps columns = li_taps_inside(x0, w->in_w, w->filter_w, w->dilation_w);
    const uint32_t out_c = (uint32_t)s->out_c;
    int32_t sums[LI_CHANNEL_BLOCK];
    uint32_t c, count;
    int32_t ky, kx;

    for (c = 0; c < out_c; c += count) {
        count = out_c - c < LI_CHANNEL_BLOCK ? out_c - c : LI_CHANNEL_BLOCK;
        li_bias_s32(sums, bias, c, count);
        for (ky = rows.begin; ky < rows.end; ++ky)
            for (kx = columns.begin; kx < columns.end; ++kx) {
                const size_t pixel = (size_t)(y0 + ky * w->dilation_h) * (size_t)w->in_w + (size_t)(x0 + kx * w->dilation_w);
                const size_t tap = (size_t)ky * (size_t)w->filter_w + (size_t)kx;
                li_depthwise_tap_s8(kernels, sums, image + pixel * (size_t)s->in_c, s->in_zero, filter + tap * out_c, c, count,
                                    (uint32_t)s->multiplier);
            }
        kernels->requantize_s8(out + c, sums, (const float *)(s + 1) + c, s->out_zero, s->low, s->high, count);
    }
}

static void li_depthwise_pixel_f32(const li_depthwise_state *s, float *out, const float *image, const float *filter,
                                   const float *bias, int32_t y0, int32_t x0)
{
    const li_window *w = &s->window;
    const li_taps rows = li_taps_inside(y0, w->in_h, w->filter_h, w->dilation_h);
    const li_taps columns = li_taps_inside(x0, w->in_w, w->filter_w, w->dilation_w);
    const uint32_t out_c = (uint32_t)s->out_c;
    float sums[LI_CHANNEL_BLOCK];
    uint32_t c, count;
    int32_t ky, kx;

    for (c = 0; c < out_c; c += count) {
        count = out_c - c < LI_CHANNEL_BLOCK ? out_c - c : LI_CHANNEL_BLOCK;
        li_fill(sums, 0, count * sizeof *sums);
        for (ky = rows.begin; ky < rows.end; ++ky)
            for (kx = columns.begin; kx < columns.end; ++kx) {
                const size_t pixel = (size_t)(y0 + ky * w->dilation_h) * (size_t)w->in_w + (size_t)(x0 + kx * w->dilation_w);
                const size_t tap = (size_t)ky * (size_t)w->filter_w + (size_t)kx;
                li_depthwise_tap_f32(sums, image + pixel * (size_t)s->in_c, filter + tap * out_c, c, count, (uint32_t)s->multiplier);
            }
        li_finish_f32(out + c, sums, bias, c, count, s->low_f32, s->high_f32);
    }
}

li_status li_depthwise_conv_2d_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_depthwise_state *s = li_node_state_const(net, node);
    const li_window *w = &s->window;
    const void *x = li_tensor_data(input), *filter = li_tensor_data(li_node_input(net, node, 1));
    const void *bias = li_optional_data(net, node, 2);
    void *out = li_tensor_data(li_node_output(net, node, 0));
    const size_t image = (size_t)w->in_h * (size_t)w->in_w * (size_t)s->in_c;
    size_t at = 0;
    int32_t b, oy, ox;

    for (b = 0; b < w->batches; ++b)
        for (oy = 0; oy < w->out_h; ++oy)
            for (ox = 0; ox < w->out_w; ++ox, at += (size_t)s->out_c) {
                const int32_t y0 = oy * w->stride_h - w->pad_top, x0 = ox * w->stride_w - w->pad_left;
                if (input->type == LI_INT8)
                    li_depthwise_pixel_s8(li_kernels_of(net), s, (int8_t *)out + at, (const int8_t *)x + (size_t)b * image, filter,
                                          bias, y0, x0);
                else
                    li_depthwise_pixel_f32(s, (float *)out + at, (const float *)x + (size_t)b * image, filter, bias, y0, x0);
            }
    return LI_OK;
}

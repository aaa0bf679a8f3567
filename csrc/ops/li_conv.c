/* SPDX-License-Identifier: Apache-2.0 */
/* CONV_2D: input NHWC, filter OHWI, groups = input channels / filter channels. */
#include "li_hybrid.h"
#include "li_wide.h"
#include "li_window.h"

typedef struct li_conv_state {        /* with int8 weights one float multiplier per output channel follows, under int16 one li_fixed */
    li_window window;
    int32_t in_c, out_c, filter_c;    /* filter_c: input channels of one group */
    int32_t groups;
    int32_t activation;
    li_epilogue end;
} li_conv_state;

/* Options and shapes; fails when they contradict each other. */
static li_status li_conv_decode(li_net *net, const li_node *node, li_conv_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0), *filter = li_node_input(net, node, 1);
    const int32_t padding = li_option_i8(net, node, LI_SLOT_Conv2DOptions_padding, LI_PADDING_SAME);

    LI_TRY(li_need_rank(net, node, input, 4));
    LI_TRY(li_need_rank(net, node, filter, 4));
    s->activation = li_option_i8(net, node, LI_SLOT_Conv2DOptions_fused_activation_function, LI_ACTIVATION_NONE);
    LI_TRY(li_range_check(net, node, s->activation));
    s->in_c = input->dims[3];
    s->out_c = filter->dims[0];
    s->filter_c = filter->dims[3];
    if (s->out_c < 1 || s->filter_c < 1)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, 1, s->out_c < 1 ? s->out_c : s->filter_c);
    if (s->in_c < 1 || s->in_c % s->filter_c != 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, s->in_c, s->filter_c);
    s->groups = s->in_c / s->filter_c;
    if (s->out_c % s->groups != 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, filter, s->groups, s->out_c);

    s->window.filter_h = filter->dims[1];
    s->window.filter_w = filter->dims[2];
    s->window.stride_h = li_option_i32(net, node, LI_SLOT_Conv2DOptions_stride_h, 0);
    s->window.stride_w = li_option_i32(net, node, LI_SLOT_Conv2DOptions_stride_w, 0);
    s->window.dilation_h = li_option_i32(net, node, LI_SLOT_Conv2DOptions_dilation_h_factor, 1);
    s->window.dilation_w = li_option_i32(net, node, LI_SLOT_Conv2DOptions_dilation_w_factor, 1);
    LI_TRY(li_window_place(net, node, input, padding, &s->window));

    return LI_OK;
}

static size_t li_conv_taps(const li_conv_state *s)
{
    return (size_t)s->window.filter_h * (size_t)s->window.filter_w * (size_t)s->filter_c;
}

/* As the kernels of whole float layers see it. */
static li_layer_f32 li_conv_layer(const li_net *net, const li_conv_state *s)
{
    const li_window *w = &s->window;
    const li_range_f32 limits = li_range_of_f32(s->activation);
    const li_layer_f32 layer = { w->in_h, w->in_w, s->in_c, w->out_h, w->out_w, s->out_c, w->filter_h, w->filter_w, w->stride_h,
                                 w->stride_w, w->dilation_h, w->dilation_w, w->pad_top, w->pad_left, s->groups,
                                 (net->flags & LI_EXACT) != 0, 0, limits.low, limits.high, 0 };
    return layer;
}

/* Bytes of one group's packed weights; 0 when the kernels take them where they are. */
static size_t li_conv_group_bytes(const li_net *net, const li_node *node, const li_conv_state *s)
{
    if (!li_weights_may_pack(net, node)) return 0;
    return li_kernels_of(net)->pack_f32_bytes(li_conv_taps(s), (size_t)(s->out_c / s->groups));
}

/* Under hybrid arithmetic each pixel is quantized by itself where outputs are sums over one pixel each; otherwise an image. */
static int li_conv_is_pointwise(const li_conv_state *s)
{
    const li_window *w = &s->window;
    return w->filter_h == 1 && w->filter_w == 1 && w->stride_h == 1 && w->stride_w == 1 && s->groups == 1;
}

/* As the kernels of whole int8 layers see it. */
static li_conv_shape li_conv_shape_of(const li_conv_state *s)
{
    const li_window *w = &s->window;
    li_conv_shape shape = { w->in_h, w->in_w, s->in_c, w->out_h, w->out_w, s->out_c, w->filter_h, w->filter_w, w->stride_h, w->stride_w,
                            w->dilation_h, w->pad_top, w->pad_left, 0, w->filter_w > 1 ? w->dilation_w : 1, s->groups, 0 };
    if (li_conv_is_pointwise(s) && (uint64_t)w->out_h * (uint64_t)w->out_w <= INT32_MAX) {
        shape.in_h = shape.out_h = w->out_h * w->out_w;          /* pixels as rows: bands of any size */
        shape.in_w = shape.out_w = 1;
    }
    return shape;
}

/* The kernels of whole int8 layers; NULL in sets without. */
static const li_layer_kernels *li_conv_layer_s8(const li_net *net, const li_node *node)
{
    const li_kernels *kernels = li_kernels_of(net);
    return li_weights_kernels(net, node, kernels->conv_s8, kernels->conv_zero_s8);
}

/* Packed weights and scratch of the kernels that will run. */
LI_NOT_INLINE static void li_conv_plan_kernels(li_net *net, li_node *node, const li_conv_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0);

    if (li_weights_are_hybrid(net, node)) {
        node->scratch_bytes = li_conv_is_pointwise(s) ? (uint32_t)s->in_c : li_hybrid_bytes(input);
        if (LI_PACKS) {
            const li_layer_f32 layer = li_conv_layer(net, s);
            li_hybrid_plan(net, node, &layer, li_conv_is_pointwise(s));
        }
    } else if (input->type == LI_FLOAT32 && li_kernels_of(net)->conv_f32 != NULL) {
        const li_layer_f32 layer = li_conv_layer(net, s);
        li_weights_plan_f32(net, node, li_kernels_of(net)->conv_f32, &layer);
    } else if (input->type != LI_INT8) {
        const uint64_t packed = (uint64_t)li_conv_group_bytes(net, node, s) * (uint64_t)s->groups;
        li_weights_keep(net, node, packed);      /* too large: used in place */
    } else {
        const li_conv_shape shape = li_conv_shape_of(s);
        li_weights_plan_layer(net, node, li_conv_layer_s8(net, node), &shape);
    }
}

li_status li_conv_2d_plan(li_net *net, li_node *node)
{
    li_conv_state s;
    int64_t dims[4];

    LI_TRY(li_conv_decode(net, node, &s));
    LI_TRY(li_weights_state(net, node, sizeof s, (uint32_t)s.out_c));
    LI_TRY(li_weights_check(net, node, 0, (uint32_t)s.out_c, li_conv_taps(&s)));
    dims[0] = s.window.batches;
    dims[1] = s.window.out_h;
    dims[2] = s.window.out_w;
    dims[3] = s.out_c;
    li_conv_plan_kernels(net, node, &s);
    return li_set_shape(net, node, li_node_output(net, node, 0), 4, dims);
}

void li_conv_2d_prepare(li_net *net, const li_node *node)
{
    li_conv_state *s = li_node_state(net, node);

    if (li_conv_decode(net, node, s) != LI_OK) return;
    li_epilogue_prepare(net, node, s->activation, (uint32_t)s->out_c, &s->end, (float *)(s + 1));
    if (node->packed_bytes == 0 || (net->flags & LI_PACKED_READY) != 0) return;
    if (li_node_input(net, node, 0)->type == LI_INT8) {
        const li_conv_shape shape = li_conv_shape_of(s);
        li_weights_pack_layer(net, node, li_conv_layer_s8(net, node), &shape, (const float *)(s + 1), s->end.in_zero);
    } else if (LI_PACKS && li_weights_are_hybrid(net, node)) {
        const li_layer_f32 layer = li_conv_layer(net, s);
        li_hybrid_prepare(net, node, &layer);
    } else if (li_node_input(net, node, 0)->type == LI_FLOAT32 && li_kernels_of(net)->conv_f32 != NULL) {
        const li_layer_f32 layer = li_conv_layer(net, s);
        li_weights_pack_f32(net, node, &layer);
    } else {
        const size_t taps = li_conv_taps(s), channels = (size_t)(s->out_c / s->groups), bytes = li_conv_group_bytes(net, node, s);
        const float *w = li_tensor_data(li_node_input(net, node, 1));
        char *packed = li_node_packed(net, node);
        size_t g;
        for (g = 0; g < (size_t)s->groups; ++g)
            li_kernels_of(net)->pack_f32((float *)(void *)(packed + g * bytes), w + g * channels * taps, taps, channels);
    }
}

/* The sum of (x - zero point) over the taps of group g that lie inside the image. */
static int32_t li_conv_window_s8(const li_conv_state *s, const int8_t *image, uint32_t g, li_taps rows, li_taps columns, int32_t y0,
                                 int32_t x0)
{
    const li_window *w = &s->window;
    int32_t sum = 0, ky, kx, c;

    for (ky = rows.begin; ky < rows.end; ++ky)
        for (kx = columns.begin; kx < columns.end; ++kx) {
            const size_t pixel = (size_t)(y0 + ky * w->dilation_h) * (size_t)w->in_w + (size_t)(x0 + kx * w->dilation_w);
            const int8_t *x = image + pixel * (size_t)s->in_c + g * (size_t)s->filter_c;
            for (c = 0; c < s->filter_c; ++c) sum += x[c] - s->end.in_zero;
        }
    return sum;
}

/* One output pixel at a time; its sums in blocks of channels, each built row by row of the filter. */
LI_NOT_INLINE
static void li_conv_pixel_s8(const li_kernels *kernels, const li_conv_state *s, const li_epilogue *end, void *out,
                             const int8_t *image, const int8_t *filter, const void *bias, int32_t y0, int32_t x0)
{
    const li_window *w = &s->window;
    const li_taps rows = li_taps_inside(y0, w->in_h, w->filter_h, w->dilation_h);
    const li_taps columns = li_taps_inside(x0, w->in_w, w->filter_w, w->dilation_w);
    const size_t in_c = (size_t)s->in_c, filter_c = (size_t)s->filter_c, taps = li_conv_taps(s);
    const uint32_t group_c = (uint32_t)(s->out_c / s->groups);
    const float *multipliers = (const float *)(s + 1);
    const int whole_rows = s->groups == 1 && w->dilation_w == 1;
    int32_t sums[LI_CHANNEL_BLOCK];
    uint32_t g, c, count;
    int32_t ky, kx;

    for (g = 0; g < (uint32_t)s->groups; ++g) {
        const int32_t window = end->filter_zero != 0 ? li_conv_window_s8(s, image, g, rows, columns, y0, x0) : 0;
        for (c = 0; c < group_c; c += count) {
            const uint32_t channel = g * group_c + c;
            const int8_t *rows_of_c = filter + channel * taps;
            count = group_c - c < LI_CHANNEL_BLOCK ? group_c - c : LI_CHANNEL_BLOCK;
            li_bias_s32(sums, bias, channel, count, end);
            if (end->filter_zero != 0) li_lower_s32(sums, end->filter_zero * window, count);
            for (ky = rows.begin; ky < rows.end; ++ky) {
                const size_t y = (size_t)(y0 + ky * w->dilation_h) * (size_t)w->in_w;
                const size_t tap = (size_t)ky * (size_t)w->filter_w;
                if (whole_rows) {
                    const size_t n = (size_t)(columns.end - columns.begin) * filter_c;
                    if (n == 0) continue;
                    kernels->dots_s8(sums, image + (y + (size_t)(x0 + columns.begin)) * in_c, end->in_zero,
                                     rows_of_c + (tap + (size_t)columns.begin) * filter_c, taps, n, count);
                    continue;
                }
                for (kx = columns.begin; kx < columns.end; ++kx)
                    kernels->dots_s8(sums, image + (y + (size_t)(x0 + kx * w->dilation_w)) * in_c + g * filter_c, end->in_zero,
                                     rows_of_c + (tap + (size_t)kx) * filter_c, taps, filter_c, count);
            }
            li_finish_s32(kernels, out, sums, multipliers, bias, channel, count, end);
        }
    }
}

LI_NOT_INLINE
static void li_conv_pixel_s16(const li_kernels *kernels, const li_conv_state *s, int16_t *out, const int16_t *image,
                              const int8_t *filter, const void *bias, int32_t y0, int32_t x0)
{
    const li_window *w = &s->window;
    const li_taps rows = li_taps_inside(y0, w->in_h, w->filter_h, w->dilation_h);
    const li_taps columns = li_taps_inside(x0, w->in_w, w->filter_w, w->dilation_w);
    const size_t in_c = (size_t)s->in_c, filter_c = (size_t)s->filter_c, taps = li_conv_taps(s);
    const uint32_t group_c = (uint32_t)(s->out_c / s->groups);
    /* The taps of a filter row are one run where nothing lies between them. */
    const int32_t run = s->groups == 1 && w->dilation_w == 1 && columns.begin < columns.end ? columns.end - columns.begin : 1;
    int64_t sums[LI_WIDE_BLOCK];
    uint32_t c, count;
    int32_t ky, kx;

    for (c = 0; c < (uint32_t)s->out_c; c += count) {        /* blocks end where groups do */
        const uint32_t g = c / group_c, left = (g + 1) * group_c - c;
        count = left < LI_WIDE_BLOCK ? left : LI_WIDE_BLOCK;
        li_wide_start(sums, bias, c, count);
        for (ky = rows.begin; ky < rows.end; ++ky)
            for (kx = columns.begin; kx < columns.end; kx += run) {
                const size_t pixel = (size_t)(y0 + ky * w->dilation_h) * (size_t)w->in_w + (size_t)(x0 + kx * w->dilation_w);
                const size_t tap = (size_t)ky * (size_t)w->filter_w + (size_t)kx;
                kernels->dots_s16(sums, image + pixel * in_c + g * filter_c, filter + c * taps + tap * filter_c, taps,
                                  (size_t)run * filter_c, count);
            }
        li_wide_finish(out, sums, (const li_fixed *)(s + 1), c, count, &s->end);
    }
}

/* `packed` is NULL when the weights are used in place, otherwise one block of `group_bytes` per group. */
LI_NOT_INLINE
static void li_conv_pixel_f32(const li_kernels *kernels, const li_conv_state *s, float *out, const float *image,
                              const float *filter, const char *packed, size_t group_bytes, const float *bias, int32_t y0,
                              int32_t x0)
{
    const li_window *w = &s->window;
    const li_taps rows = li_taps_inside(y0, w->in_h, w->filter_h, w->dilation_h);
    const li_taps columns = li_taps_inside(x0, w->in_w, w->filter_w, w->dilation_w);
    const size_t in_c = (size_t)s->in_c, filter_c = (size_t)s->filter_c, taps = li_conv_taps(s);
    const uint32_t group_c = (uint32_t)(s->out_c / s->groups);
    const int whole_rows = s->groups == 1 && w->dilation_w == 1;
    float sums[LI_CHANNEL_BLOCK];
    uint32_t g, c, count;
    int32_t ky, kx;

    for (g = 0; g < (uint32_t)s->groups; ++g) {
        for (c = 0; c < group_c; c += count) {
            const uint32_t channel = g * group_c + c;
            count = group_c - c < LI_CHANNEL_BLOCK ? group_c - c : LI_CHANNEL_BLOCK;
            li_fill(sums, 0, count * sizeof *sums);
            for (ky = rows.begin; ky < rows.end; ++ky) {
                const size_t y = (size_t)(y0 + ky * w->dilation_h) * (size_t)w->in_w;
                for (kx = columns.begin; kx < columns.end; ++kx) {
                    const float *x = image + (y + (size_t)(x0 + kx * w->dilation_w)) * in_c + g * filter_c;
                    const size_t first = ((size_t)ky * (size_t)w->filter_w + (size_t)kx) * filter_c;
                    const size_t n = whole_rows ? (size_t)(columns.end - kx) * filter_c : filter_c;
                    if (packed != NULL)
                        kernels->dots_f32_packed(sums, x, (const float *)(const void *)(packed + g * group_bytes) + c * taps,
                                                 taps, first, n, count);
                    else
                        kernels->dots_f32(sums, x, filter + channel * taps + first, taps, n, count);
                    if (whole_rows) break;
                }
            }
            li_finish_f32(out + channel, sums, bias, channel, count, &s->end);
        }
    }
}

/* Through the kernels of whole layers. */
LI_NOT_INLINE static void li_conv_run_packed(const li_net *net, const li_node *node, const li_conv_state *s)
{
    if (li_node_input(net, node, 0)->type == LI_INT8) {
        const li_conv_shape shape = li_conv_shape_of(s);
        const li_layer_kernels *layer = li_weights_layer(net, node, li_conv_layer_s8(net, node));
        li_run_layer_s8(net, node, layer, &shape, &s->end, s->window.batches);
    } else {
        const li_layer_f32 layer = li_conv_layer(net, s);
        li_run_layer_f32(net, node, &layer, s->window.batches);
    }
}

li_status li_conv_2d_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_conv_state *s = li_node_state_const(net, node);
    const li_window *w = &s->window;
    const li_kernels *kernels = li_kernels_of(net);
    const void *x = li_tensor_data(input), *filter = li_tensor_data(li_node_input(net, node, 1));
    const void *bias = li_optional_data(net, node, 2);
    void *out = li_tensor_data(li_node_output(net, node, 0));
    const size_t in_bytes = (size_t)w->in_h * (size_t)w->in_w * (size_t)s->in_c;
    const char *packed = node->packed_bytes != 0 ? li_node_packed(net, node) : NULL;
    const size_t group_bytes = packed != NULL && input->type != LI_INT8 ? li_conv_group_bytes(net, node, s) : 0;
    const int hybrid = li_weights_are_hybrid(net, node), pointwise = hybrid && li_conv_is_pointwise(s);
    const int8_t *codes = NULL;
    li_epilogue row;
    size_t at = 0;
    int32_t b, oy, ox;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return LI_OK;    /* the other dimensions may be huge */
    if (LI_PACKS && packed != NULL && hybrid) {
        const li_layer_f32 layer = li_conv_layer(net, s);
        li_hybrid_run(net, node, &layer, pointwise, w->batches, &s->end, (const float *)(s + 1));
        return LI_OK;
    }
    if ((packed != NULL && input->type == LI_INT8) || li_weights_are_taken_f32(net, node)) {
        li_conv_run_packed(net, node, s);
        return LI_OK;
    }
    for (b = 0; b < w->batches; ++b) {
        const float *image = (const float *)x + (size_t)b * in_bytes;
        if (hybrid && !pointwise) codes = li_hybrid_row(net, image, in_bytes, &s->end, &row);
        for (oy = 0; oy < w->out_h; ++oy)
            for (ox = 0; ox < w->out_w; ++ox, at += (size_t)s->out_c) {
                const int32_t y0 = oy * w->stride_h - w->pad_top, x0 = ox * w->stride_w - w->pad_left;
                if (pointwise) {
                    const size_t pixel = ((size_t)oy * (size_t)w->in_w + (size_t)ox) * (size_t)s->in_c;
                    codes = li_hybrid_row(net, image + pixel, (size_t)s->in_c, &s->end, &row);
                    li_conv_pixel_s8(kernels, s, &row, (float *)out + at, codes, filter, bias, 0, 0);
                } else if (hybrid)
                    li_conv_pixel_s8(kernels, s, &row, (float *)out + at, codes, filter, bias, y0, x0);
                else if (input->type == LI_INT16)
                    li_conv_pixel_s16(kernels, s, (int16_t *)out + at, (const int16_t *)x + (size_t)b * in_bytes, filter, bias,
                                      y0, x0);
                else if (input->type == LI_INT8)
                    li_conv_pixel_s8(kernels, s, &s->end, (int8_t *)out + at, (const int8_t *)x + (size_t)b * in_bytes, filter,
                                     bias, y0, x0);
                else
                    li_conv_pixel_f32(kernels, s, (float *)out + at, image, filter, packed, group_bytes, bias, y0, x0);
            }
    }
    return LI_OK;
}

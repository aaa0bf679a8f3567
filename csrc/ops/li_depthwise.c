/* SPDX-License-Identifier: Apache-2.0 */
/* DEPTHWISE_CONV_2D: filter [1, h, w, input channels * multiplier]; output channel = input channel * multiplier + m. */
#include "li_bands.h"
#include "li_hybrid.h"
#include "li_wide.h"
#include "li_window.h"

typedef struct li_depthwise_state {   /* with int8 weights one float multiplier per output channel follows */
    li_window window;
    int32_t in_c, out_c, multiplier;
    int32_t activation;
    li_epilogue end;
} li_depthwise_state;

/* The stored depth_multiplier is redundant, and zero in some files: the shapes decide. */
static li_status li_depthwise_decode(li_net *net, const li_node *node, li_depthwise_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0), *filter = li_node_input(net, node, 1);
    const int32_t padding = li_option_i8(net, node, LI_SLOT_DepthwiseConv2DOptions_padding, LI_PADDING_SAME);

    LI_TRY(li_need_rank(net, node, input, 4));
    LI_TRY(li_need_rank(net, node, filter, 4));
    s->activation = li_option_i8(net, node, LI_SLOT_DepthwiseConv2DOptions_fused_activation_function, LI_ACTIVATION_NONE);
    LI_TRY(li_range_check(net, node, s->activation));
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

    return LI_OK;
}

/* The kernels of whole int8 layers, NULL in sets without, and the layer as they see it: one input channel makes it a convolution. */
static const li_layer_kernels *li_depthwise_layer(const li_net *net, const li_node *node, const li_depthwise_state *s, li_conv_shape *shape)
{
    const li_kernels *kernels = li_kernels_of(net);
    const int plain = s->in_c == 1;
    const li_window *w = &s->window;
    const li_conv_shape found = { w->in_h, w->in_w, s->in_c, w->out_h, w->out_w, s->out_c, w->filter_h, w->filter_w,
                                  w->stride_h, w->stride_w, w->filter_h > 1 ? w->dilation_h : 1, w->pad_top, w->pad_left, plain,
                                  w->filter_w > 1 ? w->dilation_w : 1, 1, 0 };
    *shape = found;
    return plain ? li_weights_kernels(net, node, kernels->conv_s8, kernels->conv_zero_s8)
                 : li_weights_kernels(net, node, kernels->depthwise_s8, kernels->depthwise_zero_s8);
}

/* As the kernels of whole float layers see it: with a multiplier it is a convolution whose groups have one input channel. */
static li_layer_f32 li_depthwise_layer_f32(const li_net *net, const li_depthwise_state *s)
{
    const li_window *w = &s->window;
    const li_range_f32 limits = li_range_of_f32(s->activation);
    const li_layer_f32 layer = { w->in_h, w->in_w, s->in_c, w->out_h, w->out_w, s->out_c, w->filter_h, w->filter_w, w->stride_h, w->stride_w,
                                 w->dilation_h, w->dilation_w, w->pad_top, w->pad_left, s->in_c, (net->flags & LI_EXACT) != 0, 0,
                                 limits.low, limits.high, 1 };
    return layer;
}

static int li_depthwise_multiplies_f32(const li_net *net, const li_node *node, const li_depthwise_state *s)
{
    return LI_PACKS && s->multiplier != 1 && li_node_input(net, node, 0)->type == LI_FLOAT32 && !li_weights_are_hybrid(net, node);
}

static int li_depthwise_has_bands_f32(const li_net *net, const li_node *node, const li_depthwise_state *s)
{
    return LI_PACKS && s->multiplier == 1 && li_node_input(net, node, 0)->type == LI_FLOAT32 && !li_weights_are_hybrid(net, node)
        && li_kernels_of(net)->depthwise_f32 != NULL;
}

/* Packed weights and scratch of the kernels that will run. */
LI_NOT_INLINE static void li_depthwise_plan_kernels(li_net *net, li_node *node, const li_depthwise_state *s)
{
    li_conv_shape shape;
    if (li_weights_are_hybrid(net, node)) node->scratch_bytes = li_hybrid_bytes(li_node_input(net, node, 0));
    if (li_depthwise_multiplies_f32(net, node, s)) {
        const li_layer_f32 layer = li_depthwise_layer_f32(net, s);
        li_weights_plan_f32(net, node, li_kernels_of(net)->conv_f32, &layer);
        return;
    }
    if (li_depthwise_has_bands_f32(net, node, s)) node->divided = LI_DIVIDED_BANDS;
    li_weights_plan_layer(net, node, li_depthwise_layer(net, node, s, &shape), &shape);
}

li_status li_depthwise_conv_2d_plan(li_net *net, li_node *node)
{
    li_depthwise_state s;
    int64_t dims[4];

    LI_TRY(li_depthwise_decode(net, node, &s));
    LI_TRY(li_weights_state(net, node, sizeof s, (uint32_t)s.out_c));
    LI_TRY(li_weights_check(net, node, 3, (uint32_t)s.out_c, (uint64_t)s.window.filter_h * (uint64_t)s.window.filter_w));
    li_depthwise_plan_kernels(net, node, &s);
    dims[0] = s.window.batches;
    dims[1] = s.window.out_h;
    dims[2] = s.window.out_w;
    dims[3] = s.out_c;
    return li_set_shape(net, node, li_node_output(net, node, 0), 4, dims);
}

void li_depthwise_conv_2d_prepare(li_net *net, const li_node *node)
{
    li_depthwise_state *s = li_node_state(net, node);
    const li_layer_kernels *layer;
    li_conv_shape shape;

    if (li_depthwise_decode(net, node, s) != LI_OK) return;
    li_epilogue_prepare(net, node, s->activation, (uint32_t)s->out_c, &s->end, (float *)(s + 1));
    if (node->packed_bytes == 0 || (net->flags & LI_PACKED_READY) != 0) return;
    if (li_depthwise_multiplies_f32(net, node, s)) {
        const li_layer_f32 layer_f32 = li_depthwise_layer_f32(net, s);
        li_weights_pack_f32(net, node, &layer_f32);
        return;
    }
    layer = li_depthwise_layer(net, node, s, &shape);
    if (layer != NULL)
        li_weights_pack_layer(net, node, layer, &shape, (const float *)(s + 1), s->end.in_zero);
}

/* The taps of one output pixel that lie inside the image. */
typedef struct li_depthwise_taps {
    li_tap_grid grid;
    size_t x, w;                 /* where the grids start */
} li_depthwise_taps;

static li_depthwise_taps li_depthwise_place(const li_depthwise_state *s, int32_t y0, int32_t x0)
{
    const li_window *w = &s->window;
    const li_taps rows = li_taps_inside(y0, w->in_h, w->filter_h, w->dilation_h);
    const li_taps columns = li_taps_inside(x0, w->in_w, w->filter_w, w->dilation_w);
    const size_t in_c = (size_t)s->in_c, out_c = (size_t)s->out_c, in_row = (size_t)w->in_w * in_c;
    li_depthwise_taps t = { { 0, 0, 0, 0, 0, 0 }, 0, 0 };

    if (rows.begin == rows.end || columns.begin == columns.end) return t;        /* all taps of a dilated window can miss */
    t.grid.rows = (size_t)(rows.end - rows.begin);
    t.grid.columns = (size_t)(columns.end - columns.begin);
    t.grid.x_row = (size_t)w->dilation_h * in_row;
    t.grid.x_column = (size_t)w->dilation_w * in_c;
    t.grid.w_row = (size_t)w->filter_w * out_c;
    t.grid.w_column = out_c;
    t.x = (size_t)(y0 + rows.begin * w->dilation_h) * in_row + (size_t)(x0 + columns.begin * w->dilation_w) * in_c;
    t.w = ((size_t)rows.begin * (size_t)w->filter_w + (size_t)columns.begin) * out_c;
    return t;
}

/* More than one output channel per input channel: rare, so one plain loop each. */
static void li_depthwise_many_s8(int32_t *sums, const int8_t *x, int32_t zero, const int8_t *w, const li_tap_grid *grid,
                                 uint32_t c, uint32_t n, uint32_t multiplier)
{
    size_t i, j;
    uint32_t k;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const int8_t *from = x + i * grid->x_row + j * grid->x_column, *by = w + i * grid->w_row + j * grid->w_column;
            for (k = 0; k < n; ++k) sums[k] += (from[(c + k) / multiplier] - zero) * by[c + k];
        }
}

/* For a filter with a zero point: sums[k] -= filter zero point * sum of (x - input zero point) over the window of channel c + k. */
static void li_depthwise_lower_s8(const li_depthwise_state *s, int32_t *sums, const int8_t *x, const li_tap_grid *grid, uint32_t c,
                                  uint32_t n)
{
    size_t i, j;
    uint32_t k;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const int8_t *from = x + i * grid->x_row + j * grid->x_column;
            if (s->multiplier == 1)
                for (k = 0; k < n; ++k) sums[k] -= s->end.filter_zero * (from[c + k] - s->end.in_zero);
            else
                for (k = 0; k < n; ++k)
                    sums[k] -= s->end.filter_zero * (from[(c + k) / (uint32_t)s->multiplier] - s->end.in_zero);
        }
}

static void li_depthwise_many_f32(float *sums, const float *x, const float *w, const li_tap_grid *grid, uint32_t c, uint32_t n,
                                  uint32_t multiplier)
{
    size_t i, j;
    uint32_t k;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const float *from = x + i * grid->x_row + j * grid->x_column, *by = w + i * grid->w_row + j * grid->w_column;
            for (k = 0; k < n; ++k) sums[k] += from[(c + k) / multiplier] * by[c + k];
        }
}

LI_NOT_INLINE
static void li_depthwise_pixel_s8(const li_kernels *kernels, const li_depthwise_state *s, const li_epilogue *end, void *out,
                                  const int8_t *image, const int8_t *filter, const void *bias, const li_depthwise_taps *t)
{
    const uint32_t out_c = (uint32_t)s->out_c;
    int32_t sums[LI_CHANNEL_BLOCK];
    uint32_t c, count;

    for (c = 0; c < out_c; c += count) {
        count = out_c - c < LI_CHANNEL_BLOCK ? out_c - c : LI_CHANNEL_BLOCK;
        li_bias_s32(sums, bias, c, count, end);
        if (end->filter_zero != 0) li_depthwise_lower_s8(s, sums, image + t->x, &t->grid, c, count);
        if (s->multiplier == 1) kernels->taps_s8(sums, image + t->x + c, end->in_zero, filter + t->w + c, &t->grid, count);
        else li_depthwise_many_s8(sums, image + t->x, end->in_zero, filter + t->w, &t->grid, c, count, (uint32_t)s->multiplier);
        li_finish_s32(kernels, out, sums, (const float *)(s + 1), bias, c, count, end);
    }
}

LI_NOT_INLINE
static void li_depthwise_pixel_s16(const li_kernels *kernels, const li_depthwise_state *s, int16_t *out, const int16_t *image,
                                   const int8_t *filter, const void *bias, const li_depthwise_taps *t)
{
    const uint32_t out_c = (uint32_t)s->out_c, multiplier = (uint32_t)s->multiplier;
    int64_t sums[LI_WIDE_BLOCK];
    uint32_t c, count, k;
    size_t i, j;

    for (c = 0; c < out_c; c += count) {
        count = out_c - c < LI_WIDE_BLOCK ? out_c - c : LI_WIDE_BLOCK;
        li_wide_start(sums, bias, c, count);
        if (multiplier == 1) kernels->taps_s16(sums, image + t->x + c, filter + t->w + c, &t->grid, count);
        for (i = 0; multiplier != 1 && i < t->grid.rows; ++i)
            for (j = 0; j < t->grid.columns; ++j) {
                const int16_t *from = image + t->x + i * t->grid.x_row + j * t->grid.x_column;
                const int8_t *by = filter + t->w + i * t->grid.w_row + j * t->grid.w_column;
                for (k = 0; k < count; ++k) sums[k] += from[(c + k) / multiplier] * by[c + k];
            }
        li_wide_finish(out, sums, (const li_fixed *)(s + 1), c, count, &s->end);
    }
}

LI_NOT_INLINE
static void li_depthwise_pixel_f32(const li_kernels *kernels, const li_depthwise_state *s, float *out, const float *image,
                                   const float *filter, const float *bias, const li_depthwise_taps *t)
{
    const uint32_t out_c = (uint32_t)s->out_c;
    float sums[LI_CHANNEL_BLOCK];
    uint32_t c, count;

    for (c = 0; c < out_c; c += count) {
        count = out_c - c < LI_CHANNEL_BLOCK ? out_c - c : LI_CHANNEL_BLOCK;
        li_fill(sums, 0, count * sizeof *sums);
        if (s->multiplier == 1) kernels->taps_f32(sums, image + t->x + c, filter + t->w + c, &t->grid, count);
        else li_depthwise_many_f32(sums, image + t->x, filter + t->w, &t->grid, c, count, (uint32_t)s->multiplier);
        li_finish_f32(out + c, sums, bias, c, count, &s->end);
    }
}

/* One image; its rows are divided. */
typedef struct li_depthwise_job {
    li_bands bands;
    const li_kernels *kernels;
    const float *x, *filter, *bias;
    float *out;
    li_layer_f32 layer;
} li_depthwise_job;

static void li_depthwise_band_f32(const li_bands *bands, int32_t first, int32_t rows, int32_t band)
{
    const li_depthwise_job *job = (const li_depthwise_job *)bands;
    (void)band;
    job->kernels->depthwise_f32(job->out, job->x, job->filter, job->bias, &job->layer, first, rows);
}

LI_NOT_INLINE static void li_depthwise_run_f32(const li_net *net, const li_node *node, const li_depthwise_state *s)
{
    const li_window *w = &s->window;
    const size_t in_floats = (size_t)w->in_h * (size_t)w->in_w * (size_t)s->in_c;
    const size_t out_floats = (size_t)w->out_h * (size_t)w->out_w * (size_t)s->out_c;
    const uint64_t work = li_size_mul(out_floats, (uint64_t)w->filter_h * (uint64_t)w->filter_w * LI_BAND_DEPTHWISE);
    li_depthwise_job job = {
        { .band = li_depthwise_band_f32, .units = w->out_h }, li_kernels_of(net), li_tensor_data(li_node_input(net, node, 0)),
        li_tensor_data(li_node_input(net, node, 1)), li_optional_data(net, node, 2), li_tensor_data(li_node_output(net, node, 0)),
        li_depthwise_layer_f32(net, s),
    };
    int32_t b;

    for (b = 0; b < w->batches; ++b, job.x += in_floats, job.out += out_floats) li_bands_run(net, node, &job.bands, work);
}

li_status li_depthwise_conv_2d_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_depthwise_state *s = li_node_state_const(net, node);
    const li_window *w = &s->window;
    const li_kernels *kernels = li_kernels_of(net);
    const void *x = li_tensor_data(input), *filter = li_tensor_data(li_node_input(net, node, 1));
    const void *bias = li_optional_data(net, node, 2);
    void *out = li_tensor_data(li_node_output(net, node, 0));
    const size_t image = (size_t)w->in_h * (size_t)w->in_w * (size_t)s->in_c;
    const int hybrid = li_weights_are_hybrid(net, node);
    li_epilogue row;
    size_t at = 0;
    int32_t b, oy, ox;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return LI_OK;    /* the other dimensions may be huge */
    if (li_depthwise_multiplies_f32(net, node, s) && li_weights_are_taken_f32(net, node)) {
        const li_layer_f32 layer = li_depthwise_layer_f32(net, s);
        li_run_layer_f32(net, node, &layer, w->batches);
        return LI_OK;
    }
    if (node->packed_bytes != 0) {
        li_conv_shape shape;
        const li_layer_kernels *layer = li_depthwise_layer(net, node, s, &shape);
        if (layer != NULL) li_run_layer_s8(net, node, li_weights_layer(net, node, layer), &shape, &s->end, w->batches);
        return LI_OK;
    }
    if (li_depthwise_has_bands_f32(net, node, s)) {
        li_depthwise_run_f32(net, node, s);
        return LI_OK;
    }
    for (b = 0; b < w->batches; ++b) {
        const float *reals = (const float *)x + (size_t)b * image;
        const int8_t *codes = hybrid ? li_hybrid_row(net, reals, image, &s->end, &row) : NULL;
        for (oy = 0; oy < w->out_h; ++oy)
            for (ox = 0; ox < w->out_w; ++ox, at += (size_t)s->out_c) {
                const li_depthwise_taps t = li_depthwise_place(s, oy * w->stride_h - w->pad_top, ox * w->stride_w - w->pad_left);
                if (hybrid)
                    li_depthwise_pixel_s8(kernels, s, &row, (float *)out + at, codes, filter, bias, &t);
                else if (input->type == LI_INT16)
                    li_depthwise_pixel_s16(kernels, s, (int16_t *)out + at, (const int16_t *)x + (size_t)b * image, filter, bias, &t);
                else if (input->type == LI_INT8)
                    li_depthwise_pixel_s8(kernels, s, &s->end, (int8_t *)out + at, (const int8_t *)x + (size_t)b * image, filter,
                                          bias, &t);
                else
                    li_depthwise_pixel_f32(kernels, s, (float *)out + at, reals, filter, bias, &t);
            }
    }
    return LI_OK;
}

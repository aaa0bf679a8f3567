/* SPDX-License-Identifier: Apache-2.0 */
/* AVERAGE_POOL_2D and MAX_POOL_2D on NHWC. Padding never counts: docs/NUMERICS.md, "Pooling". */
#include "li_range.h"
#include "li_window.h"

typedef struct li_pool_state {
    li_window window;
    int32_t channels;
    int32_t low, high;
    float low_f32, high_f32;
} li_pool_state;

static li_status li_pool_decode(li_net *net, const li_node *node, li_pool_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const int32_t activation = li_option_i8(net, node, LI_SLOT_Pool2DOptions_fused_activation_function, LI_ACTIVATION_NONE);
    const li_range_f32 range = li_range_of_f32(activation);

    LI_TRY(li_need_rank(net, node, input, 4));
    LI_TRY(li_range_check(net, node, activation));
    s->channels = input->dims[3];
    s->low_f32 = range.low;
    s->high_f32 = range.high;
    s->window.filter_h = li_option_i32(net, node, LI_SLOT_Pool2DOptions_filter_height, 0);
    s->window.filter_w = li_option_i32(net, node, LI_SLOT_Pool2DOptions_filter_width, 0);
    s->window.stride_h = li_option_i32(net, node, LI_SLOT_Pool2DOptions_stride_h, 0);
    s->window.stride_w = li_option_i32(net, node, LI_SLOT_Pool2DOptions_stride_w, 0);
    s->window.dilation_h = 1;
    s->window.dilation_w = 1;
    return li_window_place(net, node, input, li_option_i8(net, node, LI_SLOT_Pool2DOptions_padding, LI_PADDING_SAME), &s->window);
}

static li_status li_pool_plan(li_net *net, li_node *node, li_pool_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    int64_t dims[4];

    LI_TRY(li_pool_decode(net, node, s));
    dims[0] = s->window.batches;
    dims[1] = s->window.out_h;
    dims[2] = s->window.out_w;
    dims[3] = s->channels;
    LI_TRY(li_set_shape(net, node, output, 4, dims));
    node->state_bytes = sizeof *s;
    if (input->type == LI_FLOAT32) return LI_OK;
    LI_TRY(li_need_centred(net, node, input));
    LI_TRY(li_need_centred(net, node, output));
    return li_need_same_quantization(net, node, input, output);
}

static void li_pool_prepare(li_net *net, const li_node *node, enum li_limit rule)
{
    const li_tensor *output = li_node_output(net, node, 0);
    const int32_t activation = li_option_i8(net, node, LI_SLOT_Pool2DOptions_fused_activation_function, LI_ACTIVATION_NONE);
    li_pool_state *s = li_node_state(net, node);
    li_range_s8 range;

    if (li_pool_decode(net, node, s) != LI_OK || output->type == LI_FLOAT32) return;
    range = li_range_of_s8(net, output, activation, rule);
    s->low = range.low;
    s->high = range.high;
}

/* One output pixel in float32: `image` is the batch's image, rows and columns the taps inside it. */
typedef void (*li_pool_pixel)(const li_pool_state *s, float *out, const float *image, li_taps rows, li_taps columns, int32_t y0,
                              int32_t x0);

static size_t li_pool_offset(const li_pool_state *s, int32_t y, int32_t x)
{
    return ((size_t)y * (size_t)s->window.in_w + (size_t)x) * (size_t)s->channels;
}

static void li_pool_run_f32(li_net *net, const li_node *node, li_pool_pixel pixel)
{
    const li_pool_state *s = li_node_state_const(net, node);
    const li_window *w = &s->window;
    const float *image = li_tensor_data(li_node_input(net, node, 0));
    float *out = li_tensor_data(li_node_output(net, node, 0));
    int32_t b, oy, ox;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return;       /* the other dimensions may be huge */
    for (b = 0; b < w->batches; ++b, image += li_pool_offset(s, w->in_h, 0))
        for (oy = 0; oy < w->out_h; ++oy)
            for (ox = 0; ox < w->out_w; ++ox, out += s->channels) {
                const int32_t y0 = oy * w->stride_h - w->pad_top, x0 = ox * w->stride_w - w->pad_left;
                pixel(s, out, image, li_taps_inside(y0, w->in_h, w->filter_h, 1), li_taps_inside(x0, w->in_w, w->filter_w, 1),
                      y0, x0);
            }
}

/* The taps inside the image of an output pixel's window; where they start, in elements. Geometry gives every window a tap. */
static size_t li_pool_place(const li_pool_state *s, int32_t oy, int32_t ox, li_tap_grid *grid)
{
    const li_window *w = &s->window;
    const int32_t y0 = oy * w->stride_h - w->pad_top, x0 = ox * w->stride_w - w->pad_left;
    const li_taps rows = li_taps_inside(y0, w->in_h, w->filter_h, 1), columns = li_taps_inside(x0, w->in_w, w->filter_w, 1);
    grid->rows = (size_t)(rows.end - rows.begin);
    grid->columns = (size_t)(columns.end - columns.begin);
    return grid->rows == 0 || grid->columns == 0 ? 0 : li_pool_offset(s, y0 + rows.begin, x0 + columns.begin);
}

/* Windows of the float kernels, where the set has them: max_f32 or average_f32. */
typedef void (*li_pool_kernel_f32)(float *out, const float *x, const li_tap_grid *grid, float low, float high, size_t n);

static void li_pool_run_windows_f32(li_net *net, const li_node *node, li_pool_kernel_f32 kernel)
{
    const li_pool_state *s = li_node_state_const(net, node);
    const li_window *w = &s->window;
    const float *image = li_tensor_data(li_node_input(net, node, 0));
    float *out = li_tensor_data(li_node_output(net, node, 0));
    li_tap_grid grid = { 0, 0, li_pool_offset(s, 1, 0), li_pool_offset(s, 0, 1), 0, 0 };
    int32_t b, oy, ox;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return;       /* the other dimensions may be huge */
    for (b = 0; b < w->batches; ++b, image += li_pool_offset(s, w->in_h, 0))
        for (oy = 0; oy < w->out_h; ++oy)
            for (ox = 0; ox < w->out_w; ++ox, out += s->channels) {
                const size_t start = li_pool_place(s, oy, ox, &grid);
                if (grid.rows != 0 && grid.columns != 0)
                    kernel(out, image + start, &grid, s->low_f32, s->high_f32, (size_t)s->channels);
            }
}

/* In int8 the kernels' windows: max_s8 or average_s8. */
typedef void (*li_pool_kernel)(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n);

static void li_pool_run_s8(li_net *net, const li_node *node, li_pool_kernel kernel)
{
    const li_pool_state *s = li_node_state_const(net, node);
    const li_window *w = &s->window;
    const int8_t *image = li_tensor_data(li_node_input(net, node, 0));
    int8_t *out = li_tensor_data(li_node_output(net, node, 0));
    li_tap_grid grid = { 0, 0, li_pool_offset(s, 1, 0), li_pool_offset(s, 0, 1), 0, 0 };
    int32_t b, oy, ox;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return;       /* the other dimensions may be huge */
    for (b = 0; b < w->batches; ++b, image += li_pool_offset(s, w->in_h, 0))
        for (oy = 0; oy < w->out_h; ++oy)
            for (ox = 0; ox < w->out_w; ++ox, out += s->channels) {
                const size_t start = li_pool_place(s, oy, ox, &grid);
                if (grid.rows != 0 && grid.columns != 0) kernel(out, image + start, &grid, s->low, s->high, (size_t)s->channels);
            }
}

/* One channel of an int16 window: the mean, rounded away from zero at halves, or the largest. */
static int32_t li_pool_tap_s16(const int16_t *x, const li_tap_grid *grid, int is_mean)
{
    const int32_t taps = (int32_t)(grid->rows * grid->columns);
    int32_t sum = 0, largest = -32768;
    size_t i, j;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const int32_t value = x[i * grid->x_row + j * grid->x_column];
            sum += value;
            largest = value > largest ? value : largest;
        }
    return is_mean ? (sum > 0 ? sum + taps / 2 : sum - taps / 2) / taps : largest;
}

static void li_pool_run_s16(li_net *net, const li_node *node, int is_mean)
{
    const li_pool_state *s = li_node_state_const(net, node);
    const li_window *w = &s->window;
    const int16_t *image = li_tensor_data(li_node_input(net, node, 0));
    int16_t *out = li_tensor_data(li_node_output(net, node, 0));
    li_tap_grid grid = { 0, 0, li_pool_offset(s, 1, 0), li_pool_offset(s, 0, 1), 0, 0 };
    int32_t b, oy, ox, c;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return;       /* the other dimensions may be huge */
    for (b = 0; b < w->batches; ++b, image += li_pool_offset(s, w->in_h, 0))
        for (oy = 0; oy < w->out_h; ++oy)
            for (ox = 0; ox < w->out_w; ++ox, out += s->channels) {
                const size_t start = li_pool_place(s, oy, ox, &grid);
                for (c = 0; grid.rows != 0 && grid.columns != 0 && c < s->channels; ++c)
                    out[c] = (int16_t)li_clamp(li_pool_tap_s16(image + start + c, &grid, is_mean), s->low, s->high);
            }
}

/* ---- AVERAGE_POOL_2D ---- */

li_status li_average_pool_2d_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const int32_t most = INT32_MAX / (input->type == LI_INT16 ? 32769 : 129 + li_tensor_shift(input));     /* the largest code, and half of one for rounding */
    li_pool_state s;
    int64_t rows, columns;

    LI_TRY(li_pool_plan(net, node, &s));
    if (input->type == LI_FLOAT32) return LI_OK;
    rows = s.window.filter_h < s.window.in_h ? s.window.filter_h : s.window.in_h;
    columns = s.window.filter_w < s.window.in_w ? s.window.filter_w : s.window.in_w;
    if (rows * columns > most)
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_ACCUMULATOR_RANGE, node, input, most, rows * columns);
    return LI_OK;
}

void li_average_pool_2d_prepare(li_net *net, const li_node *node)
{
    li_pool_prepare(net, node, LI_LIMIT_AWAY);
}

/* average_s8 for uint8 codes shown as int8: no sum of those in the file is negative, so every half rounds up. */
static void li_average_u8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const int32_t taps = (int32_t)(grid->rows * grid->columns);
    int32_t sums[LI_CHANNEL_BLOCK];
    size_t c, k, count, i, j;

    for (c = 0; c < n; c += count) {
        count = n - c < LI_CHANNEL_BLOCK ? n - c : LI_CHANNEL_BLOCK;
        for (k = 0; k < count; ++k) sums[k] = taps * 128 + taps / 2;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                for (k = 0; k < count; ++k) sums[k] += x[i * grid->x_row + j * grid->x_column + c + k];
        for (k = 0; k < count; ++k) out[c + k] = (int8_t)li_clamp(sums[k] / taps - 128, low, high);
    }
}

static void li_average_pixel_f32(const li_pool_state *s, float *out, const float *image, li_taps rows, li_taps columns, int32_t y0,
                                 int32_t x0)
{
    const float taps = (float)((rows.end - rows.begin) * (columns.end - columns.begin));
    float sums[LI_CHANNEL_BLOCK];
    int32_t c, i, n, ky, kx;

    for (c = 0; c < s->channels; c += n) {
        n = s->channels - c < LI_CHANNEL_BLOCK ? s->channels - c : LI_CHANNEL_BLOCK;
        li_fill(sums, 0, sizeof sums);
        for (ky = rows.begin; ky < rows.end; ++ky)
            for (kx = columns.begin; kx < columns.end; ++kx) {
                const float *x = image + li_pool_offset(s, y0 + ky, x0 + kx) + c;
                for (i = 0; i < n; ++i) sums[i] += x[i];
            }
        for (i = 0; i < n; ++i) out[c + i] = li_clamp_f32(sums[i] / taps, s->low_f32, s->high_f32);
    }
}

li_status li_average_pool_2d_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const int is_unsigned = li_tensor_shift(input) != 0;
    if (input->type == LI_INT8) li_pool_run_s8(net, node, is_unsigned ? li_average_u8 : li_kernels_of(net)->average_s8);
    else if (input->type == LI_INT16) li_pool_run_s16(net, node, 1);
    else if (li_kernels_of(net)->average_f32 != NULL) li_pool_run_windows_f32(net, node, li_kernels_of(net)->average_f32);
    else li_pool_run_f32(net, node, li_average_pixel_f32);
    return LI_OK;
}

/* ---- MAX_POOL_2D ---- */

li_status li_max_pool_2d_plan(li_net *net, li_node *node)
{
    li_pool_state s;
    return li_pool_plan(net, node, &s);
}

void li_max_pool_2d_prepare(li_net *net, const li_node *node)
{
    li_pool_prepare(net, node, LI_LIMIT_EVEN);
}

/* Starts from the first tap: a window of NaN stays NaN; otherwise a NaN loses every comparison that it is new in. */
static void li_max_pixel_f32(const li_pool_state *s, float *out, const float *image, li_taps rows, li_taps columns, int32_t y0,
                             int32_t x0)
{
    int32_t c, ky, kx;

    if (rows.begin == rows.end || columns.begin == columns.end) return;      /* geometry gives every window a tap */
    li_copy(out, image + li_pool_offset(s, y0 + rows.begin, x0 + columns.begin), (size_t)s->channels * sizeof *out);
    for (ky = rows.begin; ky < rows.end; ++ky)
        for (kx = columns.begin; kx < columns.end; ++kx) {
            const float *x = image + li_pool_offset(s, y0 + ky, x0 + kx);
            for (c = 0; c < s->channels; ++c) out[c] = x[c] > out[c] ? x[c] : out[c];
        }
    for (c = 0; c < s->channels; ++c) out[c] = li_clamp_f32(out[c], s->low_f32, s->high_f32);
}

li_status li_max_pool_2d_run(li_net *net, const li_node *node)
{
    const int32_t type = li_node_input(net, node, 0)->type;
    if (type == LI_INT8) li_pool_run_s8(net, node, li_kernels_of(net)->max_s8);
    else if (type == LI_INT16) li_pool_run_s16(net, node, 0);
    else if (li_kernels_of(net)->max_f32 != NULL) li_pool_run_windows_f32(net, node, li_kernels_of(net)->max_f32);
    else li_pool_run_f32(net, node, li_max_pixel_f32);
    return LI_OK;
}

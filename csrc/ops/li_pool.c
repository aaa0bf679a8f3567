/* SPDX-License-Identifier: Apache-2.0 */
/* AVERAGE_POOL_2D and MAX_POOL_2D on NHWC. Padding never counts: docs/NUMERICS.md, "Pooling". */
#include "li_bands.h"
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
    node->divided = LI_DIVIDED_BANDS;
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

/* An operator on all images: its rows are divided. A window reads the taps of `grid` from x on, and writes all channels of a pixel. */
typedef struct li_pool_job li_pool_job;
typedef void (*li_pool_window)(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid);
struct li_pool_job {
    li_bands bands;
    li_pool_window window;
    const li_kernels *kernels;
    const char *x;
    char *out;
    size_t element;              /* bytes */
    li_pool_state s;
};

static size_t li_pool_offset(const li_pool_state *s, int32_t y, int32_t x)
{
    return ((size_t)y * (size_t)s->window.in_w + (size_t)x) * (size_t)s->channels;
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

static void li_pool_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_pool_job *job = (const li_pool_job *)bands;
    const li_pool_state *s = &job->s;
    const li_pool_window window = job->window;
    const size_t pixel = (size_t)s->channels * job->element;
    char *out = job->out + (size_t)first * (size_t)s->window.out_w * pixel;
    li_tap_grid grid = { 0, 0, li_pool_offset(s, 1, 0), li_pool_offset(s, 0, 1), 0, 0 };
    int32_t row, ox;

    (void)band;
    for (row = first; row < first + count; ++row) {
        const char *image = job->x + (size_t)(row / s->window.out_h) * li_pool_offset(s, s->window.in_h, 0) * job->element;
        for (ox = 0; ox < s->window.out_w; ++ox, out += pixel) {
            const size_t start = li_pool_place(s, row % s->window.out_h, ox, &grid);
            if (grid.rows != 0 && grid.columns != 0) window(job, out, image + start * job->element, &grid);
        }
    }
}

LI_NOT_INLINE static void li_pool_run(li_net *net, const li_node *node, li_pool_window window)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_pool_job job = {
        { .band = li_pool_band }, window, li_kernels_of(net), li_tensor_data(input), li_tensor_data(output),
        li_type_bytes(input->type), *(const li_pool_state *)li_node_state_const(net, node),
    };
    const li_window *w = &job.s.window;
    const uint64_t taps = (uint64_t)w->filter_h * (uint64_t)w->filter_w;

    if (li_tensor_elements(output) == 0) return;       /* the other dimensions may be huge */
    job.bands.units = w->batches * w->out_h;
    li_bands_run(net, node, &job.bands, li_size_mul((uint64_t)li_tensor_elements(output) * LI_BAND_COPY * job.element, taps));
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

static void li_pool_window_s16(const li_pool_job *job, int16_t *out, const int16_t *x, const li_tap_grid *grid, int is_mean)
{
    int32_t c;
    for (c = 0; c < job->s.channels; ++c)
        out[c] = (int16_t)li_clamp(li_pool_tap_s16(x + c, grid, is_mean), job->s.low, job->s.high);
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
static void li_average_window_u8(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid)
{
    const int32_t taps = (int32_t)(grid->rows * grid->columns), n = job->s.channels;
    const int8_t *from = x;
    int8_t *to = out;
    int32_t sums[LI_CHANNEL_BLOCK];
    int32_t c, k, count;
    size_t i, j;

    for (c = 0; c < n; c += count) {
        count = n - c < LI_CHANNEL_BLOCK ? n - c : LI_CHANNEL_BLOCK;
        for (k = 0; k < count; ++k) sums[k] = taps * 128 + taps / 2;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                for (k = 0; k < count; ++k) sums[k] += from[i * grid->x_row + j * grid->x_column + (size_t)(c + k)];
        for (k = 0; k < count; ++k) to[c + k] = (int8_t)li_clamp(sums[k] / taps - 128, job->s.low, job->s.high);
    }
}

static void li_average_window_s8(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid)
{
    job->kernels->average_s8(out, x, grid, job->s.low, job->s.high, (size_t)job->s.channels);
}

static void li_average_window_s16(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid)
{
    li_pool_window_s16(job, out, x, grid, 1);
}

static void li_average_window_f32(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid)
{
    const float taps = (float)(int32_t)(grid->rows * grid->columns);
    const float *from = x;
    float *to = out, sums[LI_CHANNEL_BLOCK];
    const int32_t channels = job->s.channels;
    int32_t c, k, n;
    size_t i, j;

    if (job->kernels->average_f32 != NULL) {
        job->kernels->average_f32(to, from, grid, job->s.low_f32, job->s.high_f32, (size_t)channels);
        return;
    }
    for (c = 0; c < channels; c += n) {
        n = channels - c < LI_CHANNEL_BLOCK ? channels - c : LI_CHANNEL_BLOCK;
        li_fill(sums, 0, sizeof sums);
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                for (k = 0; k < n; ++k) sums[k] += from[i * grid->x_row + j * grid->x_column + (size_t)(c + k)];
        for (k = 0; k < n; ++k) to[c + k] = li_clamp_f32(sums[k] / taps, job->s.low_f32, job->s.high_f32);
    }
}

li_status li_average_pool_2d_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    if (input->type == LI_INT8) li_pool_run(net, node, li_tensor_shift(input) != 0 ? li_average_window_u8 : li_average_window_s8);
    else li_pool_run(net, node, input->type == LI_INT16 ? li_average_window_s16 : li_average_window_f32);
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

static void li_max_window_s8(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid)
{
    job->kernels->max_s8(out, x, grid, job->s.low, job->s.high, (size_t)job->s.channels);
}

static void li_max_window_s16(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid)
{
    li_pool_window_s16(job, out, x, grid, 0);
}

/* Starts from the first tap: a window of NaN stays NaN; otherwise a NaN loses every comparison that it is new in. */
static void li_max_window_f32(const li_pool_job *job, void *out, const void *x, const li_tap_grid *grid)
{
    const float *from = x;
    float *to = out;
    const size_t channels = (size_t)job->s.channels;
    size_t c, i, j;

    if (job->kernels->max_f32 != NULL) {
        job->kernels->max_f32(to, from, grid, job->s.low_f32, job->s.high_f32, channels);
        return;
    }
    li_copy(to, from, channels * sizeof *to);
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const float *tap = from + i * grid->x_row + j * grid->x_column;
            for (c = 0; c < channels; ++c) to[c] = tap[c] > to[c] ? tap[c] : to[c];
        }
    for (c = 0; c < channels; ++c) to[c] = li_clamp_f32(to[c], job->s.low_f32, job->s.high_f32);
}

li_status li_max_pool_2d_run(li_net *net, const li_node *node)
{
    const int32_t type = li_node_input(net, node, 0)->type;
    li_pool_run(net, node, type == LI_INT8 ? li_max_window_s8 : type == LI_INT16 ? li_max_window_s16 : li_max_window_f32);
    return LI_OK;
}

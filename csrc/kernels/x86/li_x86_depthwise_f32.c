/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of float32 depthwise convolutions: plain C around the loops of a set. See li_x86_depthwise_f32.h. */
#include "li_x86_depthwise_f32.h"

#if LI_X86_KERNELS

/* Taps k in [begin, end) have 0 <= start + k * dilation < size. */
typedef struct li_x86_taps { int64_t begin, end; } li_x86_taps;

static li_x86_taps li_x86_taps_inside(int64_t start, int64_t size, int64_t filter, int64_t dilation)
{
    li_x86_taps t = { start < 0 ? (dilation - 1 - start) / dilation : 0, size > start ? (size - 1 - start) / dilation + 1 : 0 };
    if (t.end > filter) t.end = filter;
    if (t.begin > t.end) t.begin = t.end;
    return t;
}

/* Columns [begin, end) whose windows lie inside the image. */
static li_x86_taps li_x86_inner_columns(const li_layer_f32 *s)
{
    const int64_t reach = (int64_t)(s->filter_w - 1) * s->dilation_w + 1, last = (int64_t)s->in_w + s->pad_left - reach;
    li_x86_taps inner = { (s->pad_left + s->stride_w - 1) / s->stride_w, last < 0 ? 0 : last / s->stride_w + 1 };
    if (inner.end > s->out_w) inner.end = s->out_w;
    if (inner.begin > inner.end) inner.begin = inner.end;
    return inner;
}

typedef struct li_x86_depthwise_row {
    const li_layer_f32 *layer;
    const float *image, *w;
    int64_t y, row_taps;         /* input row of the first tap, and filter row */
    li_x86_window_f32 window;    /* of column 0 as far as columns do not matter */
} li_x86_depthwise_row;

/* Pixels from column `column` on, whose taps inside the image are those of the first one. */
static void li_x86_depthwise_pixels(const li_x86_depthwise_row *row, li_x86_window_loop loop, int64_t column, int64_t pixels)
{
    const li_layer_f32 *s = row->layer;
    const int64_t x0 = column * s->stride_w - s->pad_left;
    const li_x86_taps taps = li_x86_taps_inside(x0, s->in_w, s->filter_w, s->dilation_w);
    li_x86_window_f32 window = row->window;
    window.pixels = (size_t)pixels;
    window.grid.columns = (size_t)(taps.end - taps.begin);
    if (window.grid.rows == 0 || window.grid.columns == 0) {     /* a dilated window may lie outside with all its taps */
        window.grid.rows = window.grid.columns = 0;
    } else {
        window.x = row->image + ((size_t)row->y * (size_t)s->in_w + (size_t)(x0 + taps.begin * s->dilation_w)) * window.channels;
        window.w = row->w + (size_t)(row->row_taps * s->filter_w + taps.begin) * window.channels;
    }
    window.out += (size_t)column * window.channels;
    loop(&window);
}

static void li_x86_depthwise_columns(const li_x86_depthwise_row *row, const li_x86_windows_f32 *loops, li_x86_taps inner)
{
    const int64_t inside = inner.end - inner.begin;
    int64_t column = 0;
    for (; column < inner.begin; ++column) li_x86_depthwise_pixels(row, loops->one, column, 1);
    if (inside >= 8) {
        li_x86_depthwise_pixels(row, loops->eight, column, inside / 8 * 8);
        column += inside / 8 * 8;
    }
    if (inner.end - column > 4 && inside >= 8) {                 /* the last ones move back, over pixels that are done */
        li_x86_depthwise_pixels(row, loops->eight, inner.end - 8, 8);
        column = inner.end;
    }
    if (column + 4 <= inner.end) {
        li_x86_depthwise_pixels(row, loops->four, column, 4);
        column += 4;
    }
    if (inner.end - column > 1 && inside >= 4) {
        li_x86_depthwise_pixels(row, loops->four, inner.end - 4, 4);
        column = inner.end;
    }
    for (; column < row->layer->out_w; ++column) li_x86_depthwise_pixels(row, loops->one, column, 1);
}

void li_x86_depthwise_f32(const li_x86_windows_f32 *loops, float *out, const float *x, const float *w, const float *bias,
                          const li_layer_f32 *s, int32_t first, int32_t rows)
{
    const size_t c = (size_t)s->in_c;
    const li_x86_taps inner = li_x86_inner_columns(s);
    li_x86_depthwise_row row;
    int64_t y;
    li_fill(&row, 0, sizeof row);
    row.layer = s;
    row.image = x;
    row.w = w;
    row.window.x = x;
    row.window.w = w;
    row.window.bias = bias;
    row.window.grid.x_row = (size_t)s->dilation_h * (size_t)s->in_w * c;
    row.window.grid.x_column = (size_t)s->dilation_w * c;
    row.window.grid.w_row = (size_t)s->filter_w * c;
    row.window.grid.w_column = c;
    row.window.x_step = (size_t)s->stride_w * c;
    row.window.out_step = c;
    row.window.channels = c;
    row.window.low = s->low;
    row.window.high = s->high;
    for (y = first; y < (int64_t)first + rows; ++y) {
        const int64_t y0 = y * s->stride_h - s->pad_top;
        const li_x86_taps taps = li_x86_taps_inside(y0, s->in_h, s->filter_h, s->dilation_h);
        row.row_taps = taps.begin;
        row.y = y0 + taps.begin * s->dilation_h;
        row.window.grid.rows = (size_t)(taps.end - taps.begin);
        row.window.out = out + (size_t)y * (size_t)s->out_w * c;
        li_x86_depthwise_columns(&row, loops, inner);
    }
}

#else
typedef int li_x86_depthwise_f32_is_left_out;      /* an empty translation unit is not C */
#endif

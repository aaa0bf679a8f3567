/* SPDX-License-Identifier: Apache-2.0 */
/* Bands and panels of int8 convolutions: plain C around the loops of a set. See li_x86_conv.h. */
#include "li_x86_conv_walk.h"

#if LI_X86_KERNELS

/* 16 bytes of the zero point. */
typedef struct li_x86_zeros {
    uint64_t halves[2];
} li_x86_zeros;

static li_x86_zeros li_x86_zeros_of(const li_x86_tiles *tiles, int32_t zero)
{
    const uint64_t value = (uint64_t)(uint32_t)(zero + tiles->shift);
    const uint64_t half = tiles->element_bytes == 1 ? (value & 0xff) * UINT64_C(0x0101010101010101) : (value & 0xffff) * UINT64_C(0x0001000100010001);
    const li_x86_zeros zeros = { { half, half } };
    return zeros;
}

/* At least so many bytes of it, in sixteens: what is behind them is written later. */
LI_INLINE void li_x86_blank(char *to, size_t bytes, const li_x86_zeros *zeros)
{
    size_t i;
    for (i = 0; i < bytes; i += sizeof *zeros) li_copy(to + i, zeros, sizeof *zeros);
}

/* `pixels` pixels of the image. */
static void li_x86_spread_pixels(const li_x86_tiles *tiles, const li_x86_walk *w, void *to, const int8_t *x, size_t pixels)
{
    size_t i;
    if (w->pixel != w->in_c) tiles->widen(to, x, pixels);
    else if (w->apart == w->in_c) tiles->spread(to, x, pixels * w->in_c);
    else
        for (i = 0; i < pixels; ++i) tiles->spread((char *)to + i * w->in_c * tiles->element_bytes, x + i * w->apart, w->in_c);
}

/* A row of the image whose taps lie apart, pixel by pixel. */
static void li_x86_spread_apart(const li_x86_tiles *tiles, const li_x86_walk *w, char *to, const int8_t *row, size_t before, size_t inside,
                                const li_x86_zeros *zeros)
{
    const size_t pixel = w->pixel * tiles->element_bytes;
    size_t phase, column;
    for (phase = 0; phase < w->dilation_w; ++phase)
        for (column = phase; column < w->padded_w; column += w->dilation_w, to += pixel) {
            if (column < before || column - before >= inside) li_x86_blank(to, pixel, zeros);
            else li_x86_spread_pixels(tiles, w, to, row + (column - before) * w->apart, 1);
        }
}

/* `rows` input rows from `top` on with their padding, where top may lie outside the image. */
static void li_x86_spread_rows(const li_x86_tiles *tiles, const li_x86_walk *w, char *to, const int8_t *x, int64_t top, size_t rows,
                               int64_t in_h, size_t pad_left, int32_t zero)
{
    const size_t pixel = w->pixel * tiles->element_bytes, row = w->padded_w * pixel, in_row = w->in_w * w->apart;
    const size_t before = pad_left < w->padded_w ? pad_left : w->padded_w;       /* in pixels */
    const size_t inside = w->padded_w - before < w->in_w ? w->padded_w - before : w->in_w, behind = w->padded_w - before - inside;
    const li_x86_zeros zeros = li_x86_zeros_of(tiles, zero);
    size_t i;
    if (w->dilation_w == 1 && before == 0 && behind == 0 && inside == w->in_w && w->row_step == 1 && top >= 0 && top + (int64_t)rows <= in_h) {
        li_x86_spread_pixels(tiles, w, to, x + (size_t)top * in_row, rows * w->in_w);      /* nothing between the rows */
        return;
    }
    for (i = 0; i < rows; ++i, to += row, top += (int64_t)w->row_step) {
        if (top < 0 || top >= in_h) {
            li_x86_blank(to, row, &zeros);
            continue;
        }
        if (w->dilation_w != 1) {
            li_x86_spread_apart(tiles, w, to, x + (size_t)top * in_row, before, inside, &zeros);
            continue;
        }
        li_x86_blank(to, before * pixel, &zeros);
        li_x86_spread_pixels(tiles, w, to + before * pixel, x + (size_t)top * in_row, inside);
        li_x86_blank(to + (before + inside) * pixel, behind * pixel, &zeros);
    }
}

/* from, from + step, ...: four at a time, so that a layer of many pixels spends little time here; up to three are too many. */
static void li_x86_fill_line(uint32_t *offsets, uint32_t from, uint32_t step, size_t n)
{
    uint64_t two = from | (uint64_t)(from + step) << 32;         /* the lower half does not carry: sums fit 32 bits */
    const uint64_t next = (uint64_t)step << 33 | (uint64_t)step << 1;
    uint64_t more = two + next;
    size_t i;
    for (i = 0; i < n; i += 4, two += 2 * next, more += 2 * next) {
        li_copy(offsets + i, &two, sizeof two);
        li_copy(offsets + i + 2, &more, sizeof more);
    }
}

/* Of output pixels of one row whose taps lie apart: those of columns with the same rest follow each other. */
static void li_x86_fill_apart(const li_x86_walk *w, uint32_t *offsets, size_t from)
{
    const size_t each = w->padded_w / w->dilation_w, longer = w->padded_w % w->dilation_w;
    size_t x;
    for (x = 0; x < w->out_w; ++x) {
        const size_t column = x * w->stride_w, phase = column % w->dilation_w;
        const size_t start = phase * each + (phase < longer ? phase : longer);
        offsets[x] = (uint32_t)(from + (start + column / w->dilation_w) * w->pixel);
    }
}

static void li_x86_fill_offsets(const li_x86_walk *w, uint32_t *offsets, size_t rows)
{
    const uint32_t row = (uint32_t)(w->stride_h / w->row_step * w->row), pixel = (uint32_t)(w->stride_w * w->pixel);
    size_t y, at = 0;
    for (y = 0; w->dilation_w != 1 && y < rows; ++y, at += w->out_w) li_x86_fill_apart(w, offsets + at, y * row);
    if (w->out_w == 1 && w->dilation_w == 1) {
        li_x86_fill_line(offsets, 0, row, rows);
        at = rows;
    }
    for (y = 0; at < rows * w->out_w; ++y, at += w->out_w) li_x86_fill_line(offsets + at, (uint32_t)y * row, pixel, w->out_w);
    for (; at < LI_X86_OFFSETS; ++at) offsets[at] = offsets[at - 1];
}

/* One group's channels of a band; answers where the next group's weights begin. */
static const int8_t *li_x86_run_panels(const li_x86_tiles *tiles, const li_x86_walk *w, li_x86_panel *panel, const int8_t *from)
{
    int8_t *const out = panel->out;
    size_t c;
    for (c = 0; c < w->out_c; c += panel->width) {
        panel->width = tiles->width(w->out_c - c);
        panel->channels = w->out_c - c < panel->width ? w->out_c - c : panel->width;
        panel->bias = (const int32_t *)(const void *)from;
        panel->multipliers = (const float *)(const void *)(from + panel->width * 4);
        panel->w = from + panel->width * 8;
        panel->out = out + c;
        tiles->panel(panel);
        from += li_x86_panel_bytes(w, tiles, panel->width);
    }
    return from;
}

/* Units of an image: its rows, or of a single row so many columns. */
enum { LI_X86_COLUMNS = 4 * LI_X86_TILE };

static int li_x86_is_row(const li_conv_shape *s) { return s->in_h == 1 && s->out_h == 1; }

int32_t li_x86_conv_units(const void *loops, const li_conv_shape *s)
{
    (void)loops;
    return li_x86_is_row(s) ? (s->out_w - 1) / LI_X86_COLUMNS + 1 : s->out_h;
}

/* Rows [y, end) of an image, or pixels where each is a row. */
typedef struct li_x86_part {
    size_t y, end, pad_left;
    const int8_t *x;
    int8_t *out;
} li_x86_part;

/* Columns [first, end) of an image of one row, as an image of its own. */
static void li_x86_take_columns(li_x86_part *part, li_x86_walk *w, size_t out_c, size_t first, size_t end)
{
    const size_t left = first * w->stride_w, pad = part->pad_left;
    const size_t skipped = left < pad ? 0 : left - pad < w->in_w ? left - pad : w->in_w;
    w->out_w = end - first;
    w->padded_w = (w->out_w - 1) * w->stride_w + (w->filter_w - 1) * w->dilation_w + 1;
    w->row = w->padded_w * w->pixel;
    w->in_w -= skipped;
    part->x += skipped * w->apart;
    part->out += first * out_c;
    part->pad_left = left < pad ? pad - left : 0;
}

/* Units [first, first + count); where they are columns, the walk becomes theirs. */
static li_x86_part li_x86_part_of(li_x86_walk *w, const li_conv_shape *s, const int8_t *x, int8_t *out, size_t first, size_t count)
{
    const size_t out_w = (size_t)s->out_w, unit = li_x86_is_row(s) ? LI_X86_COLUMNS : li_x86_is_pointwise(s) ? out_w : 1;
    li_x86_part part = { first * unit, (first + count) * unit, (size_t)s->pad_left, x, out };
    if (!li_x86_is_row(s)) return part;
    if (part.end > out_w) part.end = out_w;
    if (li_x86_is_pointwise(s)) return part;
    li_x86_take_columns(&part, w, (size_t)s->out_c, part.y, part.end);
    part.y = 0;
    part.end = 1;
    return part;
}

void li_x86_conv_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                     const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t units)
{
    const li_x86_tiles *tiles = loops;
    const int pointwise = li_x86_is_pointwise(s);
    li_x86_walk w;
    li_x86_panel panel;
    size_t count, g, filled = 0;
    char *image = (char *)scratch + (64 - (uintptr_t)scratch % 64) % 64;
    uint32_t *offsets;
    li_x86_part part;
    (void)weights;
    if (units < 1 || !li_x86_walk_of(tiles, s, &w)) return;
    offsets = (uint32_t *)(void *)(image + (w.rows_bytes + LI_X86_SLACK) / 4 * 4);
    part = li_x86_part_of(&w, s, x, out, (size_t)first, (size_t)units);

    panel.image = image;
    panel.offsets = offsets;
    panel.segments = w.filter_h;
    panel.segment_step = w.dilation_h * w.row;
    panel.groups = w.groups;
    panel.run = w.stride_w == 1 && w.dilation_w == 1 ? w.out_w : 1;
    panel.column = w.pixel;
    panel.taps = w.filter_w;
    panel.out_step = (size_t)s->out_c;
    panel.rescale = rescale;
    for (; part.y < part.end; part.y += count) {
        const int8_t *from = packed;
        const size_t in_rows = (count = part.end - part.y < w.band ? part.end - part.y : w.band, (size_t)li_x86_band_rows(&w, count));
        const int64_t in_h = pointwise ? (int64_t)s->in_h * s->in_w : s->in_h, top = (int64_t)(part.y * w.stride_h) - s->pad_top;
        if (filled != count) li_x86_fill_offsets(&w, offsets, count);
        filled = count;
        panel.pixels = count * w.out_w;
        for (g = 0; g < (size_t)s->groups; ++g) {
            li_x86_spread_rows(tiles, &w, image, part.x + g * w.in_c, top, in_rows, in_h, part.pad_left, rescale->in_zero);
            li_fill(image + in_rows * w.row * tiles->element_bytes, 0, LI_X86_SLACK);
            panel.out = part.out + part.y * w.out_w * panel.out_step + g * w.out_c;
            from = li_x86_run_panels(tiles, &w, &panel, from);
        }
    }
}

#else
typedef int li_x86_conv_run_is_left_out;      /* an empty translation unit is not C */
#endif

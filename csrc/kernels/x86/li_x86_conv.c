/* SPDX-License-Identifier: Apache-2.0 */
/* Packing, bands and panels of int8 convolutions: plain C around the loops of a set. See li_x86_conv.h. */
#include "li_x86_conv.h"

#if LI_X86_KERNELS

#include "../../src/li_size.h"

/* Bytes of spread rows that a band should not exceed: with a panel's weights it stays in a second-level cache. */
enum { LI_X86_BAND_BYTES = 48 * 1024 };
/* Zeros behind the last row: a group may reach past a segment, where its weights are 0. */
enum { LI_X86_SLACK = 64 };
/* Larger layers are left to the loops without scratch. */
#define LI_X86_LIMIT ((uint64_t)1 << 28)

/* How a layer is walked. A 1x1 filter without stride and padding sees pixels, each of which is then a row. */
typedef struct li_x86_walk {
    size_t out_w, in_w, filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w;
    size_t in_c, out_c, apart;   /* channels of one group; elements of all groups' input pixels */
    size_t pixel;                /* elements of a spread pixel: in_c, or 4 where three channels are widened */
    size_t row_step;             /* input rows from one spread row to the next: under filters of one row, only those that count */
    size_t padded_w, row;        /* pixels and elements of a spread row, where each dilation_w-th pixel is followed by the next such */
    size_t segment, groups;      /* elements and groups of a filter row */
    size_t band;                 /* output rows of a band */
    uint64_t rows_bytes;         /* of a band's spread rows */
} li_x86_walk;

static int li_x86_is_pointwise(const li_conv_shape *s)
{
    return s->filter_h == 1 && s->filter_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 && s->pad_left == 0 && s->out_w == s->in_w;
}

/* Three channels are widened for loops over runs of pixels: they take a pixel's group for each of the taps it lies under. */
static int li_x86_is_widened(const li_x86_tiles *tiles, const li_conv_shape *s)
{
    return tiles->widen != NULL && s->groups == 1 && s->dilation_w == 1 && s->in_c == 3 && s->filter_w == 3 && s->stride_w == 1 && s->out_w >= 16 && s->out_c <= 16;
}

static uint64_t li_x86_band_rows(const li_x86_walk *w, uint64_t band)
{
    return (band - 1) * (w->stride_h / w->row_step) + (uint64_t)(w->filter_h - 1) * w->dilation_h + 1;
}

/* False when something is too large. */
static int li_x86_walk_of(const li_x86_tiles *tiles, const li_conv_shape *s, li_x86_walk *w)
{
    const int pointwise = li_x86_is_pointwise(s);
    const uint64_t out_rows = pointwise ? (uint64_t)s->out_h * (uint64_t)s->out_w : (uint64_t)s->out_h;
    uint64_t row, band;
    w->out_w = pointwise ? 1 : (size_t)s->out_w;
    w->in_w = pointwise ? 1 : (size_t)s->in_w;
    w->filter_h = (size_t)s->filter_h;
    w->filter_w = (size_t)s->filter_w;
    w->in_c = (size_t)(s->in_c / s->groups);
    w->out_c = (size_t)(s->out_c / s->groups);
    w->apart = (size_t)s->in_c;
    w->stride_h = (size_t)s->stride_h;
    w->stride_w = (size_t)s->stride_w;
    w->dilation_h = (size_t)s->dilation_h;
    w->dilation_w = (size_t)s->dilation_w;
    w->row_step = s->filter_h == 1 ? w->stride_h : 1;
    w->pixel = li_x86_is_widened(tiles, s) ? 4 : w->in_c;
    if (s->out_h < 1 || s->out_w < 1) return 0;
    row = li_size_add(li_size_mul(w->out_w - 1, w->stride_w), li_size_mul(w->filter_w - 1, w->dilation_w) + 1);
    w->padded_w = (size_t)row;
    row = li_size_mul(row, w->pixel * tiles->element_bytes);
    if (row > LI_X86_LIMIT || li_x86_band_rows(w, 1) > LI_X86_LIMIT) return 0;
    w->row = (size_t)row / tiles->element_bytes;
    w->segment = w->filter_w * w->pixel;
    w->groups = (w->segment + tiles->group - 1) / tiles->group;
    band = LI_X86_BAND_BYTES / row;
    band = band < li_x86_band_rows(w, 1) ? 1 : (band - li_x86_band_rows(w, 1)) / (w->stride_h / w->row_step) + 1;
    if (w->out_w * band < 4 * LI_X86_TILE) band = (4 * LI_X86_TILE + w->out_w - 1) / w->out_w;    /* weights are read once a band */
    w->band = (size_t)(band < out_rows ? band : out_rows);
    w->rows_bytes = li_size_mul(row, li_x86_band_rows(w, w->band));
    return w->rows_bytes <= LI_X86_LIMIT && (uint64_t)w->band * w->out_w <= LI_X86_LIMIT / 4;
}

static size_t li_x86_panel_bytes(const li_x86_walk *w, const li_x86_tiles *tiles, size_t width)
{
    return (width * (4 + 4 + w->filter_h * w->groups * tiles->group * tiles->weight_bytes) + 63) / 64 * 64;
}

size_t li_x86_conv_packed_bytes(const void *loops, const li_conv_shape *s)
{
    const li_x86_tiles *tiles = loops;
    li_x86_walk w;
    uint64_t bytes = 0;
    size_t left, width;
    if (!li_x86_walk_of(tiles, s, &w)) return 0;
    left = w.out_c;
    if (li_size_mul(li_size_mul(w.filter_h, w.groups * tiles->group * tiles->weight_bytes), left + 64) > LI_X86_LIMIT) return 0;
    for (; left != 0; left -= left < width ? left : width) {
        width = tiles->width(left);
        bytes += li_x86_panel_bytes(&w, tiles, width);
    }
    bytes = li_size_mul(bytes, (uint64_t)s->groups);
    return bytes <= LI_X86_LIMIT ? (size_t)bytes : 0;
}

static size_t li_x86_offsets(const li_x86_walk *w)
{
    const size_t pixels = w->band * w->out_w;
    return (pixels < LI_X86_OFFSETS ? LI_X86_OFFSETS : pixels) + 3;  /* they are written in fours */
}

size_t li_x86_conv_scratch_bytes(const void *loops, const li_conv_shape *s)
{
    const li_x86_tiles *tiles = loops;
    li_x86_walk w;
    if (!li_x86_walk_of(tiles, s, &w)) return 0;
    return 64 + (size_t)w.rows_bytes + LI_X86_SLACK + 4 * li_x86_offsets(&w);      /* 64: to align the rows */
}

/* The weights that one lane takes of a group, at most as many as are left of the segment, less `zero`; answers their sum. */
LI_INLINE uint32_t li_x86_pack_group(const li_x86_tiles *tiles, int8_t *to, const int8_t *from, size_t step, size_t left, int32_t zero)
{
    const size_t count = left < tiles->group ? left : tiles->group;
    uint32_t sum = 0;
    size_t i;
    if (tiles->group == 4 && left >= 4 && step == 1) {
        li_copy(to, from, 4);
        return (uint32_t)(from[0] + from[1] + from[2] + from[3]);
    }
    for (i = 0; i < count; ++i) {
        const int32_t value = from[i * step] - zero;
        const int16_t wide = (int16_t)value;
        if (tiles->weight_bytes == 2) li_copy(to + 2 * i, &wide, 2);
        else to[i] = (int8_t)value;
        sum += (uint32_t)value;
    }
    return sum;
}

/* One group's panels, from its own first channel on; answers where the next group's begin. `step`: from a weight to the next. */
static int8_t *li_x86_pack_panels(const li_x86_tiles *tiles, const li_x86_walk *walk, int8_t *to, const int8_t *w, size_t step,
                                  const int32_t *bias, const float *multipliers, int32_t in_zero, int32_t w_zero)
{
    const size_t lane_bytes = tiles->group * tiles->weight_bytes, filter_row = walk->filter_w * walk->in_c;
    const size_t pieces = walk->pixel != walk->in_c ? walk->in_c : tiles->group;     /* weights of a row that a group takes */
    size_t first, width, lane, y, k;
    for (first = 0; first < walk->out_c; first += width) {
        int32_t *panel_bias;
        float *panel_multipliers;
        int8_t *panel_w;
        width = tiles->width(walk->out_c - first);
        li_fill(to, 0, li_x86_panel_bytes(walk, tiles, width));
        panel_bias = (int32_t *)(void *)to;
        panel_multipliers = (float *)(void *)(to + width * 4);
        panel_w = to + width * 8;
        for (lane = 0; lane < width; ++lane) {
            const size_t channel = first + tiles->lane(width, lane);
            const int8_t *from = w + (step != 1 ? channel : channel * walk->filter_h * filter_row);
            int8_t *lane_w = panel_w + lane * lane_bytes;
            uint32_t sum = 0;                    /* may wrap: what counts is the end */
            if (channel >= walk->out_c) continue;
            for (y = 0; y < walk->filter_h; ++y, from += filter_row * step)
                for (k = 0; k < filter_row; k += pieces, lane_w += width * lane_bytes)
                    sum += li_x86_pack_group(tiles, lane_w, from + k * step, step, walk->pixel != walk->in_c ? pieces : filter_row - k, w_zero);
            panel_bias[lane] = (int32_t)((bias != NULL ? (uint32_t)bias[channel] : 0u) - sum * (uint32_t)(in_zero + tiles->shift));
            panel_multipliers[lane] = multipliers[channel];
        }
        to += li_x86_panel_bytes(walk, tiles, width);
    }
    return to;
}

void li_x86_conv_pack(const void *loops, void *packed, const li_conv_shape *s, const int8_t *w, const int32_t *bias,
                      const float *multipliers, int32_t in_zero)
{
    const li_x86_tiles *tiles = loops;
    int8_t *to = packed;
    li_x86_walk walk;
    size_t c;
    if (!li_x86_walk_of(tiles, s, &walk)) return;
    for (c = 0; c < (size_t)s->out_c; c += walk.out_c)
        to = li_x86_pack_panels(tiles, &walk, to, w + c * walk.filter_h * walk.filter_w * walk.in_c, s->w_last ? (size_t)s->out_c : 1,
                                bias != NULL ? bias + c : NULL, multipliers + c, in_zero, s->w_zero);
}

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

void li_x86_conv_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                     const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t rows)
{
    const li_x86_tiles *tiles = loops;
    const int pointwise = li_x86_is_pointwise(s);
    li_x86_walk w;
    li_x86_panel panel;
    size_t y, end, count, g, filled = 0;
    char *image = (char *)scratch + (64 - (uintptr_t)scratch % 64) % 64;
    uint32_t *offsets;
    (void)weights;
    if (rows < 1 || !li_x86_walk_of(tiles, s, &w)) return;
    offsets = (uint32_t *)(void *)(image + (w.rows_bytes + LI_X86_SLACK) / 4 * 4);
    y = (size_t)first * (pointwise ? (size_t)s->out_w : 1);
    end = y + (size_t)rows * (pointwise ? (size_t)s->out_w : 1);

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
    for (; y < end; y += count) {
        const int8_t *from = packed;
        const size_t in_rows = (count = end - y < w.band ? end - y : w.band, (size_t)li_x86_band_rows(&w, count));
        const int64_t in_h = pointwise ? (int64_t)s->in_h * s->in_w : s->in_h, top = (int64_t)(y * w.stride_h) - s->pad_top;
        if (filled != count) li_x86_fill_offsets(&w, offsets, count);
        filled = count;
        panel.pixels = count * w.out_w;
        for (g = 0; g < (size_t)s->groups; ++g) {
            li_x86_spread_rows(tiles, &w, image, x + g * w.in_c, top, in_rows, in_h, (size_t)s->pad_left, rescale->in_zero);
            li_fill(image + in_rows * w.row * tiles->element_bytes, 0, LI_X86_SLACK);
            panel.out = out + y * w.out_w * panel.out_step + g * w.out_c;
            from = li_x86_run_panels(tiles, &w, &panel, from);
        }
    }
}

#else
typedef int li_x86_conv_is_left_out;      /* an empty translation unit is not C */
#endif

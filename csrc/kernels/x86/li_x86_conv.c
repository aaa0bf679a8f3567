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
    size_t out_w, in_w, filter_h, filter_w, in_c, stride_h, stride_w, dilation_h;
    size_t padded_w, row;        /* pixels and elements of a spread row */
    size_t segment, groups;      /* elements and groups of a filter row */
    size_t band;                 /* output rows of a band */
    uint64_t rows_bytes;         /* of a band's spread rows */
} li_x86_walk;

static int li_x86_is_pointwise(const li_conv_shape *s)
{
    return s->filter_h == 1 && s->filter_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 && s->pad_left == 0;
}

static uint64_t li_x86_band_rows(const li_x86_walk *w, uint64_t band)
{
    return (band - 1) * w->stride_h + (uint64_t)(w->filter_h - 1) * w->dilation_h + 1;
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
    w->in_c = (size_t)s->in_c;
    w->stride_h = (size_t)s->stride_h;
    w->stride_w = (size_t)s->stride_w;
    w->dilation_h = (size_t)s->dilation_h;
    if (s->out_h < 1 || s->out_w < 1) return 0;
    row = li_size_add(li_size_mul(w->out_w - 1, w->stride_w), w->filter_w);
    w->padded_w = (size_t)row;
    row = li_size_mul(row, w->in_c * tiles->element_bytes);
    if (row > LI_X86_LIMIT || li_x86_band_rows(w, 1) > LI_X86_LIMIT) return 0;
    w->row = (size_t)row / tiles->element_bytes;
    w->segment = w->filter_w * w->in_c;
    w->groups = (w->segment + tiles->group - 1) / tiles->group;
    band = LI_X86_BAND_BYTES / row;
    band = band < li_x86_band_rows(w, 1) ? 1 : (band - li_x86_band_rows(w, 1)) / w->stride_h + 1;
    if (w->out_w * band < 4 * LI_X86_TILE) band = (4 * LI_X86_TILE + w->out_w - 1) / w->out_w;    /* weights are read once a band */
    w->band = (size_t)(band < out_rows ? band : out_rows);
    w->rows_bytes = li_size_mul(row, li_x86_band_rows(w, w->band));
    return w->rows_bytes <= LI_X86_LIMIT && (uint64_t)w->band * w->out_w <= LI_X86_LIMIT / 4;
}

static size_t li_x86_panel_bytes(const li_x86_walk *w, const li_x86_tiles *tiles, size_t width)
{
    return (width * (4 + 4 + w->filter_h * w->groups * tiles->group) + 63) / 64 * 64;
}

size_t li_x86_conv_packed_bytes(const void *loops, const li_conv_shape *s)
{
    const li_x86_tiles *tiles = loops;
    li_x86_walk w;
    uint64_t bytes = 0;
    size_t left = (size_t)s->out_c, width;
    if (!li_x86_walk_of(tiles, s, &w)) return 0;
    if (li_size_mul(li_size_mul(w.filter_h, w.groups * tiles->group), left + 64) > LI_X86_LIMIT) return 0;
    for (; left != 0; left -= left < width ? left : width) {
        width = tiles->width(left);
        bytes += li_x86_panel_bytes(&w, tiles, width);
    }
    return bytes <= LI_X86_LIMIT ? (size_t)bytes : 0;
}

static size_t li_x86_offsets(const li_x86_walk *w)
{
    const size_t pixels = w->band * w->out_w;
    return pixels < LI_X86_TILE ? LI_X86_TILE : pixels;
}

size_t li_x86_conv_scratch_bytes(const void *loops, const li_conv_shape *s)
{
    const li_x86_tiles *tiles = loops;
    li_x86_walk w;
    if (!li_x86_walk_of(tiles, s, &w)) return 0;
    return 64 + (size_t)w.rows_bytes + LI_X86_SLACK + 4 * li_x86_offsets(&w);      /* 64: to align the rows */
}

/* The weights that one lane takes of a group, at most as many as are left of the segment; answers their sum. */
LI_INLINE uint32_t li_x86_pack_group(int8_t *to, const int8_t *from, size_t step, size_t left, size_t group)
{
    const size_t count = left < group ? left : group;
    uint32_t sum = 0;
    size_t i;
    if (group == 4 && left >= 4 && step == 1) {
        li_copy(to, from, 4);
        return (uint32_t)(from[0] + from[1] + from[2] + from[3]);
    }
    for (i = 0; i < count; ++i) {
        const int32_t value = from[i * step];
        to[i] = (int8_t)value;
        sum += (uint32_t)value;
    }
    return sum;
}

void li_x86_conv_pack(const void *loops, void *packed, const li_conv_shape *s, const int8_t *w, const int32_t *bias,
                      const float *multipliers, int32_t in_zero)
{
    const li_x86_tiles *tiles = loops;
    const size_t out_c = (size_t)s->out_c;
    size_t first, width, lane, y, k;
    int8_t *to = packed;
    li_x86_walk walk;
    if (!li_x86_walk_of(tiles, s, &walk)) return;
    for (first = 0; first < out_c; first += width) {
        int32_t *panel_bias;
        float *panel_multipliers;
        int8_t *panel_w;
        width = tiles->width(out_c - first);
        li_fill(to, 0, li_x86_panel_bytes(&walk, tiles, width));
        panel_bias = (int32_t *)(void *)to;
        panel_multipliers = (float *)(void *)(to + width * 4);
        panel_w = to + width * 8;
        for (lane = 0; lane < width; ++lane) {
            const size_t channel = first + tiles->lane(width, lane);
            const int8_t *from = w + (s->w_last ? channel : channel * walk.filter_h * walk.segment);
            const size_t step = s->w_last ? out_c : 1;
            int8_t *lane_w = panel_w + lane * tiles->group;
            uint32_t sum = 0;                    /* may wrap: what counts is the end */
            if (channel >= out_c) continue;
            for (y = 0; y < walk.filter_h; ++y, from += walk.segment * step)
                for (k = 0; k < walk.segment; k += tiles->group, lane_w += width * tiles->group)
                    sum += li_x86_pack_group(lane_w, from + k * step, step, walk.segment - k, tiles->group);
            panel_bias[lane] = (int32_t)((bias != NULL ? (uint32_t)bias[channel] : 0u) - sum * (uint32_t)(in_zero + tiles->shift));
            panel_multipliers[lane] = multipliers[channel];
        }
        to += li_x86_panel_bytes(&walk, tiles, width);
    }
}

/* `pixels` pixels of the zero point. */
static void li_x86_blank(const li_x86_tiles *tiles, char *to, size_t elements, int32_t zero)
{
    size_t i;
    if (tiles->element_bytes == 1) {
        li_fill(to, zero + tiles->shift, elements);
    } else {
        int16_t *wide = (int16_t *)(void *)to;
        for (i = 0; i < elements; ++i) wide[i] = (int16_t)(zero + tiles->shift);
    }
}

/* Input rows [top, top + rows) with their padding, where top may lie outside the image. */
static void li_x86_spread_rows(const li_x86_tiles *tiles, const li_x86_walk *w, char *to, const int8_t *x, int64_t top, size_t rows,
                               int64_t in_h, size_t pad_left, int32_t zero)
{
    const size_t element = tiles->element_bytes, in_row = w->in_w * w->in_c;
    const size_t before = (pad_left < w->padded_w ? pad_left : w->padded_w) * w->in_c;
    const size_t inside = w->row - before < in_row ? w->row - before : in_row, behind = w->row - before - inside;
    size_t i;
    if (before == 0 && behind == 0 && inside == in_row && top >= 0 && top + (int64_t)rows <= in_h) {      /* nothing between the rows */
        tiles->spread(to, x + (size_t)top * in_row, rows * in_row);
        return;
    }
    for (i = 0; i < rows; ++i, to += w->row * element) {
        const int64_t y = top + (int64_t)i;
        if (y < 0 || y >= in_h) {
            li_x86_blank(tiles, to, w->row, zero);
            continue;
        }
        li_x86_blank(tiles, to, before, zero);
        tiles->spread(to + before * element, x + (size_t)y * in_row, inside);
        li_x86_blank(tiles, to + (before + inside) * element, behind, zero);
    }
}

/* from, from + step, ...: two at a time, so that a layer of many pixels spends little time here. */
static void li_x86_fill_line(uint32_t *offsets, uint32_t from, uint32_t step, size_t n)
{
    uint64_t two = from | (uint64_t)(from + step) << 32;
    const uint64_t next = (uint64_t)step << 33 | (uint64_t)step << 1;        /* the lower half does not carry: sums fit 32 bits */
    size_t i;
    for (i = 0; i + 2 <= n; i += 2, two += next) li_copy(offsets + i, &two, sizeof two);
    if (i < n) offsets[i] = (uint32_t)two;
}

static void li_x86_fill_offsets(const li_x86_walk *w, uint32_t *offsets, size_t rows)
{
    const uint32_t row = (uint32_t)(w->stride_h * w->row), pixel = (uint32_t)(w->stride_w * w->in_c);
    size_t y, at = 0;
    if (w->out_w == 1) {
        li_x86_fill_line(offsets, 0, row, rows);
        at = rows;
    }
    for (y = 0; at < rows * w->out_w; ++y, at += w->out_w) li_x86_fill_line(offsets + at, (uint32_t)y * row, pixel, w->out_w);
    for (; at < LI_X86_TILE; ++at) offsets[at] = offsets[at - 1];
}

void li_x86_conv_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                     const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t rows)
{
    const li_x86_tiles *tiles = loops;
    const int pointwise = li_x86_is_pointwise(s);
    const size_t out_c = (size_t)s->out_c;
    li_x86_walk w;
    li_x86_panel panel;
    size_t y, end, count, c, filled = 0;
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
    panel.out_step = out_c;
    panel.rescale = rescale;
    for (; y < end; y += count) {
        const int8_t *from = packed;
        const size_t in_rows = (count = end - y < w.band ? end - y : w.band, (size_t)li_x86_band_rows(&w, count));
        const int64_t in_h = pointwise ? (int64_t)s->in_h * s->in_w : s->in_h;
        li_x86_spread_rows(tiles, &w, image, x, (int64_t)(y * w.stride_h) - s->pad_top, in_rows, in_h, (size_t)s->pad_left,
                           rescale->in_zero);
        li_fill(image + in_rows * w.row * tiles->element_bytes, 0, LI_X86_SLACK);
        if (filled != count) li_x86_fill_offsets(&w, offsets, count);
        filled = count;
        panel.pixels = count * w.out_w;
        for (c = 0; c < out_c; c += panel.width) {
            panel.width = tiles->width(out_c - c);
            panel.channels = out_c - c < panel.width ? out_c - c : panel.width;
            panel.bias = (const int32_t *)(const void *)from;
            panel.multipliers = (const float *)(const void *)(from + panel.width * 4);
            panel.w = from + panel.width * 8;
            panel.out = out + y * w.out_w * out_c + c;
            tiles->panel(&panel);
            from += li_x86_panel_bytes(&w, tiles, panel.width);
        }
    }
}

#else
typedef int li_x86_conv_is_left_out;      /* an empty translation unit is not C */
#endif

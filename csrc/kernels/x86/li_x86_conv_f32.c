/* SPDX-License-Identifier: Apache-2.0 */
/* Packing, bands and panels of float32 convolutions: plain C around the loops of a set. See li_x86_conv_f32.h. */
#include "li_x86_conv_f32.h"

#if LI_X86_KERNELS

#include "../../src/li_size.h"

/* Bytes of input rows that a band should not exceed: with a panel's weights it stays in a second-level cache. */
enum { LI_X86_BAND_F32_BYTES = 128 * 1024 };
/* Larger layers are left to the loops without scratch. */
#define LI_X86_F32_LIMIT ((uint64_t)1 << 28)
/* In front of the packed weights: whether all of them are finite. Where one is not, 0 for a tap outside the image would
   give NaN, so such a layer skips those taps one by one. */
enum { LI_X86_F32_HEAD = 64 };

/* How a layer is walked. A 1x1 filter without stride and padding sees pixels, each of which is then a row. */
typedef struct li_x86_walk_f32 {
    size_t out_w, in_w, in_h, row;               /* row: elements of an input row, or of a copied one */
    size_t rows, columns, column_step, length;   /* as in a panel */
    size_t stride_h, stride_w, dilation_h, extent_h;
    size_t band;                                 /* output rows of a band */
    uint64_t copied;                             /* bytes of a band's copied rows, 0 when they are read in place */
    int direct, pointwise;
} li_x86_walk_f32;

static uint64_t li_x86_band_rows_f32(const li_x86_walk_f32 *w, uint64_t band)
{
    return (band - 1) * w->stride_h + w->extent_h;
}

/* False when something is too large. */
static int li_x86_walk_of_f32(const li_layer_f32 *s, li_x86_walk_f32 *w)
{
    const uint64_t extent_h = li_size_add(li_size_mul((uint64_t)s->filter_h - 1, (uint64_t)s->dilation_h), 1);
    const uint64_t extent_w = li_size_add(li_size_mul((uint64_t)s->filter_w - 1, (uint64_t)s->dilation_w), 1);
    const uint64_t filter_c = (uint64_t)(s->in_c / s->groups);
    uint64_t reach_h, reach_w, row, band, out_rows;
    if (s->out_h < 1 || s->out_w < 1) return 0;
    reach_h = li_size_add(li_size_mul((uint64_t)s->out_h - 1, (uint64_t)s->stride_h), extent_h);
    reach_w = li_size_add(li_size_mul((uint64_t)s->out_w - 1, (uint64_t)s->stride_w), extent_w);
    w->direct = s->pad_top == 0 && s->pad_left == 0 && reach_h <= (uint64_t)s->in_h && reach_w <= (uint64_t)s->in_w;
    w->pointwise = w->direct && s->filter_h == 1 && s->filter_w == 1 && s->stride_h == 1 && s->stride_w == 1
                && s->out_w == s->in_w;
    w->out_w = w->pointwise ? 1 : (size_t)s->out_w;
    w->in_w = w->pointwise ? 1 : (size_t)s->in_w;
    out_rows = w->pointwise ? (uint64_t)s->out_h * (uint64_t)s->out_w : (uint64_t)s->out_h;
    w->in_h = (size_t)(w->pointwise ? (uint64_t)s->in_h * (uint64_t)s->in_w : (uint64_t)s->in_h);
    row = li_size_mul(w->direct ? w->in_w : reach_w, (uint64_t)s->in_c);
    if (row > LI_X86_F32_LIMIT / 4 || extent_h > LI_X86_F32_LIMIT || extent_w > LI_X86_F32_LIMIT) return 0;
    w->row = (size_t)row;
    w->rows = (size_t)s->filter_h;
    w->columns = s->dilation_w == 1 && s->groups == 1 ? 1 : (size_t)s->filter_w;
    w->column_step = (size_t)s->dilation_w * (size_t)s->in_c;
    w->length = w->columns == 1 ? (size_t)s->filter_w * (size_t)filter_c : (size_t)filter_c;
    w->stride_h = (size_t)s->stride_h;
    w->stride_w = (size_t)s->stride_w;
    w->dilation_h = (size_t)s->dilation_h;
    w->extent_h = (size_t)extent_h;
    band = LI_X86_BAND_F32_BYTES / (row * 4);
    band = band < extent_h ? 1 : (band - extent_h) / w->stride_h + 1;
    if (w->out_w * band < 2 * LI_X86_TILE_F32) band = (2 * LI_X86_TILE_F32 + w->out_w - 1) / w->out_w;
    w->band = (size_t)(band < out_rows ? band : out_rows);
    row = li_size_mul(row * 4, li_x86_band_rows_f32(w, w->band));
    w->copied = w->direct ? 0 : row;
    return row <= LI_X86_F32_LIMIT && (uint64_t)w->band * w->out_w <= LI_X86_F32_LIMIT / 4;
}

static size_t li_x86_taps_f32(const li_layer_f32 *s)
{
    return (size_t)s->filter_h * (size_t)s->filter_w * (size_t)(s->in_c / s->groups);
}

static int li_x86_is_single_f32(const li_layer_f32 *s)
{
    return (int64_t)s->out_h * s->out_w <= 2;
}

static size_t li_x86_panel_floats(size_t taps, size_t width)
{
    return (taps * width + 15) / 16 * 16;
}

size_t li_x86_conv_f32_packed_bytes(const void *loops, const li_layer_f32 *s)
{
    const li_x86_tiles_f32 *tiles = loops;
    const uint64_t filter_c = (uint64_t)(s->in_c / s->groups);
    const uint64_t taps = li_size_mul(li_size_mul((uint64_t)s->filter_h, (uint64_t)s->filter_w), filter_c);
    const size_t group_c = (size_t)(s->out_c / s->groups);
    size_t left = group_c, width;
    uint64_t floats = 0;
    li_x86_walk_f32 w;
    if (!li_x86_walk_of_f32(s, &w)) return 0;
    if (li_size_mul(taps, (uint64_t)group_c + 64) > LI_X86_F32_LIMIT) return 0;
    for (; left != 0; left -= left < width ? left : width) {
        width = tiles->width(left, li_x86_is_single_f32(s));
        floats += li_x86_panel_floats((size_t)taps, width);
    }
    floats = li_size_mul(floats, (uint64_t)s->groups);
    return floats <= LI_X86_F32_LIMIT ? (size_t)floats * 4 + LI_X86_F32_HEAD : 0;
}

static size_t li_x86_offsets_f32(const li_x86_walk_f32 *w)
{
    const size_t pixels = w->band * w->out_w;
    return pixels < LI_X86_TILE_F32 ? LI_X86_TILE_F32 : pixels;
}

size_t li_x86_conv_f32_scratch_bytes(const void *loops, const li_layer_f32 *s)
{
    li_x86_walk_f32 w;
    (void)loops;
    if (!li_x86_walk_of_f32(s, &w)) return 0;
    return 64 + (size_t)w.copied + 4 * li_x86_offsets_f32(&w);       /* 64: to align the rows */
}

void li_x86_conv_f32_pack(const void *loops, void *packed, const li_layer_f32 *s, const float *w)
{
    const li_x86_tiles_f32 *tiles = loops;
    const size_t taps = li_x86_taps_f32(s), group_c = (size_t)(s->out_c / s->groups);
    float *to = (float *)(void *)((char *)packed + LI_X86_F32_HEAD);
    uint32_t finite = 1;
    size_t g, c, width, lanes, lane, k;
    for (g = 0; g < (size_t)s->groups; ++g)
        for (c = 0; c < group_c; c += width) {
            width = tiles->width(group_c - c, li_x86_is_single_f32(s));
            lanes = group_c - c < width ? group_c - c : width;
            if (lanes < width || taps * width % 16 != 0) li_fill(to, 0, li_x86_panel_floats(taps, width) * 4);
            for (lane = 0; lane < lanes; ++lane) {
                const size_t channel = g * group_c + c + lane, step = s->w_last ? (size_t)s->out_c : 1;
                const float *from = w + (s->w_last ? channel : channel * taps);
                float rest = 0;      /* stays 0 where all weights are finite */
                for (k = 0; k < taps; ++k) {
                    to[k * width + lane] = from[k * step];
                    rest += from[k * step] - from[k * step];
                }
                if (!(rest == 0.0f)) finite = 0;
            }
            to += li_x86_panel_floats(taps, width);
        }
    li_fill(packed, 0, LI_X86_F32_HEAD);
    li_copy(packed, &finite, sizeof finite);
}

/* Input rows [top, top + rows) with zeros around them, where top may lie outside the image. */
static void li_x86_copy_rows_f32(const li_x86_walk_f32 *w, float *to, const float *x, int64_t top, size_t rows, size_t in_c,
                                 size_t pad_left)
{
    const size_t in_row = w->in_w * in_c, front = pad_left * in_c, before = front < w->row ? front : w->row;
    const size_t inside = w->row - before < in_row ? w->row - before : in_row, behind = w->row - before - inside;
    size_t i;
    for (i = 0; i < rows; ++i, to += w->row) {
        const int64_t y = top + (int64_t)i;
        if (y < 0 || y >= (int64_t)w->in_h) {
            li_fill(to, 0, w->row * 4);
            continue;
        }
        li_fill(to, 0, before * 4);
        li_copy(to + before, x + (size_t)y * in_row, inside * 4);
        li_fill(to + before + inside, 0, behind * 4);
    }
}

static void li_x86_fill_offsets_f32(const li_x86_walk_f32 *w, uint32_t *offsets, size_t rows, size_t in_c)
{
    size_t y, x, at = 0;
    for (y = 0; y < rows; ++y)
        for (x = 0; x < w->out_w; ++x) offsets[at++] = (uint32_t)(y * w->stride_h * w->row + x * w->stride_w * in_c);
    for (; at < LI_X86_TILE_F32; ++at) offsets[at] = offsets[at - 1];
}

/* One output of a layer whose weights are not all finite; `w` is the channel's lane of its panel. */
static float li_x86_skipping_f32(const li_layer_f32 *s, const float *x, const float *w, size_t width, int32_t y, int32_t x0)
{
    const int32_t filter_c = s->in_c / s->groups;
    float sum = 0;
    int32_t i, j, c;
    for (i = 0; i < s->filter_h; ++i)
        for (j = 0; j < s->filter_w; ++j) {
            const int64_t at_y = (int64_t)y * s->stride_h - s->pad_top + (int64_t)i * s->dilation_h;
            const int64_t at_x = (int64_t)x0 * s->stride_w - s->pad_left + (int64_t)j * s->dilation_w;
            const float *pixel;
            if (at_y < 0 || at_x < 0 || at_y >= s->in_h || at_x >= s->in_w) {
                w += (size_t)filter_c * width;
                continue;
            }
            pixel = x + ((size_t)at_y * (size_t)s->in_w + (size_t)at_x) * (size_t)s->in_c;
            for (c = 0; c < filter_c; ++c, w += width) sum += pixel[c] * *w;
        }
    return sum;
}

static void li_x86_rows_skipping_f32(const li_x86_tiles_f32 *tiles, float *out, const float *x, const float *bias, const float *w,
                                     const li_layer_f32 *s, int32_t first, int32_t rows)
{
    const size_t taps = li_x86_taps_f32(s), group_c = (size_t)(s->out_c / s->groups), filter_c = (size_t)(s->in_c / s->groups);
    size_t g, c, lane, width;
    int32_t y, ox;
    for (g = 0; g < (size_t)s->groups; ++g)
        for (c = 0; c < group_c; c += width, w += li_x86_panel_floats(taps, width)) {
            width = tiles->width(group_c - c, li_x86_is_single_f32(s));
            for (lane = 0; lane < width && c + lane < group_c; ++lane)
                for (y = first; y < first + rows; ++y)
                    for (ox = 0; ox < s->out_w; ++ox) {
                        const size_t channel = g * group_c + c + lane;
                        float sum = li_x86_skipping_f32(s, x + g * filter_c, w + lane, width, y, ox);
                        if (bias != NULL) sum += bias[channel];
                        sum = sum < s->low ? s->low : sum > s->high ? s->high : sum;
                        out[((size_t)y * (size_t)s->out_w + (size_t)ox) * (size_t)s->out_c + channel] = sum;
                    }
        }
}

/* All panels over the pixels of a band. */
static void li_x86_panels_f32(const li_x86_tiles_f32 *tiles, li_x86_panel_f32 *panel, float *out, const float *bias, const float *w,
                              const li_layer_f32 *s)
{
    const size_t taps = li_x86_taps_f32(s), group_c = (size_t)(s->out_c / s->groups), filter_c = (size_t)(s->in_c / s->groups);
    const float *const image = panel->image;
    size_t g, c;
    for (g = 0; g < (size_t)s->groups; ++g)
        for (c = 0; c < group_c; c += panel->width) {
            panel->width = tiles->width(group_c - c, li_x86_is_single_f32(s));
            panel->channels = group_c - c < panel->width ? group_c - c : panel->width;
            panel->image = image + g * filter_c;
            panel->bias = bias != NULL ? bias + g * group_c + c : NULL;
            panel->w = w;
            panel->out = out + g * group_c + c;
            if (s->exact) tiles->exact(panel);
            else tiles->fast(panel);
            w += li_x86_panel_floats(taps, panel->width);
        }
}

void li_x86_conv_f32_run(const void *loops, float *out, const float *x, const float *bias, const void *packed,
                         void *scratch, const li_layer_f32 *s, int32_t first, int32_t rows)
{
    const li_x86_tiles_f32 *tiles = loops;
    const size_t in_c = (size_t)s->in_c, out_c = (size_t)s->out_c;
    const float *weights = (const float *)(const void *)((const char *)packed + LI_X86_F32_HEAD);
    float *copied = (float *)(void *)((char *)scratch + (64 - (uintptr_t)scratch % 64) % 64);
    size_t y, end, count, filled = 0;
    uint32_t *offsets, finite;
    li_x86_panel_f32 panel;
    li_x86_walk_f32 w;
    if (rows < 1 || !li_x86_walk_of_f32(s, &w)) return;
    li_copy(&finite, packed, sizeof finite);
    if (!w.direct && !finite) {
        li_x86_rows_skipping_f32(tiles, out, x, bias, weights, s, first, rows);
        return;
    }
    offsets = (uint32_t *)(void *)((char *)copied + w.copied);
    y = (size_t)first * (w.pointwise ? (size_t)s->out_w : 1);
    end = y + (size_t)rows * (w.pointwise ? (size_t)s->out_w : 1);
    panel.offsets = offsets;
    panel.single = li_x86_is_single_f32(s);
    panel.rows = w.rows;
    panel.row_step = w.dilation_h * w.row;
    panel.columns = w.columns;
    panel.column_step = w.column_step;
    panel.length = w.length;
    panel.block = (size_t)s->block;
    panel.out_step = out_c;
    panel.low = s->low;
    panel.high = s->high;
    for (; y < end; y += count) {
        count = end - y < w.band ? end - y : w.band;
        if (w.direct) {
            panel.image = x + y * w.stride_h * w.row;
        } else {
            li_x86_copy_rows_f32(&w, copied, x, (int64_t)(y * w.stride_h) - s->pad_top, (size_t)li_x86_band_rows_f32(&w, count), in_c,
                                 (size_t)s->pad_left);
            panel.image = copied;
        }
        if (filled != count) li_x86_fill_offsets_f32(&w, offsets, count, in_c);
        filled = count;
        panel.pixels = count * w.out_w;
        li_x86_panels_f32(tiles, &panel, out + y * w.out_w * out_c, bias, weights, s);
    }
}

#else
typedef int li_x86_conv_f32_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How int8 convolutions are walked, and their packing: plain C around the loops of a set. See li_x86_conv.h. */
#include "li_x86_conv_walk.h"

#if LI_X86_KERNELS

/* Bytes of spread rows that a band should not exceed: with a panel's weights it stays in a second-level cache. */
enum { LI_X86_BAND_BYTES = 48 * 1024 };
/* Larger layers are left to the loops without scratch. */
#define LI_X86_LIMIT ((uint64_t)1 << 28)

/* Three channels are widened for loops over runs of pixels: they take a pixel's group for each of the taps it lies under. */
static int li_x86_is_widened(const li_x86_tiles *tiles, const li_conv_shape *s)
{
    return tiles->widen != NULL && s->groups == 1 && s->dilation_w == 1 && s->in_c == 3 && s->filter_w == 3 && s->stride_w == 1 && s->out_w >= 16 && s->out_c <= 16;
}

int li_x86_walk_of(const li_x86_tiles *tiles, const li_conv_shape *s, li_x86_walk *w)
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

#else
typedef int li_x86_conv_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How int8 depthwise convolutions are walked, and their packed weights: what is decided at open. See li_x86_depthwise.h. */
#include "li_x86_depthwise_walk.h"

#if LI_X86_KERNELS

enum {
    LI_DEPTHWISE_BAND_BYTES = 32 * 1024,         /* spread rows stay in a first-level cache */
    LI_DEPTHWISE_SLACK = 64 + 512                /* to align; what a flat row's last block and the zero points write behind it */
};
#define LI_DEPTHWISE_LIMIT ((uint64_t)1 << 28)

/* Groups of input rows that two output rows (stride 1) or one take. */
static size_t li_depthwise_groups(const li_depthwise_tiles *tiles, size_t filter, size_t stride)
{
    return (filter + (stride == 1 ? 1 : 0) + tiles->tall - 1) / tiles->tall;
}

/* What two output rows take beside their tiles, and a group of input rows beside its pixels, in steps. */
enum { LI_DEPTHWISE_ROWS_COST = 16 };

/* Steps of a layer, or of the largest phase of a dilated one. */
static uint64_t li_depthwise_cost(const li_depthwise_tiles *tiles, const li_depthwise_walk *w)
{
    const uint64_t of_tile = li_size_mul(w->filter_w, li_depthwise_groups(tiles, w->filter_h, w->stride_h));
    const uint64_t of_rows = li_size_add(li_size_mul((w->out_w + 3) / 4, of_tile), LI_DEPTHWISE_ROWS_COST);
    const uint64_t spread = li_size_mul(((uint64_t)w->out_h * w->stride_h + w->filter_h) / 2, LI_DEPTHWISE_ROWS_COST);
    return li_size_add(li_size_mul((w->out_h + 1) / 2, of_rows), spread);
}

static int li_depthwise_takes(size_t stride)
{
    return stride == 1 || stride % 2 == 0;
}

li_depthwise_walk li_depthwise_axes(const li_conv_shape *s, const li_depthwise_axis *v, const li_depthwise_axis *h, int exchanged)
{
    const size_t in_pixel = (size_t)s->in_c * (size_t)s->dilation_w, in_row = (size_t)s->in_w * (size_t)s->in_c * (size_t)s->dilation_h;
    const size_t out_pixel = (size_t)s->out_c * (size_t)s->dilation_w, out_row = (size_t)s->out_w * (size_t)s->out_c * (size_t)s->dilation_h;
    const size_t multiplier = (size_t)(s->out_c / s->in_c);
    const li_depthwise_walk image = { v->in, h->in, v->out, h->out, (size_t)s->filter_h, (size_t)s->filter_w, (size_t)s->stride_h,
        (size_t)s->stride_w, v->pad, h->pad, in_row, in_pixel, out_row, out_pixel, multiplier, 0, s->stride_h == 1, 0, 0, 0, 0, 0, 0 };
    const li_depthwise_walk turned = { h->in, v->in, h->out, v->out, (size_t)s->filter_w, (size_t)s->filter_h, (size_t)s->stride_w,
        (size_t)s->stride_h, h->pad, v->pad, in_pixel, in_row, out_pixel, out_row, multiplier, 1, s->stride_w == 1, 0, 0, 0, 0, 0, 0 };
    return exchanged ? turned : image;
}

static int li_depthwise_is_signal(const li_depthwise_tiles *tiles, const li_depthwise_walk *w)
{
    return tiles->slide != NULL && w->multiplier == 1 && w->in_w == 1 && w->filter_w == 1 && w->out_w == 1 && w->pad_left == 0;
}

/* Which axis is walked as rows: a signal's own one, or that which costs less. */
static li_depthwise_walk li_depthwise_orient(const li_depthwise_tiles *tiles, const li_conv_shape *s)
{
    const li_depthwise_axis v = li_depthwise_axis_of(s->in_h, s->out_h, s->pad_top, s->dilation_h, 0);
    const li_depthwise_axis h = li_depthwise_axis_of(s->in_w, s->out_w, s->pad_left, s->dilation_w, 0);
    const li_depthwise_walk image = li_depthwise_axes(s, &v, &h, 0), turned = li_depthwise_axes(s, &v, &h, 1);
    if (li_depthwise_is_signal(tiles, &image)) return image;
    if (li_depthwise_is_signal(tiles, &turned)) return turned;
    return !li_depthwise_takes(image.stride_h)
                   || (li_depthwise_takes(turned.stride_h) && li_depthwise_cost(tiles, &turned) < li_depthwise_cost(tiles, &image))
               ? turned : image;
}

/* A signal: spread samples lie side by side, and one group's are as far from the next one's as it is tall. */
static int li_depthwise_signal_bands(const li_depthwise_tiles *tiles, li_depthwise_walk *w)
{
    const uint64_t sample = 4 * li_depthwise_span(tiles);
    uint64_t band = 8;
    w->signal = 1;
    w->paired = 0;
    w->groups = (w->filter_h + tiles->tall - 1) / tiles->tall;
    w->apart = 1;
    w->padded_w = tiles->tall;
    if (w->groups > LI_DEPTHWISE_LIMIT / 64 || w->stride_h > LI_DEPTHWISE_LIMIT / 64) return 0;
    while (band < w->out_h && li_depthwise_samples_room(w, band + 8) * sample <= LI_DEPTHWISE_BAND_BYTES) band += 8;
    w->band = (size_t)band;
    return li_size_mul(li_depthwise_samples_room(w, band), sample) <= LI_DEPTHWISE_LIMIT;
}

/* Whether a layer of fewer channels than a block has can take whole blocks of its rows as they lie. */
static int li_depthwise_is_flat(const li_depthwise_tiles *tiles, const li_depthwise_walk *w, size_t channels)
{
    return !w->exchanged && w->multiplier == 1 && w->stride_w == 1 && w->in_pixel == channels && tiles->lanes % channels == 0 && li_size_mul(w->out_w, channels) >= tiles->lanes;
}

/* Whether phases have so many outputs that tiles gain on single windows, as measured with 3x3 filters on 33x33x192. */
static int li_depthwise_dilates(const li_depthwise_tiles *tiles, int32_t out, int32_t stride, int32_t dilation)
{
    return dilation == 1 || (stride == 1 && out / dilation >= (tiles->lanes >= 64 ? 1 : tiles->lanes >= 16 ? 2 : 4));
}

/* False when the layer is not taken. */
static int li_depthwise_walk_of(const li_depthwise_tiles *tiles, const li_conv_shape *s, li_depthwise_walk *w)
{
    const size_t c = (size_t)s->out_c;
    uint64_t padded, row, band;
    int is_signal;
    if (s->out_h < 1 || s->out_w < 1 || s->out_c % s->in_c != 0 || !li_depthwise_dilates(tiles, s->out_h, s->stride_h, s->dilation_h)
        || !li_depthwise_dilates(tiles, s->out_w, s->stride_w, s->dilation_w)) return 0;
    *w = li_depthwise_orient(tiles, s);
    is_signal = li_depthwise_is_signal(tiles, w);
    if (tiles->lanes > LI_DEPTHWISE_SPAN && c < tiles->lanes) {
        if (is_signal || !li_depthwise_is_flat(tiles, w, c)) return 0;
        w->flat = c;
    }
    if (is_signal) return li_depthwise_signal_bands(tiles, w) && li_size_mul(w->groups, 64 * (uint64_t)((c + 7) / 8)) <= LI_DEPTHWISE_LIMIT;
    if (!li_depthwise_takes(w->stride_h)) return 0;
    if (w->multiplier != 1 && (size_t)(w->exchanged ? s->in_h : s->in_w) > LI_DEPTHWISE_LIMIT / 1024) return 0;
    w->groups = (w->filter_h + (w->paired ? 1 : 0) + tiles->tall - 1) / tiles->tall;
    w->apart = tiles->tall / 2;
    padded = li_size_add(li_size_mul((uint64_t)w->out_w + 2, w->stride_w), w->filter_w);
    if (w->flat != 0) padded += 3 * tiles->lanes / c;
    row = li_size_mul(padded, 4 * li_depthwise_width(li_depthwise_span(tiles), w));      /* of a group */
    if (row > LI_DEPTHWISE_LIMIT || w->groups > LI_DEPTHWISE_LIMIT || w->stride_h > LI_DEPTHWISE_LIMIT) return 0;
    w->padded_w = (size_t)padded;
    for (band = 2; band < w->out_h && li_depthwise_band_groups(w, band + 2) * row <= LI_DEPTHWISE_BAND_BYTES;) band += 2;
    w->band = (size_t)band;
    return li_size_mul(li_depthwise_band_groups(w, band), row) <= LI_DEPTHWISE_LIMIT
        && li_size_mul(li_size_mul(w->filter_w, w->groups), 64 * (uint64_t)((c + 7) / 8 + 8)) <= LI_DEPTHWISE_LIMIT;
}

static size_t li_depthwise_part_bytes(const li_depthwise_part *part)
{
    const size_t blocks = (part->end - part->first + part->tiles->lanes - 1) / part->tiles->lanes;
    return blocks * li_depthwise_block_bytes(part->tiles, &part->walk);
}

size_t li_depthwise_divide(const li_depthwise_tiles *tiles, const li_conv_shape *s, li_depthwise_part *parts)
{
    const size_t channels = (size_t)s->out_c;
    size_t n = 0, first = 0, bytes = 0;
    if (tiles->wide != NULL && li_depthwise_walk_of(tiles->wide, s, &parts[0].walk)) {
        parts[n].tiles = tiles->wide;
        parts[n].first = parts[n].packed = 0;
        parts[n].end = first = parts[n].walk.flat != 0 ? channels : channels / tiles->wide->lanes * tiles->wide->lanes;
        bytes = li_depthwise_part_bytes(&parts[n++]);
    }
    if (first == channels) return n;
    if (!li_depthwise_walk_of(tiles, s, &parts[n].walk)) return 0;
    parts[n].tiles = tiles;
    parts[n].first = first;
    parts[n].end = channels;
    parts[n].packed = bytes;
    return n + 1;
}

size_t li_x86_depthwise_packed_bytes(const void *loops, const li_conv_shape *s)
{
    li_depthwise_part parts[LI_DEPTHWISE_PARTS];
    const size_t n = li_depthwise_divide(loops, s, parts);
    if (n == 0) return 0;
    return (parts[n - 1].packed + li_depthwise_part_bytes(&parts[n - 1]) + 63) / 64 * 64;
}

size_t li_x86_depthwise_scratch_bytes(const void *loops, const li_conv_shape *s)
{
    li_depthwise_part parts[LI_DEPTHWISE_PARTS];
    const size_t n = li_depthwise_divide(loops, s, parts);
    size_t i, most = 0;
    for (i = 0; i < n; ++i) {
        const li_depthwise_walk *w = &parts[i].walk;
        const uint64_t pixels = w->signal ? li_depthwise_samples_room(w, w->band) : li_depthwise_band_groups(w, w->band) * w->padded_w;
        const size_t bytes = (size_t)pixels * 4 * li_depthwise_width(li_depthwise_span(parts[i].tiles), w)
                           + li_depthwise_repeated_bytes(parts[i].tiles, w, s);
        most = bytes > most ? bytes : most;
    }
    return n == 0 ? 0 : LI_DEPTHWISE_SLACK + most;
}

/* One lane of a block from a channel. */
static void li_depthwise_pack_lane(const li_depthwise_part *part, const li_conv_shape *s, char *block, size_t lane, size_t c,
                                   const int8_t *weights, int32_t bias, float multiplier, int32_t in_zero)
{
    const li_depthwise_walk *w = &part->walk;
    const size_t lanes = part->tiles->lanes, tall = part->tiles->tall, rows = w->paired ? 2 : 1;
    char *const to = block + lanes * 8;
    uint32_t sum = 0;            /* may wrap: what counts is the end */
    size_t i, j, p, r, h;
    for (j = 0; j < w->filter_w; ++j)
        for (p = 0; p < w->groups; ++p)
            for (r = 0; r < rows; ++r)
                for (h = 0; h < tall; ++h) {
                    const size_t at = ((j * w->groups + p) * rows + r) * lanes + lane;
                    int32_t value = 0;
                    i = tall * p + h - r;        /* the second row's taps begin one input row later; -1 wraps out of range */
                    if (i < w->filter_h) value = weights[(w->exchanged ? j * w->filter_h + i : i * w->filter_w + j) * (size_t)s->out_c + c] - s->w_zero;
                    if (tall == 2) ((int16_t *)(void *)to)[at * 2 + h] = (int16_t)value;
                    else ((int8_t *)to)[at * 4 + h] = (int8_t)value;
                    if (r == 0) sum += (uint32_t)value;
                }
    ((int32_t *)(void *)block)[lane] = (int32_t)((uint32_t)bias - sum * (uint32_t)(in_zero + part->tiles->shift));
    ((float *)(void *)(block + lanes * 4))[lane] = multiplier;
}

void li_x86_depthwise_pack(const void *loops, void *packed, const li_conv_shape *s, const int8_t *weights,
                           const int32_t *bias, const float *multipliers, int32_t in_zero)
{
    li_depthwise_part parts[LI_DEPTHWISE_PARTS];
    const size_t n = li_depthwise_divide(loops, s, parts);
    size_t i, lane;
    li_fill(packed, 0, li_x86_depthwise_packed_bytes(loops, s));
    for (i = 0; i < n; ++i) {
        const li_depthwise_part *part = &parts[i];
        const size_t lanes = part->tiles->lanes, all = part->walk.flat != 0 ? lanes : part->end - part->first;
        for (lane = 0; lane < all; ++lane) {
            const size_t c = part->first + (part->walk.flat != 0 ? lane % part->walk.flat : lane);
            char *const block = (char *)packed + part->packed + lane / lanes * li_depthwise_block_bytes(part->tiles, &part->walk);
            li_depthwise_pack_lane(part, s, block, lane % lanes, c, weights, bias != NULL ? bias[c] : 0, multipliers[c], in_zero);
        }
    }
}

#else
typedef int li_x86_depthwise_walk_is_left_out;      /* an empty translation unit is not C */
#endif

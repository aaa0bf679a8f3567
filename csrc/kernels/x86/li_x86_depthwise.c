/* SPDX-License-Identifier: Apache-2.0 */
/* Packing, bands and blocks of int8 depthwise convolutions: plain C around the loops of a set. See li_x86_depthwise.h. */
#include "li_x86_depthwise.h"

#if LI_X86_KERNELS

#include "../../src/li_size.h"

enum {
    LI_DEPTHWISE_BAND_BYTES = 32 * 1024,         /* spread rows stay in a first-level cache */
    LI_DEPTHWISE_SPAN = 16,                      /* channels that are spread at a time, in one block or two; a larger block's own */
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

static size_t li_depthwise_span(const li_depthwise_tiles *tiles)
{
    return tiles->lanes > LI_DEPTHWISE_SPAN ? tiles->lanes : LI_DEPTHWISE_SPAN;
}

static int li_depthwise_takes(size_t stride)
{
    return stride == 1 || stride % 2 == 0;
}

/* Groups of rows that a band of `rows` takes: one begins at every second row. */
static uint64_t li_depthwise_band_groups(const li_depthwise_walk *w, uint64_t rows)
{
    const uint64_t own = (w->groups - 1) * w->apart + 1;
    return w->paired ? (rows + 1) / 2 - 1 + own : (rows - 1) * (w->stride_h / 2) + own;
}

/* A phase of the layer as an image, or with its axes exchanged. */
static li_depthwise_walk li_depthwise_axes(const li_conv_shape *s, const li_depthwise_axis *v, const li_depthwise_axis *h, int exchanged)
{
    const size_t in_pixel = (size_t)s->in_c * (size_t)s->dilation_w, in_row = (size_t)s->in_w * (size_t)s->in_c * (size_t)s->dilation_h;
    const size_t out_row = (size_t)s->out_w * (size_t)s->in_c * (size_t)s->dilation_h;
    const li_depthwise_walk image = { v->in, h->in, v->out, h->out, (size_t)s->filter_h, (size_t)s->filter_w, (size_t)s->stride_h,
        (size_t)s->stride_w, v->pad, h->pad, in_row, in_pixel, out_row, in_pixel, 0, s->stride_h == 1, 0, 0, 0, 0, 0, 0 };
    const li_depthwise_walk turned = { h->in, v->in, h->out, v->out, (size_t)s->filter_w, (size_t)s->filter_h, (size_t)s->stride_w,
        (size_t)s->stride_h, h->pad, v->pad, in_pixel, in_row, in_pixel, out_row, 1, s->stride_w == 1, 0, 0, 0, 0, 0, 0 };
    return exchanged ? turned : image;
}

static int li_depthwise_is_signal(const li_depthwise_tiles *tiles, const li_depthwise_walk *w)
{
    return tiles->slide != NULL && w->in_w == 1 && w->filter_w == 1 && w->out_w == 1 && w->pad_left == 0;
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

/* Samples that `outputs` of a signal take, and what lies behind them since a tile may begin at the last one. */
static uint64_t li_depthwise_samples(const li_depthwise_walk *w, uint64_t outputs)
{
    return li_size_add(li_size_mul(outputs - 1, w->stride_h), (w->groups - 1) * w->padded_w + 1);
}
static uint64_t li_depthwise_samples_room(const li_depthwise_walk *w, uint64_t outputs)
{
    return li_depthwise_samples(w, outputs + 3);
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
    return !w->exchanged && w->stride_w == 1 && w->in_pixel == channels && tiles->lanes % channels == 0 && li_size_mul(w->out_w, channels) >= tiles->lanes;
}

/* Whether phases have so many outputs that tiles gain on single windows, as measured with 3x3 filters on 33x33x192. */
static int li_depthwise_dilates(const li_depthwise_tiles *tiles, int32_t out, int32_t stride, int32_t dilation)
{
    return dilation == 1 || (stride == 1 && out / dilation >= (tiles->lanes >= 64 ? 1 : tiles->lanes >= 16 ? 2 : 4));
}

/* False when the layer is not taken. */
static int li_depthwise_walk_of(const li_depthwise_tiles *tiles, const li_conv_shape *s, li_depthwise_walk *w)
{
    const size_t c = (size_t)s->in_c;
    uint64_t padded, row, band;
    int is_signal;
    if (s->out_h < 1 || s->out_w < 1 || s->in_c != s->out_c || !li_depthwise_dilates(tiles, s->out_h, s->stride_h, s->dilation_h)
        || !li_depthwise_dilates(tiles, s->out_w, s->stride_w, s->dilation_w)) return 0;
    *w = li_depthwise_orient(tiles, s);
    is_signal = li_depthwise_is_signal(tiles, w);
    if (tiles->lanes > LI_DEPTHWISE_SPAN && c < tiles->lanes) {
        if (is_signal || !li_depthwise_is_flat(tiles, w, c)) return 0;
        w->flat = c;
    }
    if (is_signal) return li_depthwise_signal_bands(tiles, w) && li_size_mul(w->groups, 64 * (uint64_t)((c + 7) / 8)) <= LI_DEPTHWISE_LIMIT;
    if (!li_depthwise_takes(w->stride_h)) return 0;
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

/* Channels [first, end) of a layer in one pair of loops. */
typedef struct li_depthwise_part {
    const li_depthwise_tiles *tiles;
    li_depthwise_walk walk;
    size_t first, end, packed;   /* packed: bytes ahead of the part's own */
} li_depthwise_part;
enum { LI_DEPTHWISE_PARTS = 2 };

/* Bytes of a block: bias, multipliers, and for each column and group one or two vectors of weights. */
static size_t li_depthwise_block_bytes(const li_depthwise_tiles *tiles, const li_depthwise_walk *w)
{
    return tiles->lanes * (8 + w->filter_w * w->groups * (w->paired ? 8 : 4));
}

static size_t li_depthwise_part_bytes(const li_depthwise_part *part)
{
    const size_t blocks = (part->end - part->first + part->tiles->lanes - 1) / part->tiles->lanes;
    return blocks * li_depthwise_block_bytes(part->tiles, &part->walk);
}

/* Whole blocks of the wide loops, then the others; how many parts there are, 0 when the layer is not taken. */
static size_t li_depthwise_divide(const li_depthwise_tiles *tiles, const li_conv_shape *s, li_depthwise_part *parts)
{
    const size_t channels = (size_t)s->in_c;
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
        const size_t bytes = (size_t)pixels * 4 * li_depthwise_width(li_depthwise_span(parts[i].tiles), w);
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
                    if (i < w->filter_h) value = weights[(w->exchanged ? j * w->filter_h + i : i * w->filter_w + j) * (size_t)s->in_c + c];
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

/* Input rows of a band whose first one is `top`, a span of channels from image's first on. */
static void li_depthwise_spread_band(const li_depthwise_tiles *tiles, const li_depthwise_walk *w, int16_t *to, const int8_t *image,
                                     int64_t top, size_t groups, size_t channels, int32_t zero)
{
    const size_t row = w->padded_w * li_depthwise_width(tiles->lanes, w) * 2;
    li_depthwise_group group;
    size_t q, h;
    group.next = groups * row;
    group.channels = channels;
    group.zero = zero;
    group.before = w->pad_left < (int64_t)w->padded_w ? (size_t)w->pad_left : w->padded_w;
    group.inside = w->padded_w - group.before < w->in_w ? w->padded_w - group.before : w->in_w;
    for (q = 0; q < groups; ++q) {
        group.to = to + q * row;
        for (h = 0; h < tiles->tall; ++h) {
            const int64_t y = top + 2 * (int64_t)q + (int64_t)h;
            group.rows[h] = y >= 0 && y < (int64_t)w->in_h ? image + (size_t)y * w->in_row : NULL;
        }
        tiles->spread(w, &group);
    }
}

/* Output rows [y, y + rows), columns [x_first, x_end), of a span of channels from `c` on. */
static void li_depthwise_band(const li_depthwise_tiles *tiles, const li_depthwise_walk *w, const int16_t *spread, const char *packed,
                              const li_rescale_s8 *rescale, int8_t *out, size_t y, size_t rows, size_t x_first, size_t x_end,
                              size_t c, size_t channels)
{
    const size_t lanes = tiles->lanes, row = w->padded_w * li_depthwise_width(lanes, w) * 2, groups = (size_t)li_depthwise_band_groups(w, rows);
    size_t r, done;
    for (done = 0; done < channels; done += lanes, spread += groups * row) {
        li_depthwise_rows two;
        two.block = packed + (c + done) / lanes * li_depthwise_block_bytes(tiles, w);
        two.channels = channels - done < lanes ? channels - done : lanes;
        two.first = x_first;
        two.end = x_end;
        for (r = 0; r < rows; r += 2) {
            two.both = r + 1 < rows;
            two.a = spread + (w->paired ? r / 2 : r * (w->stride_h / 2)) * row;
            two.b = w->paired || !two.both ? two.a : two.a + w->stride_h / 2 * row;
            two.out = out + (y + r) * w->out_row + c + done;
            tiles->two_rows(w, &two, rescale);
        }
    }
}

/* Outputs [y, end) of a signal: two halves of it are what two rows of an image are. */
static void li_depthwise_run_signal(const li_depthwise_tiles *tiles, const li_depthwise_walk *w, int16_t *spread, int8_t *out,
                                    const int8_t *x, const char *packed, const li_rescale_s8 *rescale, size_t channels, size_t y, size_t end)
{
    const size_t lanes = tiles->lanes, span = li_depthwise_span(tiles), pixel = lanes * 2, block = li_depthwise_block_bytes(tiles, w);
    li_depthwise_walk halves = *w;
    size_t c, n, done;
    halves.stride_w = w->stride_h;
    halves.out_pixel = w->out_row;
    for (; y < end; y += n) {
        li_depthwise_samples_of of = { 0 };
        li_depthwise_rows two = { 0 };
        n = end - y < w->band ? end - y : w->band;
        of.to = spread;
        of.next = (size_t)li_depthwise_samples_room(w, n) * pixel;
        of.step = w->in_row;
        of.from = (int64_t)(y * w->stride_h) - w->pad_top;
        of.end = of.from + (int64_t)li_depthwise_samples(w, n);
        of.length = (int64_t)w->in_h;
        of.zero = rescale->in_zero;
        two.end = (n + 1) / 2;
        two.both = n > 1;
        halves.out_row = (n - two.end) * w->out_row;
        for (c = 0; c < channels; c += span) {
            of.x = x + c;
            of.channels = channels - c < span ? channels - c : span;
            tiles->slide(&of);
            for (done = 0; done < of.channels; done += lanes) {
                two.a = spread + done / lanes * of.next;
                two.b = two.a + (n - two.end) * w->stride_h * pixel;
                two.block = packed + (c + done) / lanes * block;
                two.out = out + y * w->out_row + c + done;
                two.channels = of.channels - done < lanes ? of.channels - done : lanes;
                tiles->two_rows(&halves, &two, rescale);
            }
        }
    }
}

/* Rows of a part's output; x, out and packed begin at its own first channel. */
static void li_depthwise_run_part(const li_depthwise_part *part, int8_t *out, const int8_t *x, const char *packed, int16_t *spread,
                                  const li_rescale_s8 *rescale, size_t first, size_t rows)
{
    const li_depthwise_tiles *tiles = part->tiles;
    const li_depthwise_walk *w = &part->walk;
    const size_t channels = part->end - part->first, span = li_depthwise_span(tiles);
    const size_t y_end = w->exchanged ? w->out_h : first + rows;
    const size_t x_first = w->exchanged ? first : 0, x_end = w->exchanged ? first + rows : w->out_w;
    size_t c, y = w->exchanged ? 0 : first, n, m;
    if (w->signal) {
        li_depthwise_run_signal(tiles, w, spread, out, x, packed, rescale, channels, y, y_end);
        return;
    }
    for (; y < y_end; y += n) {
        n = y_end - y < w->band ? y_end - y : w->band;
        for (c = 0; c < channels; c += m) {
            m = channels - c < span ? channels - c : span;
            li_depthwise_spread_band(tiles, w, spread, x + c, (int64_t)(y * w->stride_h) - w->pad_top,
                                     (size_t)li_depthwise_band_groups(w, n), m, rescale->in_zero);
            li_depthwise_band(tiles, w, spread, packed, rescale, out, y, n, x_first, x_end, c, m);
        }
    }
}

/* Outputs of every dilation-th row from p on, and column from q on: a layer without dilation is its only phase. */
static void li_depthwise_run_phase(li_depthwise_part *parts, size_t n, const li_conv_shape *s, int8_t *out, const int8_t *x, const char *packed,
                                   int16_t *spread, const li_rescale_s8 *rescale, int32_t p, int32_t q, size_t first, size_t rows)
{
    const li_depthwise_axis v = li_depthwise_axis_of(s->in_h, s->out_h, s->pad_top, s->dilation_h, p);
    const li_depthwise_axis h = li_depthwise_axis_of(s->in_w, s->out_w, s->pad_left, s->dilation_w, q);
    const int void_of_image = v.in == 0 || h.in == 0;        /* then the zero point is all that its windows see */
    const size_t c = (size_t)s->in_c, to = ((size_t)p * (size_t)s->out_w + (size_t)q) * c, from = void_of_image ? 0 : (v.first * (size_t)s->in_w + h.first) * c;
    for (; n != 0; --n, ++parts) {
        li_depthwise_walk *const w = &parts->walk;
        const li_depthwise_walk now = li_depthwise_axes(s, &v, &h, w->exchanged);
        w->in_h = void_of_image ? 0 : now.in_h;
        w->in_w = void_of_image ? 0 : now.in_w;
        w->out_h = now.out_h;
        w->out_w = now.out_w;
        w->pad_top = now.pad_top;
        w->pad_left = now.pad_left;
        li_depthwise_run_part(parts, out + to + parts->first, x + from + parts->first, packed + parts->packed, spread, rescale, first, rows);
    }
}

void li_x86_depthwise_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                          const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t rows)
{
    int16_t *const spread = (int16_t *)(void *)((char *)scratch + (64 - (uintptr_t)scratch % 64) % 64);
    li_depthwise_part parts[LI_DEPTHWISE_PARTS];
    const size_t n = rows < 1 ? 0 : li_depthwise_divide(loops, s, parts);
    int32_t p, q;
    (void)weights;
    for (p = 0; p < s->dilation_h; ++p) {
        const size_t begin = li_depthwise_every(first, p, s->dilation_h), count = li_depthwise_every(first + rows, p, s->dilation_h) - begin;
        for (q = 0; n != 0 && count != 0 && q < s->dilation_w; ++q)
            li_depthwise_run_phase(parts, n, s, out, x, packed, spread, rescale, p, q, begin, count);
    }
}

#else
typedef int li_x86_depthwise_is_left_out;      /* an empty translation unit is not C */
#endif

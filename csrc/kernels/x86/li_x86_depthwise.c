/* SPDX-License-Identifier: Apache-2.0 */
/* Bands and blocks of int8 depthwise convolutions: plain C around the loops of a set. See li_x86_depthwise.h. */
#include "li_x86_depthwise_walk.h"

#if LI_X86_KERNELS

/* An image, from its first channel on, and where a group's rows are repeated. */
typedef struct li_depthwise_image {
    const int8_t *x, *end;       /* of the whole image */
    int8_t *repeated;            /* for a multiplier */
} li_depthwise_image;

/* Input rows of a band whose first one is `top`, a span of channels from the output's `channel` on. */
static void li_depthwise_spread_band(const li_depthwise_tiles *tiles, const li_depthwise_walk *w, int16_t *to, const li_depthwise_image *image,
                                     int64_t top, size_t groups, size_t channel, size_t channels, int32_t zero)
{
    const size_t row = w->padded_w * li_depthwise_width(tiles->lanes, w) * 2, span = li_depthwise_span(tiles);
    li_depthwise_walk seen = *w;         /* as the loops see it */
    li_depthwise_repeat repeat = { NULL, image->end, w->in_pixel, 0, channel, channels, w->multiplier };
    li_depthwise_group group;
    size_t q, h;
    group.next = groups * row;
    group.channels = channels;
    group.zero = zero;
    group.before = w->pad_left < (int64_t)w->padded_w ? (size_t)w->pad_left : w->padded_w;
    group.inside = w->padded_w - group.before < w->in_w ? w->padded_w - group.before : w->in_w;
    repeat.pixels = group.inside;
    if (w->multiplier != 1) seen.in_pixel = span;
    for (q = 0; q < groups; ++q) {
        group.to = to + q * row;
        for (h = 0; h < tiles->tall; ++h) {
            const int64_t y = top + 2 * (int64_t)q + (int64_t)h;
            int8_t *const repeated = image->repeated + h * w->in_w * span;
            group.rows[h] = NULL;
            if (y < 0 || y >= (int64_t)w->in_h) continue;
            repeat.x = image->x + (size_t)y * w->in_row;
            if (w->multiplier != 1) li_sse41_repeat(repeated, span, &repeat);
            group.rows[h] = w->multiplier != 1 ? repeated : repeat.x + channel;
        }
        tiles->spread(&seen, &group);
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

/* Rows of a part's output; out and packed begin at its own first channel. */
static void li_depthwise_run_part(const li_depthwise_part *part, int8_t *out, const li_depthwise_image *image, const char *packed, int16_t *spread,
                                  const li_rescale_s8 *rescale, size_t first, size_t rows)
{
    const li_depthwise_tiles *tiles = part->tiles;
    const li_depthwise_walk *w = &part->walk;
    const size_t channels = part->end - part->first, span = li_depthwise_span(tiles);
    const size_t y_end = w->exchanged ? w->out_h : first + rows;
    const size_t x_first = w->exchanged ? first : 0, x_end = w->exchanged ? first + rows : w->out_w;
    size_t c, y = w->exchanged ? 0 : first, n, m;
    if (w->signal) {
        li_depthwise_run_signal(tiles, w, spread, out, image->x + part->first, packed, rescale, channels, y, y_end);
        return;
    }
    for (; y < y_end; y += n) {
        n = y_end - y < w->band ? y_end - y : w->band;
        for (c = 0; c < channels; c += m) {
            m = channels - c < span ? channels - c : span;
            li_depthwise_spread_band(tiles, w, spread, image, (int64_t)(y * w->stride_h) - w->pad_top,
                                     (size_t)li_depthwise_band_groups(w, n), part->first + c, m, rescale->in_zero);
            li_depthwise_band(tiles, w, spread, packed, rescale, out, y, n, x_first, x_end, c, m);
        }
    }
}

/* Outputs of every dilation-th row from p on, and column from q on: a layer without dilation is its only phase. */
static void li_depthwise_run_phase(li_depthwise_part *parts, size_t n, const li_conv_shape *s, int8_t *out, const int8_t *x, const char *packed,
                                   char *scratch, const li_rescale_s8 *rescale, int32_t p, int32_t q, size_t first, size_t rows)
{
    const li_depthwise_axis v = li_depthwise_axis_of(s->in_h, s->out_h, s->pad_top, s->dilation_h, p);
    const li_depthwise_axis h = li_depthwise_axis_of(s->in_w, s->out_w, s->pad_left, s->dilation_w, q);
    const int void_of_image = v.in == 0 || h.in == 0;        /* then the zero point is all that its windows see */
    const size_t in_w = (size_t)s->in_w, in_c = (size_t)s->in_c, to = ((size_t)p * (size_t)s->out_w + (size_t)q) * (size_t)s->out_c;
    const li_depthwise_image image = { void_of_image ? x : x + (v.first * in_w + h.first) * in_c, x + (size_t)s->in_h * in_w * in_c, (int8_t *)scratch };
    for (; n != 0; --n, ++parts) {
        li_depthwise_walk *const w = &parts->walk;
        const li_depthwise_walk now = li_depthwise_axes(s, &v, &h, w->exchanged);
        int16_t *const spread = (int16_t *)(void *)(scratch + li_depthwise_repeated_bytes(parts->tiles, w, s));
        w->in_h = void_of_image ? 0 : now.in_h;
        w->in_w = void_of_image ? 0 : now.in_w;
        w->out_h = now.out_h;
        w->out_w = now.out_w;
        w->pad_top = now.pad_top;
        w->pad_left = now.pad_left;
        li_depthwise_run_part(parts, out + to + parts->first, &image, packed + parts->packed, spread, rescale, first, rows);
    }
}

void li_x86_depthwise_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                          const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t rows)
{
    char *const aligned = (char *)scratch + (64 - (uintptr_t)scratch % 64) % 64;
    li_depthwise_part parts[LI_DEPTHWISE_PARTS];
    const size_t n = rows < 1 ? 0 : li_depthwise_divide(loops, s, parts);
    int32_t p, q;
    (void)weights;
    for (p = 0; p < s->dilation_h; ++p) {
        const size_t begin = li_depthwise_every(first, p, s->dilation_h), count = li_depthwise_every(first + rows, p, s->dilation_h) - begin;
        for (q = 0; n != 0 && count != 0 && q < s->dilation_w; ++q)
            li_depthwise_run_phase(parts, n, s, out, x, packed, aligned, rescale, p, q, begin, count);
    }
}

#else
typedef int li_x86_depthwise_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Packing, blocks of tiles and panels of Winograd convolutions: plain C around the loops of a set. See li_x86_winograd.h. */
#include "li_x86_winograd.h"

#if LI_X86_KERNELS && !defined(LI_WITHOUT_AVX2)

#include "../../src/li_size.h"

enum { LI_WINOGRAD_SLACK = 32 };   /* elements behind transformed rows that a loop may write */
#define LI_WINOGRAD_LIMIT ((uint64_t)1 << 28)

/* How a layer is walked. */
typedef struct li_winograd_walk {
    size_t m, taps, positions;   /* of a tile: outputs and inputs along an axis, inputs */
    size_t in_row, channels;     /* elements of an input row; of a pixel in v: a multiple of 16 */
    size_t across, down;         /* tiles of a block along each axis; the last blocks may have fewer */
    size_t step;                 /* elements of a transformed row */
    size_t v_step, spare;        /* elements of a position's v, 32 of them for a register that is half full; tiles of sums */
} li_winograd_walk;

static li_winograd_walk li_winograd_walk_of(const li_winograd_loops *loops, const li_conv_shape *s)
{
    li_winograd_walk w;
    size_t tiles, blocks;
    w.m = (size_t)loops->m;
    w.taps = w.m + 2;
    w.positions = w.taps * w.taps;
    w.in_row = (size_t)s->in_w * (size_t)s->in_c;
    w.channels = ((size_t)s->in_c + 15) / 16 * 16;
    tiles = ((size_t)s->out_w + w.m - 1) / w.m;
    blocks = (tiles + LI_WINOGRAD_TILES - 1) / LI_WINOGRAD_TILES;
    w.across = (tiles + blocks - 1) / blocks;
    tiles = ((size_t)s->out_h + w.m - 1) / w.m;
    w.down = LI_WINOGRAD_TILES / w.across < tiles ? LI_WINOGRAD_TILES / w.across : tiles;
    w.step = ((w.across * w.m + 2) * (size_t)s->in_c + LI_WINOGRAD_SLACK + 31) / 32 * 32;
    w.spare = w.across * w.down + LI_WINOGRAD_SPARE;
    w.v_step = w.across * w.down * w.channels + 32;
    return w;
}

static size_t li_winograd_panel_bytes(const li_winograd_loops *loops, const li_conv_shape *s, size_t width)
{
    const size_t taps = (size_t)loops->m + 2, pairs = ((size_t)s->in_c + 1) / 2;
    return (width * 8 + taps * taps * pairs * width * 4 + 63) / 64 * 64;
}

/* 3x3 at stride 1 with at most one pixel of padding on the sides where counting begins; every window touches the image. */
static int li_winograd_takes(const li_conv_shape *s)
{
    return s->filter_h == 3 && s->filter_w == 3 && s->stride_h == 1 && s->stride_w == 1 && s->dilation_h == 1 && s->dilation_w == 1 && !s->w_last && s->groups == 1
        && s->pad_top >= 0 && s->pad_top <= 1 && s->pad_left >= 0 && s->pad_left <= 1 && s->out_h >= 1 && s->out_w >= 1
        && s->out_w <= s->in_w + s->pad_left;
}

size_t li_x86_winograd_packed_bytes(const void *set, const li_conv_shape *s)
{
    const li_winograd_loops *loops = set;
    size_t left = (size_t)s->out_c, width, bytes = 0;
    if (!li_winograd_takes(s)) return 0;
    if (li_size_mul(li_size_mul((uint64_t)s->in_c + 1, left + 64), 72) > LI_WINOGRAD_LIMIT) return 0;
    if (li_size_mul((uint64_t)s->in_w + 64, (uint64_t)s->in_c) > LI_WINOGRAD_LIMIT / 64) return 0;
    for (; left != 0; left -= left < width ? left : width) {
        width = loops->width(left);
        bytes += li_winograd_panel_bytes(loops, s, width);
    }
    return bytes;
}

/* Of the first panel, which is the widest. */
static size_t li_winograd_sums_bytes(const li_winograd_loops *loops, const li_winograd_walk *w, const li_conv_shape *s)
{
    return w->spare * w->positions * loops->width((size_t)s->out_c) * 4;
}

/* 64 to align; sums; a row of zero points; transformed rows; v, behind which a loop may read the spare tiles. */
size_t li_x86_winograd_scratch_bytes(const void *set, const li_conv_shape *s)
{
    const li_winograd_loops *loops = set;
    const li_winograd_walk w = li_winograd_walk_of(loops, s);
    return 64 + li_winograd_sums_bytes(loops, &w, s) + (w.step + 63) / 64 * 64 + w.taps * w.step * 2 +
           (w.positions * w.v_step + LI_WINOGRAD_SPARE * w.channels + LI_WINOGRAD_SLACK) * 2;
}

/* out = G g G' of one filter g, given by the distance of its taps; G scaled to integers. */
static void li_winograd_weights(int32_t *out, size_t m, const int8_t *g, size_t step)
{
    static const int8_t two[4][3] = { { 2, 0, 0 }, { 1, 1, 1 }, { 1, -1, 1 }, { 0, 0, 2 } };
    static const int8_t four[6][3] = { { 6, 0, 0 }, { -4, -4, -4 }, { -4, 4, -4 }, { 1, 2, 4 }, { 1, -2, 4 }, { 0, 0, 8 } };
    const int8_t (*rows)[3] = m == 2 ? two : four;
    const size_t taps = m + 2;
    size_t i, j, k;
    for (i = 0; i < taps; ++i) {
        int32_t line[3];
        for (j = 0; j < 3; ++j) {
            line[j] = 0;
            for (k = 0; k < 3; ++k) line[j] += rows[i][k] * g[(k * 3 + j) * step];
        }
        for (j = 0; j < taps; ++j) out[i * taps + j] = rows[j][0] * line[0] + rows[j][1] * line[1] + rows[j][2] * line[2];
    }
}

void li_x86_winograd_pack(const void *set, void *packed, const li_conv_shape *s, const int8_t *w, const int32_t *bias,
                          const float *multipliers, int32_t in_zero)
{
    const li_winograd_loops *loops = set;
    const size_t out_c = (size_t)s->out_c, in_c = (size_t)s->in_c, pairs = (in_c + 1) / 2, m = (size_t)loops->m;
    size_t first, width, lane, c, i;
    char *to = packed;
    for (first = 0; first < out_c; first += width) {
        int32_t *panel_bias = (int32_t *)(void *)to;
        float *panel_multipliers;
        int16_t *panel_w;
        width = loops->width(out_c - first);
        li_fill(to, 0, li_winograd_panel_bytes(loops, s, width));
        panel_multipliers = (float *)(void *)(to + width * 4);
        panel_w = (int16_t *)(void *)(to + width * 8);
        for (lane = 0; lane < width; ++lane) {
            const size_t channel = first + loops->lane(width, lane);
            const int8_t *from = w + channel * 9 * in_c;
            uint32_t sum = 0;                    /* may wrap: what counts is the end */
            if (channel >= out_c) continue;
            for (i = 0; i < 9 * in_c; ++i) {
                const int32_t value = from[i];
                sum += (uint32_t)value;
            }
            for (c = 0; c < in_c; ++c) {
                int32_t transformed[36];
                li_winograd_weights(transformed, m, from + c, in_c);
                for (i = 0; i < (m + 2) * (m + 2); ++i)
                    panel_w[((i * pairs + c / 2) * width + lane) * 2 + c % 2] = (int16_t)transformed[i];
            }
            panel_bias[lane] = (int32_t)((bias != NULL ? (uint32_t)bias[channel] : 0u) - sum * (uint32_t)in_zero);
            panel_multipliers[lane] = multipliers[channel];
        }
        to += li_winograd_panel_bytes(loops, s, width);
    }
}

/* The parts of scratch. */
typedef struct li_winograd_parts {
    int32_t *sums;
    int8_t *blank;               /* zero points, as many as a block's row has elements */
    int16_t *rows, *v;
} li_winograd_parts;

/* v of one row of `tiles` tiles, whose first output is (y, x). */
static void li_winograd_transform(const li_winograd_loops *loops, const li_winograd_walk *w, const li_winograd_parts *parts,
                                  const li_conv_shape *s, const int8_t *image, size_t y, size_t x, size_t tiles, int16_t *v)
{
    const size_t in_c = (size_t)s->in_c, in_w = (size_t)s->in_w, columns = tiles * w->m + 2;
    const int64_t left = (int64_t)x - s->pad_left, top = (int64_t)y - s->pad_top;
    const size_t start = left > 0 ? (size_t)left : 0;                            /* in the image */
    const size_t before = left < 0 ? (size_t)-left : 0;                          /* of `columns`, those left of it */
    const size_t inside = in_w - start < columns - before ? in_w - start : columns - before;
    const size_t behind = columns - before - inside;
    const int8_t *rows[6] = { 0 }, *blank[6];
    size_t i;
    for (i = 0; i < w->taps; ++i) {
        const int64_t row = top + (int64_t)i;
        blank[i] = parts->blank;
        rows[i] = row < 0 || row >= s->in_h ? parts->blank : image + (size_t)row * w->in_row + start * in_c;
    }
    loops->down(parts->rows, w->step, blank, before * in_c);
    loops->down(parts->rows + before * in_c, w->step, rows, inside * in_c);
    loops->down(parts->rows + (before + inside) * in_c, w->step, blank, behind * in_c);
    loops->along(v, w->v_step, w->channels, parts->rows, w->step, in_c, tiles);
}

/* Outputs of a block's tiles in one panel, row of tiles by row of tiles. */
static void li_winograd_finish(const li_winograd_loops *loops, const li_winograd_walk *w, li_winograd_end *end, size_t count,
                               size_t across, size_t rows)
{
    size_t i;
    end->tiles = across;
    for (i = 0; i < count; ++i) {
        end->rows = rows - i * w->m < w->m ? rows - i * w->m : w->m;
        loops->end(end);
        end->sums += across * w->positions * end->width;
        end->out += w->m * end->row_step;
    }
}

/* Layers of few tiles are divided by panels: with half of the tiles, products would take as long. */
static int li_winograd_is_few(const li_winograd_loops *loops, const li_conv_shape *s)
{
    const size_t m = (size_t)loops->m;
    return s->out_h <= LI_WINOGRAD_FEW * loops->m && (((size_t)s->out_h + m - 1) / m) * (((size_t)s->out_w + m - 1) / m) <= LI_WINOGRAD_FEW;
}

int32_t li_x86_winograd_units(const void *set, const li_conv_shape *s)
{
    const li_winograd_loops *loops = set;
    size_t left, width;
    int32_t panels = 0;
    if (!li_winograd_is_few(loops, s)) return s->out_h;
    for (left = (size_t)s->out_c; left != 0; left -= left < width ? left : width, ++panels) width = loops->width(left);
    return panels;
}

/* Panels and rows of a band. */
typedef struct li_winograd_band {
    const char *panel;           /* the first one */
    size_t c, c_end, y, y_end;   /* channels, rows */
} li_winograd_band;

static li_winograd_band li_winograd_band_of(const li_winograd_loops *loops, const li_conv_shape *s, const void *packed, int32_t first, int32_t count)
{
    const size_t out_c = (size_t)s->out_c;
    li_winograd_band band = { packed, 0, out_c, (size_t)first, (size_t)first + (size_t)count };
    size_t c = 0, width;
    int32_t i;
    if (!li_winograd_is_few(loops, s)) return band;
    band.y = 0;
    band.y_end = (size_t)s->out_h;
    for (i = 0; i < first + count; ++i, c += width) {
        width = loops->width(out_c - c);
        if (i < first) band.panel += li_winograd_panel_bytes(loops, s, width);
        if (i == first) band.c = c;
    }
    band.c_end = count == 0 ? band.c : c < out_c ? c : out_c;
    return band;
}

void li_x86_winograd_run(const void *set, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                         const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t units)
{
    const li_winograd_loops *loops = set;
    const li_winograd_walk w = li_winograd_walk_of(loops, s);
    const size_t out_w = (size_t)s->out_w, out_c = (size_t)s->out_c;
    const li_winograd_band band = li_winograd_band_of(loops, s, packed, first, units);
    const size_t across = (out_w + w.m - 1) / w.m;
    char *const base = (char *)scratch + (64 - (uintptr_t)scratch % 64) % 64;
    li_winograd_parts parts;
    size_t y, tile, c, i, count, height, width;
    (void)weights;
    parts.sums = (int32_t *)(void *)base;
    parts.blank = (int8_t *)(base + li_winograd_sums_bytes(loops, &w, s));
    parts.rows = (int16_t *)(void *)(parts.blank + (w.step + 63) / 64 * 64);
    parts.v = parts.rows + w.taps * w.step;
    li_fill(parts.blank, rescale->in_zero, w.step);
    for (y = band.y; y < band.y_end && units != 0; y += height) {
        height = band.y_end - y < w.down * w.m ? band.y_end - y : w.down * w.m;
        count = (height + w.m - 1) / w.m;
        for (tile = 0; tile < across; tile += width) {
            const char *panel = band.panel;
            li_winograd_products products = { parts.v, NULL, parts.sums, w.positions, w.v_step, w.channels, 0,
                                              ((size_t)s->in_c + 1) / 2, 0 };
            width = across - tile < w.across ? across - tile : w.across;
            products.tiles = count * width;
            for (i = 0; i < count; ++i)
                li_winograd_transform(loops, &w, &parts, s, x, y + i * w.m, tile * w.m, width, parts.v + i * width * w.channels);
            for (c = band.c; c < band.c_end; c += products.width) {
                li_winograd_end end;
                products.width = loops->width(out_c - c);
                products.w = (const int16_t *)(const void *)(panel + products.width * 8);
                loops->products(&products);
                end.sums = parts.sums;
                end.bias = (const int32_t *)(const void *)panel;
                end.multipliers = (const float *)(const void *)(panel + products.width * 4);
                end.width = products.width;
                end.out = out + (y * out_w + tile * w.m) * out_c + c;
                end.out_step = out_c;
                end.row_step = out_w * out_c;
                end.columns = out_w - tile * w.m < width * w.m ? out_w - tile * w.m : width * w.m;
                end.channels = out_c - c < products.width ? out_c - c : products.width;
                end.rescale = rescale;
                li_winograd_finish(loops, &w, &end, count, width, height);
                panel += li_winograd_panel_bytes(loops, s, products.width);
            }
        }
    }
}

#else
typedef int li_x86_winograd_is_left_out;      /* an empty translation unit is not C */
#endif

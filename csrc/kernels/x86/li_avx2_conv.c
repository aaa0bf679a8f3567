/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 convolution in AVX2: 6 pixels x 16 channels, 12 registers of sums, two of weights widened in the loop from int8,
 * one broadcast pair of activations, one product. A step takes two k's: a pair of int16 activations, broadcast, times
 * pairs of weights (vpmaddwd), which is exact: two products of at most 2^14 each. Panels of 8 channels end a layer whose
 * count leaves no more.
 *
 * The compiler is kept from moving products across rows, which would spill sums, by empty asm statements that pin a
 * row's sums after each step: gcc 12 reaches the speed of an assembly loop with them and half of it without.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"
#include "li_x86_conv.h"

/* Lanes in this order come out of the packing instructions, which work in halves of 128 bits, in the natural one. */
static size_t li_avx2_lane(size_t width, size_t lane)
{
    const size_t quarter = lane / 4;
    return width == 16 && (quarter == 1 || quarter == 2) ? (3 - quarter) * 4 + lane % 4 : lane;
}

static size_t li_avx2_width(size_t channels)
{
    return channels <= 8 ? 8 : 16;
}

LI_AVX2 static void li_avx2_spread(void *to, const int8_t *x, size_t n)
{
    int16_t *wide = to;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        _mm256_storeu_si256((__m256i *)(wide + i), li_avx2_widen16(x + i));
        _mm256_storeu_si256((__m256i *)(wide + i + 16), li_avx2_widen16(x + i + 16));
    }
    for (; i + 8 <= n; i += 8) _mm_storeu_si128((__m128i *)(wide + i), li_avx2_widen8(x + i));
    for (; i < n; ++i) wide[i] = x[i];
}

LI_AVX2 static inline __m256i li_avx2_pair(const int16_t *p)
{
    int32_t pair;
    li_copy(&pair, p, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* ---- the tiles ---- */

#define LI_ROW16(p, a, b)                                                                                              \
    x = li_avx2_pair(p + k);                                                                                           \
    a = _mm256_add_epi32(a, _mm256_madd_epi16(x, w0));                                                                 \
    b = _mm256_add_epi32(b, _mm256_madd_epi16(x, w1));                                                                 \
    LI_PIN2(a, b)

LI_AVX2 static void li_avx2_panel16(const li_x86_panel *p)
{
    const li_avx2_end e = li_avx2_end_of(p->multipliers, p->width, p->rescale, p->channels, p->out_step);
    const __m256i bias0 = _mm256_loadu_si256((const __m256i *)p->bias), bias1 = _mm256_loadu_si256((const __m256i *)(p->bias + 8));
    const int16_t *image = p->image;
    size_t tile, segment, k;
    for (tile = 0; tile < p->pixels; tile += LI_X86_TILE) {
        const size_t m = li_x86_tile_start(tile, p->pixels), left = p->pixels - m;
        const uint32_t *at = p->offsets + m;
        const int16_t *p0 = image + at[0], *p1 = image + at[1], *p2 = image + at[2], *p3 = image + at[3], *p4 = image + at[4],
                      *p5 = image + at[5];
        const int8_t *w = p->w;
        int8_t *out = p->out + m * p->out_step;
        __m256i a0 = bias0, a1 = bias0, a2 = bias0, a3 = bias0, a4 = bias0, a5 = bias0;
        __m256i b0 = bias1, b1 = bias1, b2 = bias1, b3 = bias1, b4 = bias1, b5 = bias1;
        for (segment = 0; segment < p->segments; ++segment) {
            const size_t first = segment * p->segment_step, end = first + 2 * p->groups;
            for (k = first; k < end; k += 2, w += 32) {
                const __m256i w0 = li_avx2_widen16(w), w1 = li_avx2_widen16(w + 16);
                __m256i x;
                LI_ROW16(p0, a0, b0);
                LI_ROW16(p1, a1, b1);
                LI_ROW16(p2, a2, b2);
                LI_ROW16(p3, a3, b3);
                LI_ROW16(p4, a4, b4);
                LI_ROW16(p5, a5, b5);
            }
        }
        li_avx2_finish16(&e, out, a0, b0, a1, b1, left > 1);
        if (left > 2) li_avx2_finish16(&e, out + 2 * p->out_step, a2, b2, a3, b3, left > 3);
        if (left > 4) li_avx2_finish16(&e, out + 4 * p->out_step, a4, b4, a5, b5, left > 5);
    }
}

#define LI_ROW8(p, a)                                                                                                  \
    a = _mm256_add_epi32(a, _mm256_madd_epi16(li_avx2_pair(p + k), w0));                                               \
    LI_PIN1(a)

LI_AVX2 static void li_avx2_panel8(const li_x86_panel *p)
{
    const li_avx2_end e = li_avx2_end_of(p->multipliers, p->width, p->rescale, p->channels, p->out_step);
    const __m256i bias = _mm256_loadu_si256((const __m256i *)p->bias);
    const int16_t *image = p->image;
    size_t tile, segment, k;
    for (tile = 0; tile < p->pixels; tile += LI_X86_TILE) {
        const size_t m = li_x86_tile_start(tile, p->pixels), left = p->pixels - m;
        const uint32_t *at = p->offsets + m;
        const int16_t *p0 = image + at[0], *p1 = image + at[1], *p2 = image + at[2], *p3 = image + at[3], *p4 = image + at[4],
                      *p5 = image + at[5];
        const int8_t *w = p->w;
        int8_t *out = p->out + m * p->out_step;
        __m256i a0 = bias, a1 = bias, a2 = bias, a3 = bias, a4 = bias, a5 = bias;
        for (segment = 0; segment < p->segments; ++segment) {
            const size_t first = segment * p->segment_step, end = first + 2 * p->groups;
            for (k = first; k < end; k += 2, w += 16) {
                const __m256i w0 = li_avx2_widen16(w);
                LI_ROW8(p0, a0);
                LI_ROW8(p1, a1);
                LI_ROW8(p2, a2);
                LI_ROW8(p3, a3);
                LI_ROW8(p4, a4);
                LI_ROW8(p5, a5);
            }
        }
        li_avx2_finish8(&e, out, a0, a1, left > 1);
        if (left > 2) li_avx2_finish8(&e, out + 2 * p->out_step, a2, a3, left > 3);
        if (left > 4) li_avx2_finish8(&e, out + 4 * p->out_step, a4, a5, left > 5);
    }
}

static void li_avx2_panel(const li_x86_panel *p)
{
    if (p->width == 16) li_avx2_panel16(p);
    else li_avx2_panel8(p);
}

/* ---- the layer ---- */

static const li_x86_tiles li_avx2_tiles = {
    .element_bytes = 2, .group = 2, .shift = 0,
    .width = li_avx2_width, .lane = li_avx2_lane, .spread = li_avx2_spread, .panel = li_avx2_panel,
};

const li_layer_kernels li_avx2_conv_s8 = {
    .loops = &li_avx2_tiles,
    .loop = LI_LOOP_DIRECT,
    .packed_bytes = li_x86_conv_packed_bytes,
    .scratch_bytes = li_x86_conv_scratch_bytes,
    .pack = li_x86_conv_pack,
    .run = li_x86_conv_run,
};

#else
typedef int li_avx2_conv_is_left_out;      /* an empty translation unit is not C */
#endif

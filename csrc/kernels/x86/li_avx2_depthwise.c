/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 depthwise convolution in AVX2: two output rows x 4 pixels x 8 channels, 8 registers of sums and two of weights.
 * A product step (vpmaddwd) takes two taps of a column straight from the spread rows. The walk is li_x86_depthwise.h's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"
#include "li_x86_depthwise.h"

/* ---- spreading ---- */

LI_AVX2 static inline __m128i li_avx2_load_some(const int8_t *p, size_t n)
{
    int8_t some[16] = { 0 };
    if (n == 16) return _mm_loadu_si128((const __m128i *)p);
    if (n == 8) return _mm_loadl_epi64((const __m128i *)p);
    li_copy(some, p, n);
    return _mm_loadu_si128((const __m128i *)some);
}

/* Pixels [x, end) of the zero point, in both blocks; the second one is void when there are 8 channels or fewer. */
LI_AVX2 static void li_avx2_depthwise_blank(const li_depthwise_group *r, size_t x, size_t end)
{
    const __m256i outside = _mm256_set1_epi16((short)r->zero);
    for (; x < end; ++x) {
        _mm256_storeu_si256((__m256i *)(r->to + x * 16), outside);
        _mm256_storeu_si256((__m256i *)(r->to + r->next + x * 16), outside);
    }
}

LI_AVX2 static void li_avx2_depthwise_spread(const li_depthwise_walk *w, const li_depthwise_group *r)
{
    const __m128i zeros = _mm_set1_epi8((char)r->zero);
    size_t x;
    li_avx2_depthwise_blank(r, 0, r->before);
    for (x = 0; x < r->inside; ++x) {
        int16_t *to = r->to + (r->before + x) * 16;
        const __m128i p = r->rows[0] != NULL ? li_avx2_load_some(r->rows[0] + x * w->in_pixel, r->channels) : zeros;
        const __m128i q = r->rows[1] != NULL ? li_avx2_load_some(r->rows[1] + x * w->in_pixel, r->channels) : zeros;
        _mm256_storeu_si256((__m256i *)to, _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(p, q)));
        _mm256_storeu_si256((__m256i *)(to + r->next), _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(p, q)));
    }
    li_avx2_depthwise_blank(r, r->before + r->inside, w->padded_w);
}

/* ---- tiles ---- */

#define LI_TAP(sum, from, w)                                                                                           \
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(from)), w));                   \
    LI_PIN1(sum)

LI_AVX2 static void li_avx2_depthwise_rows(const li_depthwise_walk *w, const li_depthwise_rows *r, const li_rescale_s8 *rescale)
{
    const li_avx2_end e = li_avx2_end_of((const float *)(const void *)(r->block + 32), 8, rescale, r->channels, w->out_pixel);
    const __m256i bias = _mm256_loadu_si256((const __m256i *)r->block);
    const size_t row = w->padded_w * 16, step = w->stride_w * 16, second = w->paired ? 16 : 0, next = w->paired ? 32 : 16;
    size_t x, j, p;
    for (x = r->first; x < r->end; x += 4) {
        const size_t m = li_depthwise_start(r, x), left = r->end - m;
        const int16_t *weights = (const int16_t *)(const void *)(r->block + 64);
        int8_t *to = r->out + m * w->out_pixel;
        __m256i a0 = bias, a1 = bias, a2 = bias, a3 = bias, b0 = bias, b1 = bias, b2 = bias, b3 = bias;
        for (j = 0; j < w->filter_w; ++j) {
            const int16_t *a = r->a + (m * w->stride_w + j) * 16, *b = r->b + (m * w->stride_w + j) * 16;
            for (p = 0; p < w->groups; ++p, a += row, b += row, weights += next) {
                const __m256i w0 = _mm256_loadu_si256((const __m256i *)weights);
                const __m256i w1 = _mm256_loadu_si256((const __m256i *)(weights + second));
                LI_TAP(a0, a, w0);
                LI_TAP(a1, a + step, w0);
                LI_TAP(a2, a + 2 * step, w0);
                LI_TAP(a3, a + 3 * step, w0);
                LI_TAP(b0, b, w1);
                LI_TAP(b1, b + step, w1);
                LI_TAP(b2, b + 2 * step, w1);
                LI_TAP(b3, b + 3 * step, w1);
            }
        }
        li_avx2_finish8(&e, to, a0, a1, left > 1);
        if (left > 2) li_avx2_finish8(&e, to + 2 * w->out_pixel, a2, a3, left > 3);
        if (!r->both) continue;
        to += w->out_row;
        li_avx2_finish8(&e, to, b0, b1, left > 1);
        if (left > 2) li_avx2_finish8(&e, to + 2 * w->out_pixel, b2, b3, left > 3);
    }
}

/* ---- the layer ---- */

static const li_depthwise_tiles li_avx2_depthwise_tiles = {
    .lanes = 8, .tall = 2, .shift = 0, .spread = li_avx2_depthwise_spread, .rows = li_avx2_depthwise_rows,
};

const li_layer_kernels li_avx2_depthwise_s8 = {
    .loops = &li_avx2_depthwise_tiles,
    .loop = LI_LOOP_DEPTHWISE,
    .packed_bytes = li_x86_depthwise_packed_bytes,
    .scratch_bytes = li_x86_depthwise_scratch_bytes,
    .pack = li_x86_depthwise_pack,
    .run = li_x86_depthwise_run,
};

#else
typedef int li_avx2_depthwise_is_left_out;      /* an empty translation unit is not C */
#endif

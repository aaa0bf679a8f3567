/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX2: int16 activations by int8 weights. vpmaddwd adds two products of at most 2^22 to 32 bits, so 31 steps of 16 elements
 * fit the 32 bits of their whole sum, which then joins the 64 bits of the channel. Shapes: dots_s16 takes four channels at a
 * time, so one load of x serves four; taps_s16 keeps eight channels of a depthwise window in one register.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "../ref/li_ref.h"

enum { LI_AVX2_WIDE_STEP = 31 * 16, LI_AVX2_WIDE_TAPS = 256 };

LI_AVX2 static inline void li_avx2_wide_join(int64_t *sums, __m128i four)
{
    __m256i *to = (__m256i *)(void *)sums;
    _mm256_storeu_si256(to, _mm256_add_epi64(_mm256_loadu_si256(to), _mm256_cvtepi32_epi64(four)));
}

#define LI_AVX2_WIDE_DOT(i) s##i = _mm256_add_epi32(s##i, _mm256_madd_epi16(v, li_avx2_widen16(w##i + k)));
#define LI_AVX2_WIDE_HALF(i)                                                                                           \
    s##i = _mm256_add_epi32(s##i, _mm256_inserti128_si256(_mm256_setzero_si256(), _mm_madd_epi16(half, li_avx2_widen8(w##i + k)), 0));

LI_AVX2 void li_avx2_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, size_t stride, size_t n, size_t channels)
{
    const size_t eights = n / 8 * 8;
    size_t c, k, end;
    for (c = 0; c + 4 <= channels; c += 4, w += 4 * stride) {
        const int8_t *w0 = w, *w1 = w0 + stride, *w2 = w1 + stride, *w3 = w2 + stride;
        for (k = 0; k < eights;) {
            __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0, pairs;
            end = eights - k < LI_AVX2_WIDE_STEP ? eights : k + LI_AVX2_WIDE_STEP;
            for (; k + 16 <= end; k += 16) {
                const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(x + k));
                LI_AVX2_WIDE_DOT(0) LI_AVX2_WIDE_DOT(1) LI_AVX2_WIDE_DOT(2) LI_AVX2_WIDE_DOT(3)
            }
            if (k < end) {
                const __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(x + k));
                LI_AVX2_WIDE_HALF(0) LI_AVX2_WIDE_HALF(1) LI_AVX2_WIDE_HALF(2) LI_AVX2_WIDE_HALF(3)
                k = end;
            }
            pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(s0, s1), _mm256_hadd_epi32(s2, s3));
            li_avx2_wide_join(sums + c, _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1)));
        }
        if (eights < n) li_ref_dots_s16(sums + c, x + eights, w + eights, stride, n - eights, 4);
    }
    if (c < channels) li_ref_dots_s16(sums + c, x, w, stride, n, channels - c);
}

LI_AVX2 void li_avx2_taps_s16(int64_t *sums, const int16_t *x, const int8_t *w, const li_tap_grid *grid, size_t n)
{
    size_t c = 0, i, j;
    for (; grid->rows * grid->columns <= LI_AVX2_WIDE_TAPS && c + 8 <= n; c += 8) {
        __m256i sum = _mm256_setzero_si256();
        for (i = 0; i < grid->rows; ++i) {
            const int16_t *from = x + c + i * grid->x_row;
            const int8_t *by = w + c + i * grid->w_row;
            for (j = 0; j < grid->columns; ++j, from += grid->x_column, by += grid->w_column) {
                const __m256i v = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
                const __m256i factor = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)by));
                sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(v, factor));
            }
        }
        li_avx2_wide_join(sums + c, _mm256_castsi256_si128(sum));
        li_avx2_wide_join(sums + c + 4, _mm256_extracti128_si256(sum, 1));
    }
    if (c < n) li_ref_taps_s16(sums + c, x + c, w + c, grid, n - c);
}

#else
typedef int li_avx2_wide_is_left_out;      /* an empty translation unit is not C */
#endif

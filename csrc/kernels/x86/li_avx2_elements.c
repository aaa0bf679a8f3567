/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 kernels that treat each channel by itself: requantization, sums of two tensors, pooling. */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "../../src/li_requantize.h"
#include "../ref/li_ref.h"

/* ---- requantization ---- */

LI_AVX2 static inline __m256i li_avx2_scale8(const int32_t *sums, const float *multipliers, __m256 low, __m256 high)
{
    const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)sums)), _mm256_loadu_ps(multipliers));
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(scaled, low), high));       /* rounds to even */
}

LI_AVX2 void li_avx2_requantize_s8(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point,
                                   int32_t low, int32_t high, size_t n)
{
    const __m256 lowest = _mm256_set1_ps((float)(low - zero_point)), highest = _mm256_set1_ps((float)(high - zero_point));
    const __m256i zero = _mm256_set1_epi32(zero_point);
    size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        const __m256i q = _mm256_add_epi32(li_avx2_scale8(sums + c, multipliers + c, lowest, highest), zero);
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
        _mm_storel_epi64((__m128i *)(out + c), _mm_packs_epi16(words, words));
    }
    for (; c < n; ++c) out[c] = (int8_t)li_requantize(sums[c], multipliers[c], zero_point, low, high);
}

/* ---- sums of two tensors ---- */

LI_AVX2 static inline __m256i li_avx2_sum8(const int8_t *a, const int8_t *b, __m256i factor_a, __m256i factor_b, __m256i bias,
                                           __m128i shift)
{
    const __m256i x = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)a));
    const __m256i y = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)b));
    const __m256i sum = _mm256_add_epi32(_mm256_mullo_epi32(x, factor_a), _mm256_mullo_epi32(y, factor_b));
    return _mm256_sra_epi32(_mm256_add_epi32(sum, bias), shift);
}

/* Saturation to 16 bits before the limits of 8 changes nothing: both keep order. */
LI_AVX2 void li_avx2_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *s, size_t n)
{
    const __m256i factor_a = _mm256_set1_epi32(s->factor_a), factor_b = _mm256_set1_epi32(s->factor_b);
    const __m256i bias = _mm256_set1_epi32(s->bias), zero = _mm256_set1_epi32(s->zero_point);
    const __m128i shift = _mm_cvtsi32_si128(s->shift), low = _mm_set1_epi8((char)s->low), high = _mm_set1_epi8((char)s->high);
    size_t c = 0;
    for (; c + 16 <= n; c += 16) {
        const __m256i p = _mm256_add_epi32(li_avx2_sum8(a + c, b + c, factor_a, factor_b, bias, shift), zero);
        const __m256i q = _mm256_add_epi32(li_avx2_sum8(a + c + 8, b + c + 8, factor_a, factor_b, bias, shift), zero);
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(p, q), 0xd8);
        const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(out + c), _mm_min_epi8(_mm_max_epi8(bytes, low), high));
    }
    li_ref_add_s8(out + c, a + c, b + c, s, n - c);
}

/* ---- pooling ---- */

LI_AVX2 void li_avx2_max_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const __m256i lowest = _mm256_set1_epi8((char)low), highest = _mm256_set1_epi8((char)high);
    size_t c = 0, i, j;
    for (; c + 32 <= n; c += 32) {
        __m256i most = lowest;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                most = _mm256_max_epi8(most, _mm256_loadu_si256((const __m256i *)(x + i * grid->x_row + j * grid->x_column + c)));
        _mm256_storeu_si256((__m256i *)(out + c), _mm256_min_epi8(most, highest));
    }
    for (; c + 8 <= n; c += 8) {
        __m128i most = _mm256_castsi256_si128(lowest);
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                most = _mm_max_epi8(most, _mm_loadl_epi64((const __m128i *)(x + i * grid->x_row + j * grid->x_column + c)));
        _mm_storel_epi64((__m128i *)(out + c), _mm_min_epi8(most, _mm256_castsi256_si128(highest)));
    }
    if (c < n) li_ref_max_s8(out + c, x + c, grid, low, high, n - c);
}

/* Four quotients, truncated. Dividing doubles is exact enough for 32-bit integers: a quotient that is no integer lies at
   least 2^-31 of itself from the next one. */
LI_AVX2 static inline __m128i li_avx2_divide4(__m128i dividends, __m256d divisor)
{
    return _mm256_cvttpd_epi32(_mm256_div_pd(_mm256_cvtepi32_pd(dividends), divisor));
}

LI_AVX2 void li_avx2_average_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const int32_t taps = (int32_t)(grid->rows * grid->columns);
    const __m256d divisor = _mm256_set1_pd((double)taps);
    const __m256i half = _mm256_set1_epi32(taps / 2), zero = _mm256_setzero_si256();
    const __m128i lowest = _mm_set1_epi16((short)low), highest = _mm_set1_epi16((short)high);
    size_t c = 0, i, j;
    for (; c + 8 <= n; c += 8) {
        __m256i sum = zero, positive;
        __m128i words;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                sum = _mm256_add_epi32(sum, _mm256_cvtepi8_epi32(_mm_loadl_epi64(
                                                (const __m128i *)(x + i * grid->x_row + j * grid->x_column + c))));
        positive = _mm256_cmpgt_epi32(sum, zero);
        sum = _mm256_add_epi32(sum, _mm256_blendv_epi8(_mm256_sub_epi32(zero, half), half, positive));
        words = _mm_packs_epi32(li_avx2_divide4(_mm256_castsi256_si128(sum), divisor),
                                li_avx2_divide4(_mm256_extracti128_si256(sum, 1), divisor));
        words = _mm_min_epi16(_mm_max_epi16(words, lowest), highest);
        _mm_storel_epi64((__m128i *)(out + c), _mm_packs_epi16(words, words));
    }
    if (c < n) li_ref_average_s8(out + c, x + c, grid, low, high, n - c);
}

#else
typedef int li_avx2_elements_are_left_out;      /* an empty translation unit is not C */
#endif

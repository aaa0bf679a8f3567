/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 kernels that treat each channel by itself: requantization, sums and products of two tensors, pooling. */
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

/* ---- products of two tensors ---- */

/* What the end of a product takes; the limits are those of what is rounded. */
typedef struct li_avx2_product {
    __m256i zero_a, zero_b, zero;
    __m256 multiplier, low, high;
} li_avx2_product;

/* Eight elements; an operand of step 0 is one element, eight times. */
LI_AVX2 static inline __m256i li_avx2_factor8(const int8_t *p, size_t step, __m256i zero)
{
    const __m256i x = step == 0 ? _mm256_set1_epi32(*p) : _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
    return _mm256_sub_epi32(x, zero);
}

LI_AVX2 static inline __m256i li_avx2_product8(const int8_t *a, size_t step_a, const int8_t *b, size_t step_b, const li_avx2_product *p)
{
    const __m256i product = _mm256_mullo_epi32(li_avx2_factor8(a, step_a, p->zero_a), li_avx2_factor8(b, step_b, p->zero_b));
    const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(product), p->multiplier);
    return _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(scaled, p->low), p->high)), p->zero);   /* rounds to even */
}

LI_AVX2 void li_avx2_mul_s8(int8_t *out, const int8_t *a, size_t step_a, const int8_t *b, size_t step_b, const li_product_s8 *s, size_t n)
{
    const li_avx2_product p = {
        _mm256_set1_epi32(s->zero_a), _mm256_set1_epi32(s->zero_b), _mm256_set1_epi32(s->zero_point), _mm256_set1_ps(s->multiplier),
        _mm256_set1_ps((float)(s->low - s->zero_point)), _mm256_set1_ps((float)(s->high - s->zero_point)),
    };
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i q = li_avx2_product8(a + i * step_a, step_a, b + i * step_b, step_b, &p);
        const __m256i r = li_avx2_product8(a + (i + 8) * step_a, step_a, b + (i + 8) * step_b, step_b, &p);
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(q, r), 0xd8);
        _mm_storeu_si128((__m128i *)(out + i), _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    }
    for (; i < n; ++i)
        out[i] = (int8_t)li_requantize((a[i * step_a] - s->zero_a) * (b[i * step_b] - s->zero_b), s->multiplier, s->zero_point, s->low, s->high);
}

/* ---- pooling ---- */

/* Whole vectors of channels, then narrower ones, the last of which begins early: its first channels are written twice, the same. */
LI_AVX2 void li_avx2_max_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const __m256i lowest = _mm256_set1_epi8((char)low), highest = _mm256_set1_epi8((char)high);
    const __m128i least = _mm256_castsi256_si128(lowest), greatest = _mm256_castsi256_si128(highest);
    size_t c = 0, i, j;
    for (; c + 32 <= n; c += 32) {
        __m256i most = lowest;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                most = _mm256_max_epi8(most, _mm256_loadu_si256((const __m256i *)(x + i * grid->x_row + j * grid->x_column + c)));
        _mm256_storeu_si256((__m256i *)(out + c), _mm256_min_epi8(most, highest));
    }
    if (n >= 16) {
        for (; c < n; c += 16) {
            __m128i most = least;
            if (c + 16 > n) c = n - 16;
            for (i = 0; i < grid->rows; ++i)
                for (j = 0; j < grid->columns; ++j)
                    most = _mm_max_epi8(most, _mm_loadu_si128((const __m128i *)(x + i * grid->x_row + j * grid->x_column + c)));
            _mm_storeu_si128((__m128i *)(out + c), _mm_min_epi8(most, greatest));
        }
        return;
    }
    for (; n >= 8 && c < n; c += 8) {
        __m128i most = least;
        if (c + 8 > n) c = n - 8;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                most = _mm_max_epi8(most, _mm_loadl_epi64((const __m128i *)(x + i * grid->x_row + j * grid->x_column + c)));
        _mm_storel_epi64((__m128i *)(out + c), _mm_min_epi8(most, greatest));
    }
    if (c < n) li_ref_max_s8(out + c, x + c, grid, low, high, n - c);
}

/* Four quotients, truncated. Dividing doubles is exact enough for 32-bit integers: a quotient that is no integer lies at
   least 2^-31 of itself from the next one. */
LI_AVX2 static inline __m128i li_avx2_divide4(__m128i dividends, __m256d divisor)
{
    return _mm256_cvttpd_epi32(_mm256_div_pd(_mm256_cvtepi32_pd(dividends), divisor));
}

/* Eight sums to quotients, halves away from zero, as int16. */
LI_AVX2 static inline __m128i li_avx2_quotients8(__m256i sums, __m256i half, __m256d divisor)
{
    const __m256i zero = _mm256_setzero_si256(), positive = _mm256_cmpgt_epi32(sums, zero);
    const __m256i dividends = _mm256_add_epi32(sums, _mm256_blendv_epi8(_mm256_sub_epi32(zero, half), half, positive));
    return _mm_packs_epi32(li_avx2_divide4(_mm256_castsi256_si128(dividends), divisor),
                           li_avx2_divide4(_mm256_extracti128_si256(dividends, 1), divisor));
}

/* Sums of at most so many bytes fit int16. */
enum { LI_AVX2_BYTES_OF_WORD = 255 };

typedef struct li_avx2_sums {
    __m256i first, last;         /* of eight channels each */
} li_avx2_sums;

LI_AVX2 static inline li_avx2_sums li_avx2_sums_and(li_avx2_sums sums, __m256i words)
{
    sums.first = _mm256_add_epi32(sums.first, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(words)));
    sums.last = _mm256_add_epi32(sums.last, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(words, 1)));
    return sums;
}

/* 16 channels over all taps. */
LI_AVX2 static inline li_avx2_sums li_avx2_sums16(const int8_t *x, const li_tap_grid *grid)
{
    li_avx2_sums sums = { _mm256_setzero_si256(), _mm256_setzero_si256() };
    __m256i words = _mm256_setzero_si256();
    size_t room = LI_AVX2_BYTES_OF_WORD, i, j;
    for (i = 0; i < grid->rows; ++i) {
        const int8_t *tap = x + i * grid->x_row;
        for (j = 0; j < grid->columns; ++j, tap += grid->x_column) {
            words = _mm256_add_epi16(words, _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)tap)));
            if (--room != 0) continue;
            room = LI_AVX2_BYTES_OF_WORD;
            sums = li_avx2_sums_and(sums, words);
            words = _mm256_setzero_si256();
        }
    }
    return li_avx2_sums_and(sums, words);
}

/* Eight channels. */
LI_AVX2 static inline __m256i li_avx2_sums8(const int8_t *x, const li_tap_grid *grid)
{
    __m256i sums = _mm256_setzero_si256();
    size_t i, j;
    for (i = 0; i < grid->rows; ++i) {
        const int8_t *tap = x + i * grid->x_row;
        for (j = 0; j < grid->columns; ++j, tap += grid->x_column)
            sums = _mm256_add_epi32(sums, _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)tap)));
    }
    return sums;
}

/* Fewer than eight. */
static void li_avx2_sums_rest(int32_t *sums, const int8_t *x, const li_tap_grid *grid, size_t n)
{
    size_t i, j, c;
    for (c = 0; c < n; ++c) sums[c] = 0;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j)
            for (c = 0; c < n; ++c) sums[c] += x[i * grid->x_row + j * grid->x_column + c];
}

LI_AVX2 void li_avx2_sums_s8(int32_t *sums, const int8_t *x, const li_tap_grid *grid, size_t n)
{
    size_t c;
    for (c = 0; c + 16 <= n; c += 16) {
        const li_avx2_sums of = li_avx2_sums16(x + c, grid);
        _mm256_storeu_si256((__m256i *)(void *)(sums + c), of.first);
        _mm256_storeu_si256((__m256i *)(void *)(sums + c + 8), of.last);
    }
    if (c + 8 <= n) {
        _mm256_storeu_si256((__m256i *)(void *)(sums + c), li_avx2_sums8(x + c, grid));
        c += 8;
    }
    li_avx2_sums_rest(sums + c, x + c, grid, n - c);
}

LI_AVX2 void li_avx2_average_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const size_t taps = grid->rows * grid->columns;
    const __m256d divisor = _mm256_set1_pd((double)taps);
    const __m256i half = _mm256_set1_epi32((int32_t)taps / 2);
    const __m128i lowest = _mm_set1_epi16((short)low), highest = _mm_set1_epi16((short)high);
    size_t c;
    for (c = 0; c + 16 <= n; c += 16) {
        const li_avx2_sums sums = li_avx2_sums16(x + c, grid);
        const __m128i first = li_avx2_quotients8(sums.first, half, divisor), last = li_avx2_quotients8(sums.last, half, divisor);
        _mm_storeu_si128((__m128i *)(void *)(out + c), _mm_packs_epi16(_mm_min_epi16(_mm_max_epi16(first, lowest), highest),
                                                                       _mm_min_epi16(_mm_max_epi16(last, lowest), highest)));
    }
    if (c + 8 <= n) {
        const __m128i means = _mm_min_epi16(_mm_max_epi16(li_avx2_quotients8(li_avx2_sums8(x + c, grid), half, divisor), lowest), highest);
        _mm_storel_epi64((__m128i *)(void *)(out + c), _mm_packs_epi16(means, means));
        c += 8;
    }
    if (c < n) li_ref_average_s8(out + c, x + c, grid, low, high, n - c);
}

#else
typedef int li_avx2_elements_are_left_out;      /* an empty translation unit is not C */
#endif

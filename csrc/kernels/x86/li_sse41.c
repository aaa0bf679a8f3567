/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE4.1, the floor of x86: kernels that take channels by themselves or sum products of weights as they are, and the set.
 * Shapes: dots_s8 takes four channels at a time, eight elements of each a step; taps_s8 keeps eight channels in two registers
 * over the whole window, taps_f32 four in one. What is left of a vector goes to ref, and what is not here is ref's.
 */
#include "li_sse41.h"

#if LI_X86_KERNELS

#include "../../src/li_requantize.h"
#include "../ref/li_ref.h"
#include "liteinterp.h"

/* ---- sums of products ---- */

LI_SSE41 static void li_sse41_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride, size_t n,
                                      size_t channels)
{
    const __m128i zero = _mm_set1_epi16((short)zero_point);
    const size_t whole = n / 8 * 8;
    size_t c, k;
    for (c = 0; c + 4 <= channels; c += 4) {
        const int8_t *const w0 = w + c * stride, *const w1 = w0 + stride, *const w2 = w1 + stride, *const w3 = w2 + stride;
        __m128i s0 = _mm_setzero_si128(), s1 = s0, s2 = s0, s3 = s0;
        for (k = 0; k < whole; k += 8) {
            const __m128i v = _mm_sub_epi16(li_sse41_widen8(x + k), zero);
            s0 = _mm_add_epi32(s0, _mm_madd_epi16(v, li_sse41_widen8(w0 + k)));
            s1 = _mm_add_epi32(s1, _mm_madd_epi16(v, li_sse41_widen8(w1 + k)));
            s2 = _mm_add_epi32(s2, _mm_madd_epi16(v, li_sse41_widen8(w2 + k)));
            s3 = _mm_add_epi32(s3, _mm_madd_epi16(v, li_sse41_widen8(w3 + k)));
        }
        _mm_storeu_si128((__m128i *)(void *)(sums + c), _mm_add_epi32(LI_XMM_LOAD(sums + c), li_sse41_sum4(s0, s1, s2, s3)));
        li_ref_dots_s8(sums + c, x + whole, zero_point, w0 + whole, stride, n - whole, 4);
    }
    if (c < channels) li_ref_dots_s8(sums + c, x, zero_point, w + c * stride, stride, n, channels - c);
}

/* |x - zero point| <= 255 and |w| <= 128, so a product fits int16. */
LI_SSE41 static void li_sse41_taps_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, const li_tap_grid *grid,
                                      size_t n)
{
    const __m128i zero = _mm_set1_epi16((short)zero_point);
    size_t c = 0, i, j;
    for (; c + 8 <= n; c += 8) {
        __m128i low = LI_XMM_LOAD(sums + c), high = LI_XMM_LOAD(sums + c + 4);
        for (i = 0; i < grid->rows; ++i) {
            const int8_t *from = x + c + i * grid->x_row, *by = w + c + i * grid->w_row;
            for (j = 0; j < grid->columns; ++j, from += grid->x_column, by += grid->w_column) {
                const __m128i product = _mm_mullo_epi16(_mm_sub_epi16(li_sse41_widen8(from), zero), li_sse41_widen8(by));
                low = _mm_add_epi32(low, _mm_cvtepi16_epi32(product));
                high = _mm_add_epi32(high, _mm_cvtepi16_epi32(_mm_unpackhi_epi64(product, product)));
            }
        }
        _mm_storeu_si128((__m128i *)(void *)(sums + c), low);
        _mm_storeu_si128((__m128i *)(void *)(sums + c + 4), high);
    }
    if (c < n) li_ref_taps_s8(sums + c, x + c, zero_point, w + c, grid, n - c);
}

LI_SSE41 static void li_sse41_taps_f32(float *sums, const float *x, const float *w, const li_tap_grid *grid, size_t n)
{
    size_t c = 0, i, j;
    for (; c + 4 <= n; c += 4) {
        __m128 sum = _mm_loadu_ps(sums + c);
        for (i = 0; i < grid->rows; ++i) {
            const float *from = x + c + i * grid->x_row, *by = w + c + i * grid->w_row;
            for (j = 0; j < grid->columns; ++j, from += grid->x_column, by += grid->w_column)
                sum = _mm_add_ps(sum, _mm_mul_ps(_mm_loadu_ps(from), _mm_loadu_ps(by)));
        }
        _mm_storeu_ps(sums + c, sum);
    }
    if (c < n) li_ref_taps_f32(sums + c, x + c, w + c, grid, n - c);
}

/* ---- requantization and sums of two tensors ---- */

LI_SSE41 static inline __m128i li_sse41_scale4(const int32_t *sums, const float *multipliers, __m128 low, __m128 high)
{
    const __m128 scaled = _mm_mul_ps(_mm_cvtepi32_ps(LI_XMM_LOAD(sums)), _mm_loadu_ps(multipliers));
    return _mm_cvtps_epi32(_mm_min_ps(_mm_max_ps(scaled, low), high));       /* rounds to even */
}

LI_SSE41 void li_sse41_requantize_s8(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low,
                                     int32_t high, size_t n)
{
    const __m128 lowest = _mm_set1_ps((float)(low - zero_point)), highest = _mm_set1_ps((float)(high - zero_point));
    const __m128i zero = _mm_set1_epi16((short)zero_point);
    size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        const __m128i p = li_sse41_scale4(sums + c, multipliers + c, lowest, highest);
        const __m128i q = li_sse41_scale4(sums + c + 4, multipliers + c + 4, lowest, highest);
        const __m128i words = _mm_add_epi16(_mm_packs_epi32(p, q), zero);
        _mm_storel_epi64((__m128i *)(void *)(out + c), _mm_packs_epi16(words, words));
    }
    for (; c < n; ++c) out[c] = (int8_t)li_requantize(sums[c], multipliers[c], zero_point, low, high);
}

/* Four sums from the first lanes of a and b. */
LI_SSE41 static inline __m128i li_sse41_add4(__m128i a, __m128i b, const li_sum_s8 *s)
{
    const __m128i terms = _mm_add_epi32(_mm_mullo_epi32(_mm_cvtepi8_epi32(b), _mm_set1_epi32(s->factor_b)), _mm_set1_epi32(s->bias));
    const __m128i sum = _mm_add_epi32(_mm_mullo_epi32(_mm_cvtepi8_epi32(a), _mm_set1_epi32(s->factor_a)), terms);
    return _mm_add_epi32(_mm_sra_epi32(sum, _mm_cvtsi32_si128(s->shift)), _mm_set1_epi32(s->zero_point));
}

/* Saturation to 16 bits before the limits of 8 changes nothing: both keep order. */
LI_SSE41 static void li_sse41_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *s, size_t n)
{
    const __m128i low = _mm_set1_epi8((char)s->low), high = _mm_set1_epi8((char)s->high);
    size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        const __m128i x = _mm_loadl_epi64((const __m128i *)(const void *)(a + c)), y = _mm_loadl_epi64((const __m128i *)(const void *)(b + c));
        const __m128i words = _mm_packs_epi32(li_sse41_add4(x, y, s), li_sse41_add4(_mm_srli_si128(x, 4), _mm_srli_si128(y, 4), s));
        _mm_storel_epi64((__m128i *)(void *)(out + c), _mm_min_epi8(_mm_max_epi8(_mm_packs_epi16(words, words), low), high));
    }
    li_ref_add_s8(out + c, a + c, b + c, s, n - c);
}

/* ---- pooling ---- */

LI_SSE41 static void li_sse41_max_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const __m128i lowest = _mm_set1_epi8((char)low), highest = _mm_set1_epi8((char)high);
    size_t c = 0, i, j;
    for (; n >= 16 && c < n; c += 16) {
        __m128i most = lowest;
        if (c + 16 > n) c = n - 16;             /* the last sixteen begin early */
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j) most = _mm_max_epi8(most, LI_XMM_LOAD(x + i * grid->x_row + j * grid->x_column + c));
        _mm_storeu_si128((__m128i *)(void *)(out + c), _mm_min_epi8(most, highest));
    }
    if (c < n) li_ref_max_s8(out + c, x + c, grid, low, high, n - c);
}

/* Quotients of four sums, half of the divisor added away from 0 before. Dividing doubles is exact enough for 32-bit integers:
   a quotient that is no integer lies at least 2^-31 of itself from the next one. */
LI_SSE41 static inline __m128i li_sse41_divide4(__m128i sums, __m128i half, __m128d divisor)
{
    const __m128i sign = _mm_cmpgt_epi32(_mm_setzero_si128(), sums);         /* nothing is added to 0 that would count */
    const __m128i rounded = _mm_add_epi32(sums, _mm_sub_epi32(_mm_xor_si128(half, sign), sign));
    const __m128i low = _mm_cvttpd_epi32(_mm_div_pd(_mm_cvtepi32_pd(rounded), divisor));
    return _mm_unpacklo_epi64(low, _mm_cvttpd_epi32(_mm_div_pd(_mm_cvtepi32_pd(_mm_unpackhi_epi64(rounded, rounded)), divisor)));
}

LI_SSE41 static void li_sse41_average_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const int32_t taps = (int32_t)(grid->rows * grid->columns);
    const __m128d divisor = _mm_set1_pd((double)taps);
    const __m128i half = _mm_set1_epi32(taps / 2), lowest = _mm_set1_epi16((short)low), highest = _mm_set1_epi16((short)high);
    size_t c = 0, i, j;
    for (; c + 8 <= n; c += 8) {
        __m128i first = _mm_setzero_si128(), second = first, words;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j) {
                const __m128i wide = li_sse41_widen8(x + i * grid->x_row + j * grid->x_column + c);
                first = _mm_add_epi32(first, _mm_cvtepi16_epi32(wide));
                second = _mm_add_epi32(second, _mm_cvtepi16_epi32(_mm_unpackhi_epi64(wide, wide)));
            }
        words = _mm_packs_epi32(li_sse41_divide4(first, half, divisor), li_sse41_divide4(second, half, divisor));
        words = _mm_min_epi16(_mm_max_epi16(words, lowest), highest);
        _mm_storel_epi64((__m128i *)(void *)(out + c), _mm_packs_epi16(words, words));
    }
    if (c < n) li_ref_average_s8(out + c, x + c, grid, low, high, n - c);
}

const li_kernels li_kernels_sse41 = {
    .name = "sse41", .isa = LI_ISA_SSE41, .peak = li_sse41_peak,
    .dots_s8 = li_sse41_dots_s8, .taps_s8 = li_sse41_taps_s8, .taps_f32 = li_sse41_taps_f32,
    .requantize_s8 = li_sse41_requantize_s8, .add_s8 = li_sse41_add_s8, .max_s8 = li_sse41_max_s8, .average_s8 = li_sse41_average_s8,
    .dots_f32 = li_ref_dots_f32, .dots_s16 = li_ref_dots_s16, .taps_s16 = li_ref_taps_s16,
    .conv_s8 = &li_sse41_conv_s8, .depthwise_s8 = &li_sse41_depthwise_s8, .depthwise_zero_s8 = &li_sse41_depthwise_s8,
    .dense_s8 = &li_sse41_dense_s8,
    .conv_f32 = &li_sse41_conv_f32, .depthwise_f32 = li_sse41_depthwise_f32,
};

#else
typedef int li_sse41_is_left_out;      /* an empty translation unit is not C */
#endif

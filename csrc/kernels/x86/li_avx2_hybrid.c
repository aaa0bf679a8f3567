/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hybrid arithmetic in AVX2, 8 lanes at a time: what happens to activations before their sums of products and behind them.
 * Instructions that keep their second operand on NaN do what the plain loops' comparisons do.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

LI_AVX2 static void li_avx2_hybrid_range(const float *x, size_t n, float *low, float *high)
{
    __m256 l0 = _mm256_set1_ps(*low), l1 = l0, h0 = _mm256_set1_ps(*high), h1 = h0;
    __m128 l, h;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + 8);
        l0 = _mm256_min_ps(a, l0);
        h0 = _mm256_max_ps(a, h0);
        l1 = _mm256_min_ps(b, l1);
        h1 = _mm256_max_ps(b, h1);
    }
    l0 = _mm256_min_ps(l0, l1);
    h0 = _mm256_max_ps(h0, h1);
    l = _mm_min_ps(_mm256_castps256_ps128(l0), _mm256_extractf128_ps(l0, 1));
    h = _mm_max_ps(_mm256_castps256_ps128(h0), _mm256_extractf128_ps(h0, 1));
    l = _mm_min_ps(l, _mm_movehl_ps(l, l));
    h = _mm_max_ps(h, _mm_movehl_ps(h, h));
    l = _mm_min_ss(l, _mm_movehdup_ps(l));
    h = _mm_max_ss(h, _mm_movehdup_ps(h));
    for (; i < n; ++i) {
        l = _mm_min_ss(_mm_load_ss(x + i), l);
        h = _mm_max_ss(_mm_load_ss(x + i), h);
    }
    *low = _mm_cvtss_f32(l);
    *high = _mm_cvtss_f32(h);
}

/* By way of integers, which have no -0. */
LI_AVX2 static inline __m256 li_avx2_hybrid_steps8(__m256 x, __m256 inverse, __m256 low, __m256 high)
{
    const __m256 scaled = _mm256_mul_ps(x, inverse);
    const __m256 number = _mm256_and_ps(scaled, _mm256_cmp_ps(scaled, scaled, _CMP_ORD_Q));
    return _mm256_cvtepi32_ps(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(number, low), high)));
}

LI_AVX2 static inline __m256i li_avx2_hybrid_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

LI_AVX2 static void li_avx2_hybrid_steps(float *out, const float *x, float inverse, int32_t zero_point, size_t n)
{
    const __m256 factor = _mm256_set1_ps(inverse);
    const __m256 low = _mm256_set1_ps((float)(-128 - zero_point)), high = _mm256_set1_ps((float)(127 - zero_point));
    size_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, li_avx2_hybrid_steps8(_mm256_loadu_ps(x + i), factor, low, high));
    if (i < n) {
        const __m256i lanes = li_avx2_hybrid_lanes(n - i);
        _mm256_maskstore_ps(out + i, lanes, li_avx2_hybrid_steps8(_mm256_maskload_ps(x + i, lanes), factor, low, high));
    }
}

LI_AVX2 static inline __m256 li_avx2_hybrid_scaled8(__m256 sums, __m256 multipliers, __m256 scale, __m256 bias, __m256 low, __m256 high, int adds)
{
    const __m256 product = _mm256_mul_ps(sums, _mm256_mul_ps(scale, multipliers));
    return _mm256_min_ps(high, _mm256_max_ps(low, adds ? _mm256_add_ps(product, bias) : product));
}

LI_AVX2 static void li_avx2_hybrid_scaled(float *out, const float *multipliers, const float *scales, size_t step, const float *bias,
                                          float low, float high, size_t n, size_t rows)
{
    const __m256 lowest = _mm256_set1_ps(low), highest = _mm256_set1_ps(high), none = _mm256_setzero_ps();
    const int adds = bias != NULL;
    size_t r, c;
    for (r = 0; r < rows; ++r, out += n) {
        const __m256 scale = _mm256_set1_ps(scales[r * step]);
        for (c = 0; c + 8 <= n; c += 8)
            _mm256_storeu_ps(out + c, li_avx2_hybrid_scaled8(_mm256_loadu_ps(out + c), _mm256_loadu_ps(multipliers + c), scale,
                                                             adds ? _mm256_loadu_ps(bias + c) : none, lowest, highest, adds));
        if (c < n) {
            const __m256i lanes = li_avx2_hybrid_lanes(n - c);
            const __m256 last = li_avx2_hybrid_scaled8(_mm256_maskload_ps(out + c, lanes), _mm256_maskload_ps(multipliers + c, lanes), scale,
                                                       adds ? _mm256_maskload_ps(bias + c, lanes) : none, lowest, highest, adds);
            _mm256_maskstore_ps(out + c, lanes, last);
        }
    }
}

const li_hybrid_kernels li_avx2_hybrid = { .range = li_avx2_hybrid_range, .steps = li_avx2_hybrid_steps, .scaled = li_avx2_hybrid_scaled };

#else
typedef int li_avx2_hybrid_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float32 kernels in AVX2 that see each element once: two operands, limits, pooling windows, interpolation. Memory bounds
 * them, so one loop of 8 lanes does, its end by masks. Every operation is rounded by itself, as in the plain loops: the same
 * bits. Comparisons of the plain loops that keep their second operand on NaN and on zeros of either sign are the
 * instructions' own: maxps(a, b) is a > b ? a : b, and minps(a, b) is a < b ? a : b.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

/* The first n lanes of 8, and all of them where n is larger. */
LI_AVX2 static inline __m256i li_avx2_first(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int32_t)n : 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

LI_AVX2 static inline __m256 li_avx2_limited(__m256 v, __m256 low, __m256 high)
{
    return _mm256_min_ps(high, _mm256_max_ps(low, v));
}

LI_AVX2 static inline __m256 li_avx2_some(const float *p, size_t step, __m256i lanes)
{
    return step != 0 ? _mm256_maskload_ps(p, lanes) : _mm256_broadcast_ss(p);
}

LI_AVX2 static inline __m256 li_avx2_eight(const float *p, size_t step)
{
    return step != 0 ? _mm256_loadu_ps(p) : _mm256_broadcast_ss(p);
}

#define LI_AVX2_PAIR(name, operation)                                                                                  \
    LI_AVX2 static void name(float *out, const float *a, size_t step_a, const float *b, size_t step_b, float low, float high, size_t n) \
    {                                                                                                                  \
        const __m256 lowest = _mm256_set1_ps(low), highest = _mm256_set1_ps(high);                                     \
        size_t i = 0;                                                                                                  \
        for (; i + 8 <= n; i += 8) {                                                                                   \
            const __m256 v = operation(li_avx2_eight(a + i * step_a, step_a), li_avx2_eight(b + i * step_b, step_b));  \
            _mm256_storeu_ps(out + i, li_avx2_limited(v, lowest, highest));                                            \
        }                                                                                                              \
        if (i < n) {                                                                                                   \
            const __m256i lanes = li_avx2_first(n - i);                                                                \
            const __m256 v = operation(li_avx2_some(a + i * step_a, step_a, lanes), li_avx2_some(b + i * step_b, step_b, lanes)); \
            _mm256_maskstore_ps(out + i, lanes, li_avx2_limited(v, lowest, highest));                                  \
        }                                                                                                              \
    }

LI_AVX2_PAIR(li_avx2_add_f32, _mm256_add_ps)
LI_AVX2_PAIR(li_avx2_sub_f32, _mm256_sub_ps)
LI_AVX2_PAIR(li_avx2_mul_f32, _mm256_mul_ps)
LI_AVX2_PAIR(li_avx2_div_f32, _mm256_div_ps)

void li_avx2_pair_f32(int32_t operation, float *out, const float *a, size_t step_a, const float *b, size_t step_b, float low,
                      float high, size_t n)
{
    static void (*const loops[])(float *, const float *, size_t, const float *, size_t, float, float, size_t) = {
        [LI_PAIR_ADD] = li_avx2_add_f32, [LI_PAIR_SUB] = li_avx2_sub_f32,
        [LI_PAIR_MUL] = li_avx2_mul_f32, [LI_PAIR_DIV] = li_avx2_div_f32,
    };
    loops[operation](out, a, step_a, b, step_b, low, high, n);
}

LI_AVX2 void li_avx2_limit_f32(float *out, const float *x, float low, float high, size_t n)
{
    const __m256 lowest = _mm256_set1_ps(low), highest = _mm256_set1_ps(high);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, li_avx2_limited(_mm256_loadu_ps(x + i), lowest, highest));
    if (i < n) {
        const __m256i lanes = li_avx2_first(n - i);
        _mm256_maskstore_ps(out + i, lanes, li_avx2_limited(_mm256_maskload_ps(x + i, lanes), lowest, highest));
    }
}

LI_AVX2 void li_avx2_average_f32(float *out, const float *x, const li_tap_grid *grid, float low, float high, size_t n)
{
    const __m256 lowest = _mm256_set1_ps(low), highest = _mm256_set1_ps(high);
    const __m256 taps = _mm256_set1_ps((float)(int32_t)(grid->rows * grid->columns));
    size_t c = 0, i, j;
    for (; c + 16 <= n; c += 16) {           /* two sums, which do not wait for each other */
        __m256 sum = _mm256_setzero_ps(), next = sum;
        for (i = 0; i < grid->rows; ++i) {
            const float *from = x + i * grid->x_row + c;
            for (j = 0; j < grid->columns; ++j, from += grid->x_column) {
                sum = _mm256_add_ps(sum, _mm256_loadu_ps(from));
                next = _mm256_add_ps(next, _mm256_loadu_ps(from + 8));
            }
        }
        _mm256_storeu_ps(out + c, li_avx2_limited(_mm256_div_ps(sum, taps), lowest, highest));
        _mm256_storeu_ps(out + c + 8, li_avx2_limited(_mm256_div_ps(next, taps), lowest, highest));
    }
    for (; c < n; c += 8) {
        const __m256i lanes = li_avx2_first(n - c);
        __m256 sum = _mm256_setzero_ps();
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                sum = _mm256_add_ps(sum, _mm256_maskload_ps(x + i * grid->x_row + j * grid->x_column + c, lanes));
        _mm256_maskstore_ps(out + c, lanes, li_avx2_limited(_mm256_div_ps(sum, taps), lowest, highest));
    }
}

LI_AVX2 void li_avx2_max_f32(float *out, const float *x, const li_tap_grid *grid, float low, float high, size_t n)
{
    const __m256 lowest = _mm256_set1_ps(low), highest = _mm256_set1_ps(high);
    size_t c, i, j;
    for (c = 0; c < n; c += 8) {
        const __m256i lanes = li_avx2_first(n - c);
        __m256 best = _mm256_maskload_ps(x + c, lanes);
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                best = _mm256_max_ps(_mm256_maskload_ps(x + i * grid->x_row + j * grid->x_column + c, lanes), best);
        _mm256_maskstore_ps(out + c, lanes, li_avx2_limited(best, lowest, highest));
    }
}

LI_AVX2 void li_avx2_blend_f32(float *out, const float *const corners[4], float across, float down, size_t n)
{
    const __m256 right = _mm256_set1_ps(across), lower = _mm256_set1_ps(down);
    size_t c;
    for (c = 0; c < n; c += 8) {
        const __m256i lanes = li_avx2_first(n - c);
        const __m256 tl = _mm256_maskload_ps(corners[0] + c, lanes), tr = _mm256_maskload_ps(corners[1] + c, lanes);
        const __m256 bl = _mm256_maskload_ps(corners[2] + c, lanes), br = _mm256_maskload_ps(corners[3] + c, lanes);
        const __m256 top = _mm256_add_ps(tl, _mm256_mul_ps(_mm256_sub_ps(tr, tl), right));
        const __m256 bottom = _mm256_add_ps(bl, _mm256_mul_ps(_mm256_sub_ps(br, bl), right));
        _mm256_maskstore_ps(out + c, lanes, _mm256_add_ps(top, _mm256_mul_ps(_mm256_sub_ps(bottom, top), lower)));
    }
}

#else
typedef int li_avx2_elements_f32_is_left_out;      /* an empty translation unit is not C */
#endif

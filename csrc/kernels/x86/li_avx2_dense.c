/* SPDX-License-Identifier: Apache-2.0 */
/* int8 fully connected layers in AVX2: sixteen weights of a channel are widened and multiplied in a step (vpmaddwd). */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"
#include "li_x86_dense.h"

/* Sixteen weights, of which the last ones may lie behind the end of what may be read. */
LI_AVX2 static inline __m256i li_avx2_widen_before(const int8_t *p, const int8_t *end)
{
    int8_t some[16] = { 0 };
    if (end - p >= 16) return li_avx2_widen16(p);
    li_copy(some, p, (size_t)(end - p));
    return li_avx2_widen16(some);
}

#define LI_DENSE_STEP(s, row)                                                                                          \
    s = _mm256_add_epi32(s, _mm256_madd_epi16(v, li_avx2_widen16(row + k)));                                           \
    LI_PIN1(s)
#define LI_DENSE_REST(s, row) s = _mm256_add_epi32(s, _mm256_madd_epi16(v, li_avx2_widen_before(row + k, end)))

/* x is int16, with zeros up to a multiple of 16. */
LI_AVX2 static void li_avx2_dense_eight(int32_t *sums, const void *x, const int8_t *w, size_t n, size_t channels, const int8_t *end)
{
    const size_t last = channels - 1;
    const int8_t *w0 = w, *w1 = w + n * (last < 1 ? last : 1), *w2 = w + n * (last < 2 ? last : 2), *w3 = w + n * (last < 3 ? last : 3);
    const int8_t *w4 = w + n * (last < 4 ? last : 4), *w5 = w + n * (last < 5 ? last : 5), *w6 = w + n * (last < 6 ? last : 6);
    const int8_t *w7 = w + n * last;
    const int16_t *wide = x;
    const int ahead = n >= LI_DENSE_AHEAD;
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, v, low, high;
    size_t k, i;
    for (k = 0; k + 16 <= n; k += 16) {
        v = _mm256_loadu_si256((const __m256i *)(wide + k));
        if (ahead && k % 64 == 0)
            for (i = 8; i < 16; ++i) _mm_prefetch((const char *)w + i * n + k, _MM_HINT_T0);
        LI_DENSE_STEP(s0, w0);
        LI_DENSE_STEP(s1, w1);
        LI_DENSE_STEP(s2, w2);
        LI_DENSE_STEP(s3, w3);
        LI_DENSE_STEP(s4, w4);
        LI_DENSE_STEP(s5, w5);
        LI_DENSE_STEP(s6, w6);
        LI_DENSE_STEP(s7, w7);
    }
    if (k < n) {
        v = _mm256_loadu_si256((const __m256i *)(wide + k));
        LI_DENSE_REST(s0, w0);
        LI_DENSE_REST(s1, w1);
        LI_DENSE_REST(s2, w2);
        LI_DENSE_REST(s3, w3);
        LI_DENSE_REST(s4, w4);
        LI_DENSE_REST(s5, w5);
        LI_DENSE_REST(s6, w6);
        LI_DENSE_REST(s7, w7);
    }
    low = _mm256_hadd_epi32(_mm256_hadd_epi32(s0, s1), _mm256_hadd_epi32(s2, s3));
    high = _mm256_hadd_epi32(_mm256_hadd_epi32(s4, s5), _mm256_hadd_epi32(s6, s7));
    _mm256_storeu_si256((__m256i *)sums, _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                                                          _mm256_permute2x128_si256(low, high, 0x31)));
}

static size_t li_avx2_dense_scratch_bytes(const void *loops, const li_conv_shape *shape)
{
    (void)loops;
    return ((size_t)shape->in_c + 15) / 16 * 32;
}

LI_AVX2 static void li_avx2_dense_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *w, const void *packed,
                                      void *scratch, const li_conv_shape *shape, const li_rescale_s8 *rescale, int32_t first, int32_t rows)
{
    const size_t n = (size_t)shape->in_c, channels = (size_t)shape->out_c;
    int16_t *wide = scratch;
    size_t row, k;
    (void)loops;
    (void)first;
    for (row = 0; rows != 0 && row < (size_t)shape->in_w; ++row) {
        const int8_t *from = x + row * n;
        for (k = 0; k + 16 <= n; k += 16) _mm256_storeu_si256((__m256i *)(wide + k), li_avx2_widen16(from + k));
        if (k < n) _mm256_storeu_si256((__m256i *)(wide + k), li_avx2_widen_before(from + k, from + n));
        li_x86_dense_row(li_avx2_dense_eight, out + row * channels, wide, w, packed, shape, rescale);
    }
}

const li_layer_kernels li_avx2_dense_s8 = {
    .loop = LI_LOOP_DENSE,
    .packed_bytes = li_x86_dense_packed_bytes,
    .scratch_bytes = li_avx2_dense_scratch_bytes,
    .pack = li_x86_dense_pack,
    .run = li_avx2_dense_run,
};

#else
typedef int li_avx2_dense_is_left_out;      /* an empty translation unit is not C */
#endif

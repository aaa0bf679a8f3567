/* SPDX-License-Identifier: Apache-2.0 */
/* What tiles of int8 sums share: pins against reordering, and the end, from sums to bytes of two pixels. */
#ifndef LI_AVX2_TILE_H
#define LI_AVX2_TILE_H

#include "li_avx2.h"

#if LI_HAS_AVX2

/* An empty asm statement that a sum goes through: the compiler may not move its products across. */
#define LI_PIN1(a) __asm__("" : "+x"(a))
#define LI_PIN2(a, b) __asm__("" : "+x"(a), "+x"(b))

typedef struct li_avx2_end {
    __m256 multipliers[2], highest;      /* the limit before the zero point is added keeps the conversion in its range */
    __m256i zero, low;
    size_t channels, out_step;
} li_avx2_end;

LI_AVX2 static inline li_avx2_end li_avx2_end_of(const float *multipliers, size_t width, const li_rescale_s8 *rescale,
                                                 size_t channels, size_t out_step)
{
    li_avx2_end e;
    e.multipliers[0] = _mm256_loadu_ps(multipliers);
    e.multipliers[1] = _mm256_loadu_ps(multipliers + width - 8);
    e.highest = _mm256_set1_ps((float)(rescale->high - rescale->out_zero));
    e.zero = _mm256_set1_epi16((short)rescale->out_zero);
    e.low = _mm256_set1_epi8((char)rescale->low);
    e.channels = channels;
    e.out_step = out_step;
    return e;
}

LI_AVX2 static inline __m256i li_avx2_scaled(__m256i sums, __m256 multipliers, __m256 highest)
{
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), multipliers), highest));
}

LI_AVX2 static inline void li_avx2_store_some(int8_t *out, __m128i v, size_t n)
{
    int8_t bytes[16];
    _mm_storeu_si128((__m128i *)bytes, v);
    li_copy(out, bytes, n);
}

/* Two pixels of 16 channels; the second one is not stored when `both` is 0. */
LI_AVX2 static inline void li_avx2_finish16(const li_avx2_end *e, int8_t *out, __m256i a0, __m256i a1, __m256i b0, __m256i b1, int both)
{
    const __m256i a = _mm256_packs_epi32(li_avx2_scaled(a0, e->multipliers[0], e->highest), li_avx2_scaled(a1, e->multipliers[1], e->highest));
    const __m256i b = _mm256_packs_epi32(li_avx2_scaled(b0, e->multipliers[0], e->highest), li_avx2_scaled(b1, e->multipliers[1], e->highest));
    const __m256i bytes = _mm256_max_epi8(_mm256_packs_epi16(_mm256_adds_epi16(a, e->zero), _mm256_adds_epi16(b, e->zero)), e->low);
    const __m128i left = _mm256_castsi256_si128(bytes), right = _mm256_extracti128_si256(bytes, 1);
    if (e->channels == 16) {
        _mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi64(left, right));
        if (both) _mm_storeu_si128((__m128i *)(out + e->out_step), _mm_unpackhi_epi64(left, right));
    } else {
        li_avx2_store_some(out, _mm_unpacklo_epi64(left, right), e->channels);
        if (both) li_avx2_store_some(out + e->out_step, _mm_unpackhi_epi64(left, right), e->channels);
    }
}

/* Two pixels of 8 channels. */
LI_AVX2 static inline void li_avx2_finish8(const li_avx2_end *e, int8_t *out, __m256i a, __m256i b, int both)
{
    const __m256i words = _mm256_packs_epi32(li_avx2_scaled(a, e->multipliers[0], e->highest), li_avx2_scaled(b, e->multipliers[0], e->highest));
    const __m256i sums = _mm256_adds_epi16(words, e->zero), bytes = _mm256_max_epi8(_mm256_packs_epi16(sums, sums), e->low);
    const __m128i mixed = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    if (e->channels == 8) {
        _mm_storel_epi64((__m128i *)out, mixed);
        if (both) _mm_storel_epi64((__m128i *)(out + e->out_step), _mm_unpackhi_epi64(mixed, mixed));
    } else {
        li_avx2_store_some(out, mixed, e->channels);
        if (both) li_avx2_store_some(out + e->out_step, _mm_unpackhi_epi64(mixed, mixed), e->channels);
    }
}

#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 tiles of 256-bit registers, for AVX2 and AVX-VNNI: the order of lanes, and the end, from sums to bytes of two pixels.
 * li_x86_tile_s8.h makes the loops.
 */
#ifndef LI_AVX2_TILE_H
#define LI_AVX2_TILE_H

#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_x86_tile_s8.h"

#define LI_YMM_VECTOR __m256i
#define LI_YMM_LANES 8
#define LI_YMM_ZERO() _mm256_setzero_si256()
#define LI_YMM_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define LI_YMM_SET1(p) li_avx2_group(p)
#define LI_YMM_END li_avx2_end
#define LI_YMM_END_OF(multipliers, width, rescale, channels, out_step) li_avx2_end_of(multipliers, width, rescale, channels, out_step)
#define LI_YMM_FINISH2(e, out, a0, a1, b0, b1, both) li_avx2_finish16(e, out, a0, a1, b0, b1, both)
#define LI_YMM_FINISH1(e, out, a, b, both) li_avx2_finish8(e, out, a, b, both)
#define LI_YMM_STORE8(to, s0, s1, s2, s3, s4, s5, s6, s7) li_avx2_store8(to, s0, s1, s2, s3, s4, s5, s6, s7)

/* Two int16 elements and their weights: exact, two products of at most 2^14 each. */
#define LI_AVX2_PAIRS_ELEMENT int16_t
#define LI_AVX2_PAIRS_GROUP 2
#define LI_AVX2_PAIRS_WEIGHT int8_t
#define LI_AVX2_PAIRS_WIDE(p) li_avx2_widen16(p)
#define LI_AVX2_PAIRS_ADD(s, x, w) LI_PIN1(s); s = _mm256_add_epi32(s, _mm256_madd_epi16(x, w));

/* The same with weights packed as int16, which the loop takes as they are. */
#define LI_AVX2_WIDE_PAIRS_ELEMENT int16_t
#define LI_AVX2_WIDE_PAIRS_GROUP 2
#define LI_AVX2_WIDE_PAIRS_WEIGHT int16_t
#define LI_AVX2_WIDE_PAIRS_WIDE(p) LI_YMM_LOAD(p)
#define LI_AVX2_WIDE_PAIRS_ADD(s, x, w) LI_AVX2_PAIRS_ADD(s, x, w)

/* Lanes in this order come out of the packing instructions, which work in halves of 128 bits, in the natural one. */
static inline size_t li_avx2_lane(size_t width, size_t lane)
{
    const size_t quarter = lane / 4;
    return width == 16 && (quarter == 1 || quarter == 2) ? (3 - quarter) * 4 + lane % 4 : lane;
}

static inline size_t li_avx2_width(size_t channels)
{
    return channels <= 8 ? 8 : 16;
}

/* Up to 16 channels of a pixel. */
LI_AVX2 static inline __m128i li_avx2_load_some(const int8_t *p, size_t n)
{
    int8_t some[16] = { 0 };
    if (n == 16) return _mm_loadu_si128((const __m128i *)p);
    if (n == 8) return _mm_loadl_epi64((const __m128i *)p);
    li_copy(some, p, n);
    return _mm_loadu_si128((const __m128i *)some);
}

/* Elements as int16, of a convolution's image or a fully connected layer's row. */
void li_avx2_spread(void *to, const int8_t *x, size_t n);

/* Four bytes of activations in every lane. */
LI_AVX2 static inline __m256i li_avx2_group(const void *p)
{
    int32_t group;
    li_copy(&group, p, sizeof group);
    return _mm256_set1_epi32(group);
}

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

/* The sum of the lanes of each. */
LI_AVX2 static inline void li_avx2_store8(int32_t *sums, __m256i s0, __m256i s1, __m256i s2, __m256i s3, __m256i s4, __m256i s5,
                                          __m256i s6, __m256i s7)
{
    const __m256i low = _mm256_hadd_epi32(_mm256_hadd_epi32(s0, s1), _mm256_hadd_epi32(s2, s3));
    const __m256i high = _mm256_hadd_epi32(_mm256_hadd_epi32(s4, s5), _mm256_hadd_epi32(s6, s7));
    _mm256_storeu_si256((__m256i *)sums, _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                                                          _mm256_permute2x128_si256(low, high, 0x31)));
}

#endif

#endif

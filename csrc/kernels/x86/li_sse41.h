/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the SSE4.1 files share: 128-bit registers for the loops of li_x86_tile_s8.h, and the end, from sums to bytes. Functions
 * carry the instruction set themselves, so the files compile under any flags and run only where li_cpu.c found it.
 */
#ifndef LI_SSE41_H
#define LI_SSE41_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

#if LI_X86_KERNELS

#include <smmintrin.h>

#define LI_SSE41 LI_TARGET("sse4.1")

#define LI_XMM_VECTOR __m128i
#define LI_XMM_LANES 4
#define LI_XMM_ZERO() _mm_setzero_si128()
#define LI_XMM_LOAD(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define LI_XMM_SET1(p) li_sse41_group(p)
#define LI_XMM_END li_sse41_end
#define LI_XMM_END_OF(multipliers, width, rescale, channels, out_step) li_sse41_end_of(multipliers, width, rescale, channels, out_step)
#define LI_XMM_FINISH2(e, out, a0, a1, b0, b1, both) li_sse41_finish8(e, out, a0, a1, b0, b1, both)
#define LI_XMM_FINISH1(e, out, a, b, both) li_sse41_finish4(e, out, a, b, both)
#define LI_XMM_STORE8(to, s0, s1, s2, s3, s4, s5, s6, s7) li_sse41_store8(to, s0, s1, s2, s3, s4, s5, s6, s7)

/* Two int16 elements and their weights: exact, two products of at most 2^14 each. */
#define LI_SSE41_PAIRS_ELEMENT int16_t
#define LI_SSE41_PAIRS_GROUP 2
#define LI_SSE41_PAIRS_WEIGHT int8_t
#define LI_SSE41_PAIRS_WIDE(p) li_sse41_widen8(p)
#define LI_SSE41_PAIRS_ADD(s, x, w) s = _mm_add_epi32(s, _mm_madd_epi16(x, w));

LI_SSE41 static inline __m128i li_sse41_widen8(const void *p)
{
    return _mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)p));
}

/* Four bytes in every lane. */
LI_SSE41 static inline __m128i li_sse41_group(const void *p)
{
    int32_t group;
    li_copy(&group, p, sizeof group);
    return _mm_set1_epi32(group);
}

typedef struct li_sse41_end {
    __m128 multipliers[2], highest;      /* the limit before the zero point is added keeps the conversion in its range */
    __m128i zero, low;
    size_t channels, out_step;
} li_sse41_end;

LI_SSE41 static inline li_sse41_end li_sse41_end_of(const float *multipliers, size_t width, const li_rescale_s8 *rescale,
                                                    size_t channels, size_t out_step)
{
    li_sse41_end e;
    e.multipliers[0] = _mm_loadu_ps(multipliers);
    e.multipliers[1] = _mm_loadu_ps(multipliers + width - 4);
    e.highest = _mm_set1_ps((float)(rescale->high - rescale->out_zero));
    e.zero = _mm_set1_epi16((short)rescale->out_zero);
    e.low = _mm_set1_epi8((char)rescale->low);
    e.channels = channels;
    e.out_step = out_step;
    return e;
}

LI_SSE41 static inline __m128i li_sse41_scaled(__m128i sums, __m128 multipliers, __m128 highest)
{
    return _mm_cvtps_epi32(_mm_min_ps(_mm_mul_ps(_mm_cvtepi32_ps(sums), multipliers), highest));
}

LI_SSE41 static inline void li_sse41_store_some(int8_t *out, __m128i v, size_t n)
{
    int8_t bytes[16];
    _mm_storeu_si128((__m128i *)(void *)bytes, v);
    li_copy(out, bytes, n);
}

/* Two pixels of 8 channels; the second one is not stored when `both` is 0. */
LI_SSE41 static inline void li_sse41_finish8(const li_sse41_end *e, int8_t *out, __m128i a0, __m128i a1, __m128i b0, __m128i b1, int both)
{
    const __m128i a = _mm_packs_epi32(li_sse41_scaled(a0, e->multipliers[0], e->highest), li_sse41_scaled(a1, e->multipliers[1], e->highest));
    const __m128i b = _mm_packs_epi32(li_sse41_scaled(b0, e->multipliers[0], e->highest), li_sse41_scaled(b1, e->multipliers[1], e->highest));
    const __m128i bytes = _mm_max_epi8(_mm_packs_epi16(_mm_adds_epi16(a, e->zero), _mm_adds_epi16(b, e->zero)), e->low);
    if (e->channels == 8) {
        _mm_storel_epi64((__m128i *)(void *)out, bytes);
        if (both) _mm_storel_epi64((__m128i *)(void *)(out + e->out_step), _mm_unpackhi_epi64(bytes, bytes));
    } else {
        li_sse41_store_some(out, bytes, e->channels);
        if (both) li_sse41_store_some(out + e->out_step, _mm_unpackhi_epi64(bytes, bytes), e->channels);
    }
}

/* Two pixels of 4 channels. */
LI_SSE41 static inline void li_sse41_finish4(const li_sse41_end *e, int8_t *out, __m128i a, __m128i b, int both)
{
    const __m128i words = _mm_packs_epi32(li_sse41_scaled(a, e->multipliers[0], e->highest), li_sse41_scaled(b, e->multipliers[0], e->highest));
    const __m128i sums = _mm_adds_epi16(words, e->zero), bytes = _mm_max_epi8(_mm_packs_epi16(sums, sums), e->low);
    const int32_t first = _mm_cvtsi128_si32(bytes), second = _mm_extract_epi32(bytes, 1);
    if (e->channels == 4) {
        li_copy(out, &first, 4);
        if (both) li_copy(out + e->out_step, &second, 4);
    } else {
        li_copy(out, &first, e->channels);
        if (both) li_copy(out + e->out_step, &second, e->channels);
    }
}

LI_SSE41 static inline __m128i li_sse41_sum4(__m128i a, __m128i b, __m128i c, __m128i d)
{
    return _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
}

/* The sum of the lanes of each. */
LI_SSE41 static inline void li_sse41_store8(int32_t *sums, __m128i s0, __m128i s1, __m128i s2, __m128i s3, __m128i s4, __m128i s5,
                                            __m128i s6, __m128i s7)
{
    _mm_storeu_si128((__m128i *)(void *)sums, li_sse41_sum4(s0, s1, s2, s3));
    _mm_storeu_si128((__m128i *)(void *)(sums + 4), li_sse41_sum4(s4, s5, s6, s7));
}

/* Kernels by contract of li_kernels.h, in files of their own. */
void li_sse41_requantize_s8(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low,
                            int32_t high, size_t n);
extern const li_layer_kernels li_sse41_conv_s8, li_sse41_depthwise_s8, li_sse41_dense_s8;
extern const li_layer_kernels_f32 li_sse41_conv_f32;
void li_sse41_depthwise_f32(float *out, const float *x, const float *w, const float *bias, const li_layer_f32 *layer,
                            int32_t first, int32_t rows);
uint64_t li_sse41_peak(int32_t type, uint32_t rounds);

#endif

#endif

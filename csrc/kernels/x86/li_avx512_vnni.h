/* SPDX-License-Identifier: Apache-2.0 */
/* What the AVX-512 VNNI files share: the end, from sums to bytes of one pixel. */
#ifndef LI_AVX512_VNNI_H
#define LI_AVX512_VNNI_H

#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#define LI_VNNI LI_TARGET("avx512f,avx512bw,avx512vl,avx512vnni")

typedef struct li_vnni_end {
    __m512 highest;              /* the upper limit less the zero point */
    __m512i zero, low, order;    /* of int16, of int8, of packed quarters */
} li_vnni_end;

LI_VNNI static inline li_vnni_end li_vnni_end_of(const li_rescale_s8 *r)
{
    const li_vnni_end e = { _mm512_set1_ps((float)(r->high - r->out_zero)), _mm512_set1_epi16((short)r->out_zero),
                            _mm512_set1_epi8((char)r->low),
                            _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0) };
    return e;
}

/* Rounded to even. What is below int32's range becomes its least number, as it should; above it the limit comes first. */
LI_VNNI static inline __m512i li_vnni_scale(const li_vnni_end *e, __m512i sums, __m512 multipliers)
{
    return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), multipliers), e->highest));
}

/* The bytes of four vectors of scaled sums, one behind the other. Saturation on the way changes nothing: it keeps order,
   and the limits lie within int8. */
LI_VNNI static inline __m512i li_vnni_bytes(const li_vnni_end *e, __m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), e->zero), cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), e->zero);
    return _mm512_permutexvar_epi32(e->order, _mm512_max_epi8(_mm512_packs_epi16(ab, cd), e->low));
}

/* Stores without a mask are taken where they can be: masked ones of bytes are slow on some processors. */
LI_VNNI static inline void li_vnni_store16(int8_t *out, __m128i bytes, __mmask16 mask)
{
    if (mask == 0xffff) _mm_storeu_si128((__m128i *)(void *)out, bytes);
    else _mm_mask_storeu_epi8(out, mask, bytes);
}

/* Up to four pixels of 16 channels, `step` apart. */
LI_VNNI static inline void li_vnni_store_pixels(int8_t *out, size_t step, __m512i bytes, __mmask16 mask, size_t count)
{
    li_vnni_store16(out, _mm512_castsi512_si128(bytes), mask);
    if (count > 1) li_vnni_store16(out + step, _mm512_extracti32x4_epi32(bytes, 1), mask);
    if (count > 2) li_vnni_store16(out + 2 * step, _mm512_extracti32x4_epi32(bytes, 2), mask);
    if (count > 3) li_vnni_store16(out + 3 * step, _mm512_extracti32x4_epi32(bytes, 3), mask);
}

/* Which of the 16 channels from lane 16 b on are stored. */
static inline __mmask16 li_vnni_mask(size_t channels, size_t b)
{
    return channels >= 16 * b + 16 ? (__mmask16)0xffff : channels <= 16 * b ? (__mmask16)0 : (__mmask16)(0xffffu >> (16 * b + 16 - channels));
}

#endif

#endif

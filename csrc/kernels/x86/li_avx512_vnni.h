/* SPDX-License-Identifier: Apache-2.0 */
/* What the AVX-512 VNNI files share: the end, from sums to bytes of one pixel. */
#ifndef LI_AVX512_VNNI_H
#define LI_AVX512_VNNI_H

#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#define LI_VNNI LI_TARGET("avx512f,avx512bw,avx512vl,avx512vnni")

typedef struct li_vnni_end {
    __m512 lowest, highest;      /* before the zero point is added: they keep the conversion in its range */
    __m512i zero;
} li_vnni_end;

LI_VNNI static inline li_vnni_end li_vnni_end_of(const li_rescale_s8 *r)
{
    const li_vnni_end e = { _mm512_set1_ps((float)(r->low - r->out_zero)), _mm512_set1_ps((float)(r->high - r->out_zero)),
                            _mm512_set1_epi32(r->out_zero) };
    return e;
}

/* 16 channels of a pixel, the first ones as the mask says. */
LI_VNNI static inline void li_vnni_finish(const li_vnni_end *e, int8_t *out, __m512i sums, __m512 multipliers, __mmask16 mask)
{
    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), multipliers);
    const __m512i q = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(scaled, e->lowest), e->highest));
    _mm512_mask_cvtepi32_storeu_epi8(out, mask, _mm512_add_epi32(q, e->zero));
}

/* Which of the 16 channels from lane 16 b on are stored. */
static inline __mmask16 li_vnni_mask(size_t channels, size_t b)
{
    return channels >= 16 * b + 16 ? (__mmask16)0xffff : channels <= 16 * b ? (__mmask16)0 : (__mmask16)(0xffffu >> (16 * b + 16 - channels));
}

#endif

#endif

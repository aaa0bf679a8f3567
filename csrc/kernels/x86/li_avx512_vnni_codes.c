/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX-512 kernels on int8 codes by themselves: tables on 64 codes at a time, interpolation on 16 channels, both as in
 * li_avx2_codes.c, which takes what is shorter.
 */
#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#include "li_avx512_vnni.h"

/* ---- tables ---- */

LI_VNNI static inline __m512i li_vnni_step(const int8_t *table, size_t k)
{
    const __m128i entries = _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * k));
    const __m128i before = k % 8 == 0 ? _mm_setzero_si128() : _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * k - 16));
    return _mm512_broadcast_i32x4(_mm_xor_si128(entries, before));
}

LI_VNNI void li_vnni_look_up_s8(int8_t *out, const int8_t *x, const int8_t *table, size_t n)
{
    const __m512i sixteen = _mm512_set1_epi8(16), sign = _mm512_set1_epi8(-128);
    __m512i steps[16];
    size_t i = 0, k;
    for (k = 0; k < 16 && n >= 64; ++k) steps[k] = li_vnni_step(table, k);
    for (; i + 64 <= n; i += 64) {
        __m512i code = _mm512_loadu_si512(x + i), low = _mm512_xor_si512(code, sign);
        __m512i found = _mm512_xor_si512(_mm512_shuffle_epi8(steps[0], low), _mm512_shuffle_epi8(steps[8], code));
        for (k = 1; k < 8; ++k) {
            low = _mm512_subs_epi8(low, sixteen);
            code = _mm512_subs_epi8(code, sixteen);
            found = _mm512_ternarylogic_epi32(found, _mm512_shuffle_epi8(steps[k], low), _mm512_shuffle_epi8(steps[8 + k], code), 0x96);
        }
        _mm512_storeu_si512(out + i, found);
    }
    if (i < n) li_avx2_look_up_s8(out + i, x + i, table, n - i);
}

/* ---- interpolation ---- */

/* left * (2048 - across) + right * across of 16 channels. */
LI_VNNI static inline __m512i li_vnni_both_sides(const int8_t *left, size_t apart, __m512i across)
{
    const __m128i l = _mm_loadu_si128((const __m128i *)(const void *)left), r = _mm_loadu_si128((const __m128i *)(const void *)(left + apart));
    const __m256i both = _mm256_set_m128i(_mm_unpackhi_epi8(l, r), _mm_unpacklo_epi8(l, r));
    return _mm512_madd_epi16(_mm512_cvtepi8_epi16(both), across);
}

LI_VNNI void li_vnni_blend_s8(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down, const li_blend_point *columns,
                              size_t pixels, size_t channels, size_t apart)
{
    const __m512i lower = _mm512_set1_epi32(down), half = _mm512_set1_epi32(1 << 21);
    size_t i, c;
    if (channels < 16) {
        li_avx2_blend_s8(out, top, bottom, down, columns, pixels, channels, apart);
        return;
    }
    for (i = 0; i < pixels; ++i, out += channels) {
        const __m512i across = _mm512_set1_epi32(columns[i].weight * 65535 + 2048);      /* 2048 - weight and weight, as words */
        const size_t left = (size_t)columns[i].low * channels;
        for (c = 0; c < channels; c = c + 16 < channels && c + 32 > channels ? channels - 16 : c + 16) {
            const __m512i above = li_vnni_both_sides(top + left + c, apart, across);
            const __m512i below = li_vnni_both_sides(bottom + left + c, apart, across);
            const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(above, 11), _mm512_mullo_epi32(_mm512_sub_epi32(below, above), lower));
            _mm_storeu_si128((__m128i *)(void *)(out + c), _mm512_cvtepi32_epi8(_mm512_srai_epi32(_mm512_add_epi32(sum, half), 22)));
        }
    }
}

#else
typedef int li_avx512_vnni_codes_are_left_out;      /* an empty translation unit is not C */
#endif

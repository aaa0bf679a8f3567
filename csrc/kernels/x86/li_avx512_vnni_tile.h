/* SPDX-License-Identifier: Apache-2.0 */
/* What the AVX-512 VNNI loops over pixels by channels share: registers of sums s(pixel)(vector of 16 channels), by macros, since
   arrays of them would stay in memory. */
#ifndef LI_AVX512_VNNI_TILE_H
#define LI_AVX512_VNNI_TILE_H

#include "li_avx512_vnni.h"

#if LI_HAS_AVX512_VNNI

#include "li_x86_conv.h"

LI_VNNI static inline __m512i li_vnni_group(const uint8_t *p)
{
    int32_t four;
    li_copy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}

/* M(pixel, b) for each of the first 1 to 4 vectors of 16 channels. */
#define LI_VNNI_EACH1(M, i) M(i, 0)
#define LI_VNNI_EACH2(M, i) M(i, 0) M(i, 1)
#define LI_VNNI_EACH3(M, i) M(i, 0) M(i, 1) M(i, 2)
#define LI_VNNI_EACH4(M, i) M(i, 0) M(i, 1) M(i, 2) M(i, 3)

#define LI_VNNI_CHANNELS(i, b)                                                                                         \
    const __m512i bias##b = _mm512_loadu_si512(p->bias + 16 * b);                                                      \
    const __m512 multipliers##b = _mm512_loadu_ps(p->multipliers + 16 * b);
#define LI_VNNI_START(i, b) __m512i s##i##b = bias##b;
#define LI_VNNI_CLEAR(i, b) __m512i s##i##b = _mm512_setzero_si512();
#define LI_VNNI_WEIGHTS(i, b) const __m512i w##b = _mm512_loadu_si512(w + 64 * b);
#define LI_VNNI_STEP(i, b) s##i##b = _mm512_dpbusd_epi32(s##i##b, x, w##b); __asm__("" : "+v"(s##i##b));
#define LI_VNNI_SCALE(i, b) const __m512i q##i##b = li_vnni_scale(&e, s##i##b, multipliers##b);
#define LI_VNNI_PIXEL(EACH, i) { const __m512i x = li_vnni_group(p##i + k); EACH(LI_VNNI_STEP, i) }

/* The bytes of a pixel's 16 b channels, and their store; `e`, `p` and `zeros` are at hand. */
#define LI_VNNI_BYTES2(i) li_vnni_bytes(&e, q##i##0, q##i##1, zeros, zeros)
#define LI_VNNI_BYTES3(i) li_vnni_bytes(&e, q##i##0, q##i##1, q##i##2, zeros)
#define LI_VNNI_BYTES4(i) li_vnni_bytes(&e, q##i##0, q##i##1, q##i##2, q##i##3)
#define LI_VNNI_FINISH(EACH, BYTES, i) { EACH(LI_VNNI_SCALE, i) li_vnni_store(out, BYTES(i), p->channels); }

LI_VNNI static inline void li_vnni_store(int8_t *out, __m512i bytes, size_t channels)
{
    if (channels == 64) _mm512_storeu_si512(out, bytes);
    else if (channels == 32) _mm256_storeu_si256((__m256i *)(void *)out, _mm512_castsi512_si256(bytes));
    else _mm512_mask_storeu_epi8(out, ~(__mmask64)0 >> (64 - channels), bytes);
}

/* Signed bytes to unsigned ones, x + 128. */
void li_vnni_spread(void *to, const int8_t *x, size_t n);
/* A panel of one pixel: li_avx512_vnni_dense.c. */
void li_vnni_single(const li_x86_panel *panel);
/* 16 channels of runs of 16 pixels or more under a filter of three columns: li_avx512_vnni_taps.c. */
void li_vnni_taps(const li_x86_panel *panel);

extern const li_x86_tiles li_vnni_tiles;

#endif

#endif

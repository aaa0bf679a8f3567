/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The most products and sums that a core can do with a set's instructions: twelve independent sums in registers, nothing
 * loaded or stored. What a loop reaches of it is measured by whoever has a clock; see li_peak in liteinterp.h.
 *
 * int8 counts exact sums of products: on AVX2 vpmaddwd and vpaddd on elements widened before, 16 products a pair, on SSE4.1 8; with VNNI
 * vpdpbusd, 32 products in 256 bits and 64 in 512. float32 counts products and sums, fused but on SSE4.1.
 */
#include "li_avx2.h"
#include "li_sse41.h"

#if LI_X86_KERNELS

#include "liteinterp.h"

enum { LI_PEAK_SUMS = 12 };

/* Twelve steps on sums of their own. */
#define LI_PEAK_ROUND(step) \
    step(s0) step(s1) step(s2) step(s3) step(s4) step(s5) step(s6) step(s7) step(s8) step(s9) step(s10) step(s11)

/* As if something had written a register, or read it: nothing is computed ahead of its turn, or left out. */
#define LI_PEAK_TOUCH(v) __asm__ volatile("" : "+x"(v));

#define LI_PEAK_SUMS_OF(type, zero) \
    type s0 = zero, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, s9 = s0, s10 = s0, s11 = s0

#define LI_PEAK_MADD128(s) \
    LI_PEAK_TOUCH(x)       \
    s = _mm_add_epi32(s, _mm_madd_epi16(x, w));

LI_SSE41 static void li_sse41_peak_s8(uint32_t rounds)
{
    __m128i x = _mm_set1_epi16(3);
    const __m128i w = _mm_set1_epi16(-2);
    LI_PEAK_SUMS_OF(__m128i, _mm_setzero_si128());
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
    for (; rounds != 0; rounds--) {
        LI_PEAK_ROUND(LI_PEAK_MADD128)
    }
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
}

#define LI_PEAK_MUL128(s) \
    LI_PEAK_TOUCH(x)      \
    s = _mm_add_ps(s, _mm_mul_ps(x, w));

LI_SSE41 static void li_sse41_peak_f32(uint32_t rounds)
{
    __m128 x = _mm_set1_ps(0.5f);
    const __m128 w = _mm_set1_ps(0.25f);
    LI_PEAK_SUMS_OF(__m128, _mm_setzero_ps());
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
    for (; rounds != 0; rounds--) {
        LI_PEAK_ROUND(LI_PEAK_MUL128)
    }
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
}

uint64_t li_sse41_peak(int32_t type, uint32_t rounds)
{
    if (type == LI_INT8) li_sse41_peak_s8(rounds);
    else if (type == LI_FLOAT32) li_sse41_peak_f32(rounds);
    else return 0;
    return (uint64_t)rounds * LI_PEAK_SUMS * (type == LI_INT8 ? 8 : 4);
}

#if LI_HAS_AVX2

#define LI_PEAK_MADD(s)  \
    LI_PEAK_TOUCH(x)     \
    s = _mm256_add_epi32(s, _mm256_madd_epi16(x, w));

LI_AVX2 static void li_avx2_peak_s8(uint32_t rounds)
{
    __m256i x = _mm256_set1_epi16(3);
    const __m256i w = _mm256_set1_epi16(-2);
    LI_PEAK_SUMS_OF(__m256i, _mm256_setzero_si256());
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
    for (; rounds != 0; rounds--) {
        LI_PEAK_ROUND(LI_PEAK_MADD)
    }
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
}

#define LI_PEAK_FMA(s) s = _mm256_fmadd_ps(x, w, s);

LI_TARGET("avx2,fma") static void li_avx2_peak_f32(uint32_t rounds)
{
    __m256 x = _mm256_set1_ps(0.5f), w = _mm256_set1_ps(0.25f);
    LI_PEAK_SUMS_OF(__m256, _mm256_setzero_ps());
    LI_PEAK_TOUCH(x)
    LI_PEAK_TOUCH(w)
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
    for (; rounds != 0; rounds--) {
        LI_PEAK_ROUND(LI_PEAK_FMA)
        LI_PEAK_TOUCH(w)
    }
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
}

uint64_t li_avx2_peak(int32_t type, uint32_t rounds)
{
    if (type == LI_INT8) li_avx2_peak_s8(rounds);
    else if (type == LI_FLOAT32) li_avx2_peak_f32(rounds);
    else return 0;
    return (uint64_t)rounds * LI_PEAK_SUMS * (type == LI_INT8 ? 16 : 8);
}

#endif

#if LI_HAS_AVX_VNNI

#define LI_PEAK_DOT256(s) s = _mm256_dpbusd_avx_epi32(s, x, w);

LI_TARGET("avx2,avxvnni") static void li_avx_vnni_peak_s8(uint32_t rounds)
{
    __m256i x = _mm256_set1_epi8(3), w = _mm256_set1_epi8(-2);
    LI_PEAK_SUMS_OF(__m256i, _mm256_setzero_si256());
    LI_PEAK_TOUCH(x)
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
    for (; rounds != 0; rounds--) {
        LI_PEAK_ROUND(LI_PEAK_DOT256)
        LI_PEAK_TOUCH(w)
    }
    LI_PEAK_ROUND(LI_PEAK_TOUCH)
}

uint64_t li_avx_vnni_peak(int32_t type, uint32_t rounds)
{
    if (type != LI_INT8) return li_avx2_peak(type, rounds);
    li_avx_vnni_peak_s8(rounds);
    return (uint64_t)rounds * LI_PEAK_SUMS * 32;
}
#endif

#if LI_HAS_AVX512_VNNI

/* Twelve sums in zmm registers: "v" allows the upper sixteen. */
#define LI_PEAK_TOUCH512(v) __asm__ volatile("" : "+v"(v));
#define LI_PEAK_DOT(s) s = _mm512_dpbusd_epi32(s, x, w);

LI_TARGET("avx512f,avx512vnni") static void li_avx512_vnni_peak_s8(uint32_t rounds)
{
    __m512i x = _mm512_set1_epi8(3), w = _mm512_set1_epi8(-2);
    LI_PEAK_SUMS_OF(__m512i, _mm512_setzero_si512());
    LI_PEAK_TOUCH512(x)
    LI_PEAK_ROUND(LI_PEAK_TOUCH512)
    for (; rounds != 0; rounds--) {
        LI_PEAK_ROUND(LI_PEAK_DOT)
        LI_PEAK_TOUCH512(w)
    }
    LI_PEAK_ROUND(LI_PEAK_TOUCH512)
}

#define LI_PEAK_FMA512(s) s = _mm512_fmadd_ps(x, w, s);

LI_TARGET("avx512f") static void li_avx512_vnni_peak_f32(uint32_t rounds)
{
    __m512 x = _mm512_set1_ps(0.5f), w = _mm512_set1_ps(0.25f);
    LI_PEAK_SUMS_OF(__m512, _mm512_setzero_ps());
    LI_PEAK_TOUCH512(x)
    LI_PEAK_ROUND(LI_PEAK_TOUCH512)
    for (; rounds != 0; rounds--) {
        LI_PEAK_ROUND(LI_PEAK_FMA512)
        LI_PEAK_TOUCH512(w)
    }
    LI_PEAK_ROUND(LI_PEAK_TOUCH512)
}

uint64_t li_avx512_vnni_peak(int32_t type, uint32_t rounds)
{
    if (type == LI_INT8) li_avx512_vnni_peak_s8(rounds);
    else if (type == LI_FLOAT32) li_avx512_vnni_peak_f32(rounds);
    else return 0;
    return (uint64_t)rounds * LI_PEAK_SUMS * (type == LI_INT8 ? 64 : 16);
}
#endif

#else
typedef int li_x86_peak_is_left_out;      /* an empty translation unit is not C */
#endif

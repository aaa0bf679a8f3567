/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX2 kernels between int8 codes and other numbers: float32 to int8 and back, tables, exponentials of one row, interpolation.
 *
 * Interpolation has eight sums in a step: left and right elements are interleaved, so that a product of pairs goes along
 * the row and one 32-bit product down. They are eight channels of a pixel, the last of them over channels that are done; or as
 * many pixels of 1, 2 or 4 channels, which lie beside their neighbours; or one pixel of fewer than eight.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "../../src/li_requantize.h"

/* Eight words of 32 bits within int16 as bytes, saturated. */
LI_AVX2 static inline __m128i li_avx2_bytes8(__m256i q)
{
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    return _mm_packs_epi16(words, words);
}

/* ---- float32 to int8 and back ---- */

/* NaN becomes 0 before the limits, which 0 may lie outside of. */
LI_AVX2 static inline __m256i li_avx2_quantize8(const float *x, __m256 inverse, __m256 low, __m256 high, __m256i zero)
{
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x), inverse);
    const __m256 number = _mm256_and_ps(scaled, _mm256_cmp_ps(scaled, scaled, _CMP_ORD_Q));
    return _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(number, low), high)), zero);     /* rounds to even */
}

LI_AVX2 void li_avx2_quantize_s8(int8_t *out, const float *x, float inverse, int32_t zero_point, int32_t low, int32_t high, size_t n)
{
    const __m256 factor = _mm256_set1_ps(inverse);
    const __m256 lowest = _mm256_set1_ps((float)(low - zero_point)), highest = _mm256_set1_ps((float)(high - zero_point));
    const __m256i zero = _mm256_set1_epi32(zero_point), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        const __m256i a = li_avx2_quantize8(x + i, factor, lowest, highest, zero);
        const __m256i b = li_avx2_quantize8(x + i + 8, factor, lowest, highest, zero);
        const __m256i c = li_avx2_quantize8(x + i + 16, factor, lowest, highest, zero);
        const __m256i d = li_avx2_quantize8(x + i + 24, factor, lowest, highest, zero);
        const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_permutevar8x32_epi32(bytes, order));
    }
    for (; i + 8 <= n; i += 8)
        _mm_storel_epi64((__m128i *)(out + i), li_avx2_bytes8(li_avx2_quantize8(x + i, factor, lowest, highest, zero)));
    for (; i < n; ++i) {
        const float scaled = x[i] * inverse;
        out[i] = (int8_t)li_quantize(scaled, zero_point, low, high);
    }
}

LI_AVX2 void li_avx2_dequantize_s8(float *out, const int8_t *x, int32_t zero_point, float scale, size_t n)
{
    const __m256i zero = _mm256_set1_epi32(zero_point);
    const __m256 factor = _mm256_set1_ps(scale);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256i apart = _mm256_sub_epi32(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(x + i))), zero);
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_cvtepi32_ps(apart), factor));
    }
    for (; i < n; ++i) out[i] = (float)(x[i] - zero_point) * scale;
}

/* ---- tables ---- */

/* A shuffle looks up 16 entries by the lower half of a byte, and gives 0 where its highest bit is set. Codes of one sign at a
   time, lowered by 16 from step to step with saturation, have that bit once they are below a step's entries; so what has been
   added up by exclusive or is the code's own entry where each step holds what its entries differ by from those before. Codes of the
   other sign are 0 throughout. */
LI_AVX2 static void li_avx2_table(__m256i *steps, const int8_t *table)
{
    size_t k;
    for (k = 0; k < 16; ++k) {
        const __m128i entries = _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * k));
        const __m128i before = k % 8 == 0 ? _mm_setzero_si128() : _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * k - 16));
        steps[k] = _mm256_broadcastsi128_si256(_mm_xor_si128(entries, before));
    }
}

LI_AVX2 static inline __m256i li_avx2_look_up32(const __m256i *steps, __m256i code)
{
    const __m256i sixteen = _mm256_set1_epi8(16);
    __m256i low = _mm256_xor_si256(code, _mm256_set1_epi8(-128)), found = _mm256_shuffle_epi8(steps[0], low);
    size_t k;
    found = _mm256_xor_si256(found, _mm256_shuffle_epi8(steps[8], code));
    for (k = 1; k < 8; ++k) {
        low = _mm256_subs_epi8(low, sixteen);
        code = _mm256_subs_epi8(code, sixteen);
        found = _mm256_xor_si256(found, _mm256_shuffle_epi8(steps[k], low));
        found = _mm256_xor_si256(found, _mm256_shuffle_epi8(steps[8 + k], code));
    }
    return found;
}

LI_AVX2 void li_avx2_look_up_s8(int8_t *out, const int8_t *x, const int8_t *table, size_t n)
{
    __m256i steps[16];
    size_t i = 0;
    if (n >= 32) li_avx2_table(steps, table);
    for (; i + 32 <= n; i += 32)
        _mm256_storeu_si256((__m256i *)(out + i), li_avx2_look_up32(steps, _mm256_loadu_si256((const __m256i *)(x + i))));
    for (; i < n; ++i) out[i] = table[x[i] + 128];
}

/* ---- exponentials of one row ---- */

LI_AVX2 static inline int32_t li_avx2_largest(const int8_t *x, size_t n)
{
    __m128i most = _mm_set1_epi8(-128);
    int32_t largest;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) most = _mm_max_epi8(most, _mm_loadu_si128((const __m128i *)(x + i)));
    most = _mm_max_epi8(most, _mm_srli_si128(most, 8));
    most = _mm_max_epi8(most, _mm_srli_si128(most, 4));
    most = _mm_max_epi8(most, _mm_srli_si128(most, 2));
    most = _mm_max_epi8(most, _mm_srli_si128(most, 1));
    largest = (int8_t)_mm_cvtsi128_si32(most);
    for (; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
    return largest;
}

/* The powers' sum is in order, one by one; what they become is not. Of 0 times infinity, NaN, the lowest code remains. */
LI_AVX2 void li_avx2_softmax_s8(int8_t *out, const int8_t *x, const float *powers, float scale, int32_t zero_point, size_t n)
{
    const int32_t largest = li_avx2_largest(x, n);
    const __m256i zero = _mm256_set1_epi32(zero_point), most = _mm256_set1_epi32(largest);
    float sum = 0.0f, factor;
    size_t i;
    for (i = 0; i < n; ++i) sum += powers[largest - x[i]];
    factor = 1.0f / (sum * scale);
    for (i = 0; i < n; i = i + 8 < n && i + 16 > n ? n - 8 : i + 8) {        /* n >= 8; the last eight begin early */
        const __m256i apart = _mm256_sub_epi32(most, _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(x + i))));
        const __m256 scaled = _mm256_mul_ps(_mm256_i32gather_ps(powers, apart, 4), _mm256_set1_ps(factor));
        const __m256 below = _mm256_blendv_ps(_mm256_min_ps(scaled, _mm256_set1_ps(256.0f)), _mm256_set1_ps(-256.0f),
                                              _mm256_cmp_ps(scaled, scaled, _CMP_UNORD_Q));
        const __m256i whole = _mm256_cvttps_epi32(below);
        const __m256 up = _mm256_cmp_ps(_mm256_sub_ps(below, _mm256_cvtepi32_ps(whole)), _mm256_set1_ps(0.5f), _CMP_GE_OQ);
        const __m256i q = _mm256_add_epi32(_mm256_sub_epi32(whole, _mm256_castps_si256(up)), zero);
        _mm_storel_epi64((__m128i *)(out + i), li_avx2_bytes8(q));
    }
}

/* ---- interpolation ---- */

/* Sixteen bytes, left and right in turn, of the row above and the one below; the weights of both sides in each 32 bits. */
LI_AVX2 static inline __m128i li_avx2_blend8(__m128i top, __m128i bottom, __m256i across, __m256i down)
{
    const __m256i above = _mm256_madd_epi16(_mm256_cvtepi8_epi16(top), across);
    const __m256i below = _mm256_madd_epi16(_mm256_cvtepi8_epi16(bottom), across);
    const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(above, 11), _mm256_mullo_epi32(_mm256_sub_epi32(below, above), down));
    return li_avx2_bytes8(_mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << 21)), 22));
}

/* left * (2048 - across) + right * across, the weights as two words. */
LI_INLINE int32_t li_blend_weights(int32_t across)
{
    return across * 65535 + 2048;
}

LI_AVX2 static inline __m128i li_avx2_both_sides(const int8_t *left, size_t apart)
{
    return _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)left), _mm_loadl_epi64((const __m128i *)(left + apart)));
}

LI_AVX2 static void li_avx2_blend_wide(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down, const li_blend_point *columns,
                                       size_t pixels, size_t channels, size_t apart)
{
    const __m256i lower = _mm256_set1_epi32(down);
    size_t i, c;
    for (i = 0; i < pixels; ++i, out += channels) {
        const __m256i across = _mm256_set1_epi32(li_blend_weights(columns[i].weight));
        const size_t left = (size_t)columns[i].low * channels;
        for (c = 0; c < channels; c = c + 8 < channels && c + 16 > channels ? channels - 8 : c + 8)
            _mm_storel_epi64((__m128i *)(out + c), li_avx2_blend8(li_avx2_both_sides(top + left + c, apart),
                                                                  li_avx2_both_sides(bottom + left + c, apart), across, lower));
    }
}

LI_INLINE int64_t li_blend_load8(const int8_t *p)
{
    int64_t value;
    li_copy(&value, p, sizeof value);
    return value;
}

LI_INLINE int32_t li_blend_load4(const int8_t *p)
{
    int32_t value;
    li_copy(&value, p, sizeof value);
    return value;
}

LI_INLINE int16_t li_blend_load2(const int8_t *p)
{
    int16_t value;
    li_copy(&value, p, sizeof value);
    return value;
}

/* As many pixels as give eight sums, each a unit, beside the next one. */
LI_AVX2 LI_INLINE __m128i li_avx2_whole_sides(const int8_t *row, const li_blend_point *p, size_t unit)
{
#define LI_LEFT(i) (row + (size_t)p[i].low * unit)
    if (unit == 4) return _mm_set_epi64x(li_blend_load8(LI_LEFT(1)), li_blend_load8(LI_LEFT(0)));
    if (unit == 2)
        return _mm_setr_epi32(li_blend_load4(LI_LEFT(0)), li_blend_load4(LI_LEFT(1)), li_blend_load4(LI_LEFT(2)),
                              li_blend_load4(LI_LEFT(3)));
    return _mm_setr_epi16(li_blend_load2(LI_LEFT(0)), li_blend_load2(LI_LEFT(1)), li_blend_load2(LI_LEFT(2)), li_blend_load2(LI_LEFT(3)),
                          li_blend_load2(LI_LEFT(4)), li_blend_load2(LI_LEFT(5)), li_blend_load2(LI_LEFT(6)), li_blend_load2(LI_LEFT(7)));
#undef LI_LEFT
}

LI_AVX2 LI_INLINE __m256i li_avx2_whole_weights(const li_blend_point *p, size_t unit)
{
#define LI_WEIGHTS(i) li_blend_weights(p[i].weight)
    if (unit == 4) return _mm256_set_m128i(_mm_set1_epi32(LI_WEIGHTS(1)), _mm_set1_epi32(LI_WEIGHTS(0)));
    if (unit == 2) {
        const __m128i each = _mm_setr_epi32(LI_WEIGHTS(0), LI_WEIGHTS(1), LI_WEIGHTS(2), LI_WEIGHTS(3));
        return _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(each), _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
    }
    return _mm256_setr_epi32(LI_WEIGHTS(0), LI_WEIGHTS(1), LI_WEIGHTS(2), LI_WEIGHTS(3), LI_WEIGHTS(4), LI_WEIGHTS(5), LI_WEIGHTS(6),
                             LI_WEIGHTS(7));
#undef LI_WEIGHTS
}

/* Pixels of 1, 2 or 4 channels, `unit`, a constant; answers how many are done. */
LI_AVX2 LI_INLINE size_t li_avx2_blend_whole(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down,
                                             const li_blend_point *columns, size_t pixels, size_t unit)
{
    const __m128i turns = unit == 1 ? _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
                        : unit == 2 ? _mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15)
                                    : _mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    const __m256i lower = _mm256_set1_epi32(down);
    size_t i;
    for (i = 0; i + 8 / unit <= pixels; i += 8 / unit)
        _mm_storel_epi64((__m128i *)(out + i * unit),
                         li_avx2_blend8(_mm_shuffle_epi8(li_avx2_whole_sides(top, columns + i, unit), turns),
                                        _mm_shuffle_epi8(li_avx2_whole_sides(bottom, columns + i, unit), turns),
                                        li_avx2_whole_weights(columns + i, unit), lower));
    return i;
}

/* A pixel of fewer than eight channels: its first four (two, one) and its last ones, which may be some of them again. */
LI_AVX2 LI_INLINE __m128i li_avx2_pixel(const int8_t *p, size_t channels)
{
    if (channels >= 4) return _mm_setr_epi32(li_blend_load4(p), li_blend_load4(p + channels - 4), 0, 0);
    if (channels >= 2) return _mm_setr_epi16(li_blend_load2(p), li_blend_load2(p + channels - 2), 0, 0, 0, 0, 0, 0);
    return _mm_cvtsi32_si128(p[0]);
}

LI_AVX2 static void li_avx2_blend_narrow(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down, const li_blend_point *columns,
                                         size_t pixels, size_t channels, size_t apart)
{
    const size_t unit = channels >= 4 ? 4 : channels >= 2 ? 2 : 1;
    const __m256i lower = _mm256_set1_epi32(down);
    size_t i = 0;
    if (channels == unit && apart == unit)
        i = unit == 4 ? li_avx2_blend_whole(out, top, bottom, down, columns, pixels, 4)
          : unit == 2 ? li_avx2_blend_whole(out, top, bottom, down, columns, pixels, 2)
                      : li_avx2_blend_whole(out, top, bottom, down, columns, pixels, 1);
    for (; i < pixels; ++i) {
        const __m256i across = _mm256_set1_epi32(li_blend_weights(columns[i].weight));
        const size_t left = (size_t)columns[i].low * channels, right = left + apart;
        const __m128i above = _mm_unpacklo_epi8(li_avx2_pixel(top + left, channels), li_avx2_pixel(top + right, channels));
        const __m128i below = _mm_unpacklo_epi8(li_avx2_pixel(bottom + left, channels), li_avx2_pixel(bottom + right, channels));
        int8_t codes[8];
        _mm_storel_epi64((__m128i *)codes, li_avx2_blend8(above, below, across, lower));
        if (unit == 4) li_copy(out + i * channels, codes, 4);
        else if (unit == 2) li_copy(out + i * channels, codes, 2);
        else out[i] = codes[0];
        if (unit == 4) li_copy(out + (i + 1) * channels - 4, codes + 4, 4);
        else if (unit == 2) li_copy(out + (i + 1) * channels - 2, codes + 2, 2);
    }
}

LI_AVX2 void li_avx2_blend_s8(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down, const li_blend_point *columns,
                              size_t pixels, size_t channels, size_t apart)
{
    if (channels >= 8) li_avx2_blend_wide(out, top, bottom, down, columns, pixels, channels, apart);
    else li_avx2_blend_narrow(out, top, bottom, down, columns, pixels, channels, apart);
}

#else
typedef int li_avx2_codes_are_left_out;      /* an empty translation unit is not C */
#endif

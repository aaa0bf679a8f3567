/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the AVX2 files share. Functions carry the instruction set themselves, so the files compile under any flags and
 * run only where li_cpu.c found AVX2 and FMA. FMA is enabled only in the fast float layers: elsewhere a product and a sum
 * are two roundings.
 */
#ifndef LI_AVX2_H
#define LI_AVX2_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

#if LI_X86_KERNELS && !defined(LI_WITHOUT_AVX2)
#define LI_HAS_AVX2 1

#include <immintrin.h>

#define LI_AVX2 LI_TARGET("avx2")

LI_AVX2 static inline __m256i li_avx2_widen16(const void *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}

LI_AVX2 static inline __m128i li_avx2_widen8(const void *p)
{
    return _mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)p));
}

/* Kernels by contract of li_kernels.h, in files of their own. */
void li_avx2_requantize_s8(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low,
                           int32_t high, size_t n);
void li_avx2_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *sum, size_t n);
void li_avx2_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, size_t stride, size_t n, size_t channels);
void li_avx2_taps_s16(int64_t *sums, const int16_t *x, const int8_t *w, const li_tap_grid *grid, size_t n);
void li_avx2_max_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n);
void li_avx2_sums_s8(int32_t *sums, const int8_t *x, const li_tap_grid *grid, size_t n);
void li_avx2_average_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n);

void li_avx2_pair_f32(int32_t operation, float *out, const float *a, size_t step_a, const float *b, size_t step_b, float low,
                      float high, size_t n);
void li_avx2_limit_f32(float *out, const float *x, float low, float high, size_t n);
void li_avx2_average_f32(float *out, const float *x, const li_tap_grid *grid, float low, float high, size_t n);
void li_avx2_max_f32(float *out, const float *x, const li_tap_grid *grid, float low, float high, size_t n);
void li_avx2_blend_f32(float *out, const float *const corners[4], float across, float down, size_t n);

void li_avx2_blend_s8(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down, const li_blend_point *columns, size_t pixels,
                      size_t channels, size_t apart);
void li_avx2_quantize_s8(int8_t *out, const float *x, float inverse, int32_t zero_point, int32_t low, int32_t high, size_t n);
void li_avx2_mul_s8(int8_t *out, const int8_t *a, size_t step_a, const int8_t *b, size_t step_b, const li_product_s8 *product, size_t n);
void li_avx2_look_up_s8(int8_t *out, const int8_t *x, const int8_t *table, size_t n);
void li_avx2_dequantize_s8(float *out, const int8_t *x, int32_t zero_point, float scale, size_t n);
void li_avx2_softmax_s8(int8_t *out, const int8_t *x, const float *powers, float scale, int32_t zero_point, size_t n);

extern const li_hybrid_kernels li_avx2_hybrid;
extern const li_layer_kernels li_avx2_conv_s8, li_avx2_wide_conv_s8, li_avx2_winograd2_s8, li_avx2_winograd4_s8, li_avx2_depthwise_s8,
                              li_avx2_dense_s8;
extern const li_layer_kernels_f32 li_avx2_conv_f32;
void li_avx2_wino_along4(int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows, size_t step, size_t channels, size_t tiles);
void li_avx2_wino_along2(int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows, size_t step, size_t channels, size_t tiles);
void li_avx2_depthwise_f32(float *out, const float *x, const float *w, const float *bias, const li_layer_f32 *layer,
                           int32_t first, int32_t rows);

uint64_t li_avx2_peak(int32_t type, uint32_t rounds);

#else
#define LI_HAS_AVX2 0
#endif

#if LI_HAS_AVX2 && LI_KNOWS_AVX_VNNI && !defined(LI_WITHOUT_AVX_VNNI)
#define LI_HAS_AVX_VNNI 1
#define LI_AVX_VNNI LI_TARGET("avx2,avxvnni")
uint64_t li_avx_vnni_peak(int32_t type, uint32_t rounds);
extern const li_layer_kernels li_avx_vnni_conv_s8, li_avx_vnni_winograd2_s8, li_avx_vnni_winograd4_s8, li_avx_vnni_depthwise_s8,
                              li_avx_vnni_dense_s8;
#else
#define LI_HAS_AVX_VNNI 0
#endif

#if LI_HAS_AVX2 && !defined(LI_WITHOUT_AVX512_VNNI)
#define LI_HAS_AVX512_VNNI 1
uint64_t li_avx512_vnni_peak(int32_t type, uint32_t rounds);
extern const li_layer_kernels li_vnni_conv_s8, li_vnni_winograd2_s8, li_vnni_winograd4_s8, li_vnni_depthwise_s8,
                              li_vnni_dense_s8;
extern const li_layer_kernels_f32 li_avx512_conv_f32;
void li_avx512_depthwise_f32(float *out, const float *x, const float *w, const float *bias, const li_layer_f32 *layer,
                             int32_t first, int32_t rows);
void li_vnni_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride, size_t n,
                     size_t channels);
void li_vnni_blend_s8(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down, const li_blend_point *columns, size_t pixels,
                      size_t channels, size_t apart);
void li_vnni_look_up_s8(int8_t *out, const int8_t *x, const int8_t *table, size_t n);
void li_vnni_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *sum, size_t n);
#else
#define LI_HAS_AVX512_VNNI 0
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float32 convolution, depthwise and fully connected layers in AVX2: 6 pixels x 16 channels, 12 registers of sums, 2 of weights, one broadcast element, one
 * product; or 8 x 8, or 1 x 32 with two sums each. The fast loops fuse product and sum, the exact ones round both. The walk is li_x86_conv_f32.h's, the
 * loops are li_x86_tile_f32.h's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#define LI_AVX2_FMA LI_TARGET("avx2,fma")

#define LI_F32_VECTOR __m256
#define LI_F32_LANES 8
#define LI_F32_ZERO() _mm256_setzero_ps()
#define LI_F32_LOAD(p) _mm256_loadu_ps(p)
#define LI_F32_SET1(p) _mm256_broadcast_ss(p)
#define LI_F32_ADD(a, b) _mm256_add_ps(a, b)
#define LI_F32_PART size_t
#define LI_F32_PART_OF(n) (n)
#define LI_F32_LOAD_PART(p, part) li_avx2_load_part(p, part)
#define LI_F32_END(out, sum, bias, part, low, high) li_avx2_store_f32(out, sum, bias, part, low, high)
#define LI_F32_FUSED(x, w, s) _mm256_fmadd_ps(x, w, s)
#define LI_F32_TWICE(x, w, s) _mm256_add_ps(s, _mm256_mul_ps(x, w))

#include "li_x86_tile_f32.h"

/* The first n < 8 lanes. */
LI_AVX2 static inline __m256i li_avx2_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

LI_AVX2 static inline __m256 li_avx2_load_part(const float *p, size_t n)
{
    return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, li_avx2_lanes(n));
}

/* NaN passes the limits, and -0 that of 0: the instructions give their second operand then. */
LI_AVX2 static inline void li_avx2_store_f32(float *out, __m256 sum, __m256 bias, size_t part, __m256 low, __m256 high)
{
    const __m256 result = _mm256_min_ps(high, _mm256_max_ps(low, _mm256_add_ps(sum, bias)));
    if (part >= 8) _mm256_storeu_ps(out, result);
    else if (part != 0) _mm256_maskstore_ps(out, li_avx2_lanes(part), result);
}

LI_F32_PANEL(li_avx2_fast8, LI_AVX2_FMA, LI_F32_LIST8, 8, LI_F32_EACH1, 1, LI_F32_STEP_FUSED)
LI_F32_PANEL(li_avx2_fast16, LI_AVX2_FMA, LI_F32_LIST6, 6, LI_F32_EACH2, 2, LI_F32_STEP_FUSED)
LI_F32_PANEL(li_avx2_exact8, LI_AVX2, LI_F32_LIST8, 8, LI_F32_EACH1, 1, LI_F32_STEP_TWICE)
LI_F32_PANEL(li_avx2_exact16, LI_AVX2, LI_F32_LIST6, 6, LI_F32_EACH2, 2, LI_F32_STEP_TWICE)
LI_F32_PANEL(li_avx2_exact32, LI_AVX2, LI_F32_LIST1, 1, LI_F32_EACH4, 4, LI_F32_STEP_TWICE)
LI_F32_SINGLE(li_avx2_single8, LI_AVX2_FMA, LI_F32_EACH1, 1)
LI_F32_SINGLE(li_avx2_single16, LI_AVX2_FMA, LI_F32_EACH2, 2)
LI_F32_SINGLE(li_avx2_single32, LI_AVX2_FMA, LI_F32_EACH4, 4)
LI_F32_BLOCKS(li_avx2_blocks8, LI_AVX2, LI_F32_EACH1, 1)
LI_F32_BLOCKS(li_avx2_blocks16, LI_AVX2, LI_F32_EACH2, 2)
LI_F32_BLOCKS(li_avx2_blocks32, LI_AVX2, LI_F32_EACH4, 4)

static size_t li_avx2_width_f32(size_t channels, int single)
{
    return single && channels > 16 ? 32 : channels > 8 ? 16 : 8;
}

void li_avx2_fast_panel_f32(const li_x86_panel_f32 *p)
{
    const int single = p->single;
    if (p->width == 8) single ? li_avx2_single8(p) : li_avx2_fast8(p);
    else if (p->width == 16) single ? li_avx2_single16(p) : li_avx2_fast16(p);
    else li_avx2_single32(p);
}

void li_avx2_exact_panel_f32(const li_x86_panel_f32 *p)
{
    const int blocks = p->block != 0;
    if (p->width == 8) blocks ? li_avx2_blocks8(p) : li_avx2_exact8(p);
    else if (p->width == 16) blocks ? li_avx2_blocks16(p) : li_avx2_exact16(p);
    else blocks ? li_avx2_blocks32(p) : li_avx2_exact32(p);
}

static const li_x86_tiles_f32 li_avx2_tiles_f32 = {
    .width = li_avx2_width_f32, .fast = li_avx2_fast_panel_f32, .exact = li_avx2_exact_panel_f32,
};

const li_layer_kernels_f32 li_avx2_conv_f32 = {
    .loops = &li_avx2_tiles_f32,
    .loop = LI_LOOP_DIRECT,
    .packed_bytes = li_x86_conv_f32_packed_bytes,
    .scratch_bytes = li_x86_conv_f32_scratch_bytes,
    .pack = li_x86_conv_f32_pack,
    .run = li_x86_conv_f32_run,
};

/* ---- depthwise: 8 or 4 pixels, or one, by 8 channels ---- */

LI_F32_WINDOW(li_avx2_fast_one, LI_AVX2_FMA, LI_F32_LIST1, 1, LI_F32_FUSED)
LI_F32_WINDOW(li_avx2_fast_four, LI_AVX2_FMA, LI_F32_LIST4, 4, LI_F32_FUSED)
LI_F32_WINDOW(li_avx2_fast_eight, LI_AVX2_FMA, LI_F32_LIST8, 8, LI_F32_FUSED)
LI_F32_WINDOW(li_avx2_exact_one, LI_AVX2, LI_F32_LIST1, 1, LI_F32_TWICE)
LI_F32_WINDOW(li_avx2_exact_four, LI_AVX2, LI_F32_LIST4, 4, LI_F32_TWICE)
LI_F32_WINDOW(li_avx2_exact_eight, LI_AVX2, LI_F32_LIST8, 8, LI_F32_TWICE)

void li_avx2_depthwise_f32(float *out, const float *x, const float *w, const float *bias, const li_layer_f32 *layer,
                           int32_t first, int32_t rows)
{
    const li_x86_windows_f32 fast = { .one = li_avx2_fast_one, .four = li_avx2_fast_four, .eight = li_avx2_fast_eight };
    const li_x86_windows_f32 exact = { .one = li_avx2_exact_one, .four = li_avx2_exact_four, .eight = li_avx2_exact_eight };
    li_x86_depthwise_f32(layer->exact ? &exact : &fast, out, x, w, bias, layer, first, rows);
}

#undef LI_F32_PART
#undef LI_F32_PART_OF
#undef LI_F32_LOAD_PART
#undef LI_F32_VECTOR
#undef LI_F32_LANES
#undef LI_F32_ZERO
#undef LI_F32_LOAD
#undef LI_F32_SET1
#undef LI_F32_ADD
#undef LI_F32_END
#undef LI_F32_FUSED
#undef LI_F32_TWICE

#else
typedef int li_avx2_f32_is_left_out;      /* an empty translation unit is not C */
#endif

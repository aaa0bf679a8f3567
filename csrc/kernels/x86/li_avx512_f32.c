/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float32 convolution, depthwise and fully connected layers in AVX-512: 8 pixels x
 * 16, 32 or 48 channels or 6 x 64, up to 24 registers of sums, 4 of weights, one broadcast element. Two products per cycle
 * wait four cycles each, so 8 sums are enough; the addresses of more pixels than 8 do not fit the registers. Up to 8 channels are
 * left to AVX2. The walk is li_x86_conv_f32.h's, the loops are li_x86_tile_f32.h's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#define LI_AVX512 LI_TARGET("avx512f")

#define LI_F32_VECTOR __m512
#define LI_F32_LANES 16
#define LI_F32_ZERO() _mm512_setzero_ps()
#define LI_F32_LOAD(p) _mm512_loadu_ps(p)
#define LI_F32_SET1(p) _mm512_set1_ps(*(p))
#define LI_F32_ADD(a, b) _mm512_add_ps(a, b)
#define LI_F32_PART __mmask16
#define LI_F32_PART_OF(n) (__mmask16)((n) < 16 ? (1u << (n)) - 1 : 0xffff)
#define LI_F32_LOAD_PART(p, part) _mm512_maskz_loadu_ps(part, p)
#define LI_F32_END(out, sum, bias, part, low, high) li_avx512_store_f32(out, sum, bias, part, low, high)
#define LI_F32_FUSED(x, w, s) _mm512_fmadd_ps(x, w, s)
#define LI_F32_TWICE(x, w, s) _mm512_add_ps(s, _mm512_mul_ps(x, w))

#include "li_x86_tile_f32.h"

/* NaN passes the limits, and -0 that of 0: the instructions give their second operand then. */
LI_AVX512 static inline void li_avx512_store_f32(float *out, __m512 sum, __m512 bias, __mmask16 part, __m512 low, __m512 high)
{
    _mm512_mask_storeu_ps(out, part, _mm512_min_ps(high, _mm512_max_ps(low, _mm512_add_ps(sum, bias))));
}

LI_F32_PANEL(li_avx512_fast16, LI_AVX512, LI_F32_LIST8, 8, LI_F32_EACH1, 1, LI_F32_STEP_FUSED)
LI_F32_PANEL(li_avx512_fast32, LI_AVX512, LI_F32_LIST8, 8, LI_F32_EACH2, 2, LI_F32_STEP_FUSED)
LI_F32_PANEL(li_avx512_fast48, LI_AVX512, LI_F32_LIST8, 8, LI_F32_EACH3, 3, LI_F32_STEP_FUSED)
LI_F32_PANEL(li_avx512_fast64, LI_AVX512, LI_F32_LIST6, 6, LI_F32_EACH4, 4, LI_F32_STEP_FUSED)
LI_F32_PANEL(li_avx512_exact16, LI_AVX512, LI_F32_LIST8, 8, LI_F32_EACH1, 1, LI_F32_STEP_TWICE)
LI_F32_PANEL(li_avx512_exact32, LI_AVX512, LI_F32_LIST8, 8, LI_F32_EACH2, 2, LI_F32_STEP_TWICE)
LI_F32_PANEL(li_avx512_exact48, LI_AVX512, LI_F32_LIST8, 8, LI_F32_EACH3, 3, LI_F32_STEP_TWICE)
LI_F32_PANEL(li_avx512_exact64, LI_AVX512, LI_F32_LIST6, 6, LI_F32_EACH4, 4, LI_F32_STEP_TWICE)
LI_F32_SINGLE(li_avx512_single16, LI_AVX512, LI_F32_EACH1, 1)
LI_F32_SINGLE(li_avx512_single32, LI_AVX512, LI_F32_EACH2, 2)
LI_F32_SINGLE(li_avx512_single48, LI_AVX512, LI_F32_EACH3, 3)
LI_F32_SINGLE(li_avx512_single64, LI_AVX512, LI_F32_EACH4, 4)
LI_F32_BLOCKS(li_avx512_blocks16, LI_AVX512, LI_F32_EACH1, 1)
LI_F32_BLOCKS(li_avx512_blocks32, LI_AVX512, LI_F32_EACH2, 2)
LI_F32_BLOCKS(li_avx512_blocks48, LI_AVX512, LI_F32_EACH3, 3)
LI_F32_BLOCKS(li_avx512_blocks64, LI_AVX512, LI_F32_EACH4, 4)

static size_t li_avx512_width_f32(size_t channels, int single)
{
    (void)single;
    return channels <= 8 ? 8 : channels < 64 ? (channels + 15) / 16 * 16 : 64;
}

static void li_avx512_fast(const li_x86_panel_f32 *p)
{
    const int single = p->single;
    if (p->width == 8) li_avx2_fast_panel_f32(p);
    else if (p->width == 16) single ? li_avx512_single16(p) : li_avx512_fast16(p);
    else if (p->width == 32) single ? li_avx512_single32(p) : li_avx512_fast32(p);
    else if (p->width == 48) single ? li_avx512_single48(p) : li_avx512_fast48(p);
    else single ? li_avx512_single64(p) : li_avx512_fast64(p);
}

static void li_avx512_exact(const li_x86_panel_f32 *p)
{
    const int blocks = p->block != 0;
    if (p->width == 8) li_avx2_exact_panel_f32(p);
    else if (p->width == 16) blocks ? li_avx512_blocks16(p) : li_avx512_exact16(p);
    else if (p->width == 32) blocks ? li_avx512_blocks32(p) : li_avx512_exact32(p);
    else if (p->width == 48) blocks ? li_avx512_blocks48(p) : li_avx512_exact48(p);
    else blocks ? li_avx512_blocks64(p) : li_avx512_exact64(p);
}

static const li_x86_tiles_f32 li_avx512_tiles_f32 = {
    .width = li_avx512_width_f32, .fast = li_avx512_fast, .exact = li_avx512_exact,
};

const li_layer_kernels_f32 li_avx512_conv_f32 = {
    .loops = &li_avx512_tiles_f32,
    .loop = LI_LOOP_DIRECT,
    .packed_bytes = li_x86_conv_f32_packed_bytes,
    .scratch_bytes = li_x86_conv_f32_scratch_bytes,
    .pack = li_x86_conv_f32_pack,
    .run = li_x86_conv_f32_run,
};

/* ---- depthwise: 8 or 4 pixels, or one, by 16 channels ---- */

LI_F32_WINDOW(li_avx512_fast_one, LI_AVX512, LI_F32_LIST1, 1, LI_F32_FUSED)
LI_F32_WINDOW(li_avx512_fast_four, LI_AVX512, LI_F32_LIST4, 4, LI_F32_FUSED)
LI_F32_WINDOW(li_avx512_fast_eight, LI_AVX512, LI_F32_LIST8, 8, LI_F32_FUSED)
LI_F32_WINDOW(li_avx512_exact_one, LI_AVX512, LI_F32_LIST1, 1, LI_F32_TWICE)
LI_F32_WINDOW(li_avx512_exact_four, LI_AVX512, LI_F32_LIST4, 4, LI_F32_TWICE)
LI_F32_WINDOW(li_avx512_exact_eight, LI_AVX512, LI_F32_LIST8, 8, LI_F32_TWICE)

void li_avx512_depthwise_f32(float *out, const float *x, const float *w, const float *bias, const li_layer_f32 *layer,
                             int32_t first, int32_t rows)
{
    const li_x86_windows_f32 fast = { .one = li_avx512_fast_one, .four = li_avx512_fast_four, .eight = li_avx512_fast_eight };
    const li_x86_windows_f32 exact = { .one = li_avx512_exact_one, .four = li_avx512_exact_four, .eight = li_avx512_exact_eight };
    if (layer->in_c <= 8) {      /* half the lanes would be void */
        li_avx2_depthwise_f32(out, x, w, bias, layer, first, rows);
        return;
    }
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
typedef int li_avx512_f32_is_left_out;      /* an empty translation unit is not C */
#endif

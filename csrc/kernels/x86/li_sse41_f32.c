/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float32 convolution, depthwise and fully connected layers in SSE4.1: 6 pixels x 8 channels, 12 registers of sums, two of
 * weights, one broadcast element, one product; or 8 x 4, or 1 x 16. Nothing fuses a product and a sum, so the fast loops are the
 * exact ones but for single pixels, where they sum even and odd k apart. The walk is li_x86_conv_f32.h's, the loops are
 * li_x86_tile_f32.h's.
 */
#include "li_sse41.h"

#if LI_X86_KERNELS

#define LI_F32_VECTOR __m128
#define LI_F32_LANES 4
#define LI_F32_ZERO() _mm_setzero_ps()
#define LI_F32_LOAD(p) _mm_loadu_ps(p)
#define LI_F32_SET1(p) _mm_set1_ps(*(p))
#define LI_F32_ADD(a, b) _mm_add_ps(a, b)
#define LI_F32_PART size_t
#define LI_F32_PART_OF(n) (n)
#define LI_F32_LOAD_PART(p, part) li_sse41_load_part(p, part)
#define LI_F32_END(out, sum, bias, part, low, high) li_sse41_store_f32(out, sum, bias, part, low, high)
#define LI_F32_FUSED(x, w, s) _mm_add_ps(s, _mm_mul_ps(x, w))
#define LI_F32_TWICE(x, w, s) _mm_add_ps(s, _mm_mul_ps(x, w))

#include "li_x86_tile_f32.h"

LI_SSE41 static inline __m128 li_sse41_load_part(const float *p, size_t n)
{
    float some[4] = { 0 };
    if (n >= 4) return _mm_loadu_ps(p);
    li_copy(some, p, n * sizeof *p);
    return _mm_loadu_ps(some);
}

/* NaN passes the limits, and -0 that of 0: the instructions give their second operand then. */
LI_SSE41 static inline void li_sse41_store_f32(float *out, __m128 sum, __m128 bias, size_t part, __m128 low, __m128 high)
{
    const __m128 result = _mm_min_ps(high, _mm_max_ps(low, _mm_add_ps(sum, bias)));
    float some[4];
    if (part >= 4) {
        _mm_storeu_ps(out, result);
    } else {
        _mm_storeu_ps(some, result);
        li_copy(out, some, part * sizeof *out);
    }
}

LI_F32_PANEL(li_sse41_exact4, LI_SSE41, LI_F32_LIST8, 8, LI_F32_EACH1, 1, LI_F32_STEP_TWICE)
LI_F32_PANEL(li_sse41_exact8, LI_SSE41, LI_F32_LIST6, 6, LI_F32_EACH2, 2, LI_F32_STEP_TWICE)
LI_F32_PANEL(li_sse41_exact16, LI_SSE41, LI_F32_LIST1, 1, LI_F32_EACH4, 4, LI_F32_STEP_TWICE)
LI_F32_SINGLE(li_sse41_single4, LI_SSE41, LI_F32_EACH1, 1)
LI_F32_SINGLE(li_sse41_single8, LI_SSE41, LI_F32_EACH2, 2)
LI_F32_SINGLE(li_sse41_single16, LI_SSE41, LI_F32_EACH4, 4)
LI_F32_BLOCKS(li_sse41_blocks4, LI_SSE41, LI_F32_EACH1, 1)
LI_F32_BLOCKS(li_sse41_blocks8, LI_SSE41, LI_F32_EACH2, 2)
LI_F32_BLOCKS(li_sse41_blocks16, LI_SSE41, LI_F32_EACH4, 4)

static size_t li_sse41_width_f32(size_t channels, int single)
{
    return single && channels > 8 ? 16 : channels > 4 ? 8 : 4;
}

static void li_sse41_fast_panel_f32(const li_x86_panel_f32 *p)
{
    const int single = p->single;
    if (p->width == 4) single ? li_sse41_single4(p) : li_sse41_exact4(p);
    else if (p->width == 8) single ? li_sse41_single8(p) : li_sse41_exact8(p);
    else li_sse41_single16(p);
}

static void li_sse41_exact_panel_f32(const li_x86_panel_f32 *p)
{
    const int blocks = p->block != 0;
    if (p->width == 4) blocks ? li_sse41_blocks4(p) : li_sse41_exact4(p);
    else if (p->width == 8) blocks ? li_sse41_blocks8(p) : li_sse41_exact8(p);
    else blocks ? li_sse41_blocks16(p) : li_sse41_exact16(p);
}

static const li_x86_tiles_f32 li_sse41_tiles_f32 = {
    .width = li_sse41_width_f32, .fast = li_sse41_fast_panel_f32, .exact = li_sse41_exact_panel_f32,
};

const li_layer_kernels_f32 li_sse41_conv_f32 = {
    .loops = &li_sse41_tiles_f32,
    .loop = LI_LOOP_DIRECT,
    .packed_bytes = li_x86_conv_f32_packed_bytes,
    .scratch_bytes = li_x86_conv_f32_scratch_bytes,
    .pack = li_x86_conv_f32_pack,
    .run = li_x86_conv_f32_run,
};

/* ---- depthwise: 8 or 4 pixels, or one, by 4 channels ---- */

LI_F32_WINDOW(li_sse41_one, LI_SSE41, LI_F32_LIST1, 1, LI_F32_TWICE)
LI_F32_WINDOW(li_sse41_four, LI_SSE41, LI_F32_LIST4, 4, LI_F32_TWICE)
LI_F32_WINDOW(li_sse41_eight, LI_SSE41, LI_F32_LIST8, 8, LI_F32_TWICE)

void li_sse41_depthwise_f32(float *out, const float *x, const float *w, const float *bias, const li_layer_f32 *layer,
                            int32_t first, int32_t rows)
{
    const li_x86_windows_f32 loops = { .one = li_sse41_one, .four = li_sse41_four, .eight = li_sse41_eight };
    li_x86_depthwise_f32(&loops, out, x, w, bias, layer, first, rows);
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
typedef int li_sse41_f32_is_left_out;      /* an empty translation unit is not C */
#endif

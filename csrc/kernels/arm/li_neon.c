/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch64 NEON, which every AArch64 processor has, and the 8-bit dot product, which li_cpu.c looks for. ARMv7's NEON is
 * left out: it flushes subnormal floats to zero. Nothing fuses a product and a sum: the build contracts nothing and no
 * fused intrinsic is used on floats.
 *
 * Shapes: dots_s8 takes four channels at a time, 16 elements of each a step, x widened once for the four; taps_s8 keeps
 * 16 channels in four registers over the whole window; the floats keep 16 channels in four registers. Remainders of a
 * vector go to ref.
 *
 * On a workstation the sets say the sizes of what they pack, so that a model can be judged for a device.
 */
#include "../../src/li_kernels.h"
#include "../../src/li_port.h"
#include "liteinterp.h"

#if LI_NEON_SIZES
/* Packed weights: blocks of 4 channels, in each for every k the 4 weights side by side; missing channels are 0. */
static size_t li_neon_pack_f32_bytes(size_t n, size_t channels)
{
    const uint64_t floats = ((uint64_t)channels + 3) / 4 * 4 * n;
    return floats <= INT32_MAX / 4 ? (size_t)(floats * 4 + 63) / 64 * 64 : SIZE_MAX;
}
#endif

#if LI_AARCH64 && !defined(LI_WITHOUT_NEON)

#include <arm_neon.h>

#include "../../src/li_requantize.h"
#include "../ref/li_ref.h"

/* ---- int8 sums of products ------------------------------------------------------------------------------------------ */

typedef struct li_neon_pair { int16x8_t low, high; } li_neon_pair;       /* 16 elements of 16 bits */

static inline li_neon_pair li_neon_widen(const int8_t *p)
{
    const int8x16_t bytes = vld1q_s8(p);
    const li_neon_pair wide = { vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes) };
    return wide;
}

static inline li_neon_pair li_neon_widen_less(const int8_t *p, int16x8_t zero)
{
    const li_neon_pair wide = li_neon_widen(p), less = { vsubq_s16(wide.low, zero), vsubq_s16(wide.high, zero) };
    return less;
}

static inline int32x4_t li_neon_add16(int32x4_t sum, li_neon_pair x, const int8_t *w)
{
    const li_neon_pair by = li_neon_widen(w);
    sum = vmlal_s16(sum, vget_low_s16(x.low), vget_low_s16(by.low));
    sum = vmlal_high_s16(sum, x.low, by.low);
    sum = vmlal_s16(sum, vget_low_s16(x.high), vget_low_s16(by.high));
    return vmlal_high_s16(sum, x.high, by.high);
}

/* Adds the lanes of four vectors to four neighbouring sums. */
static inline void li_neon_store4(int32_t *sums, int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d)
{
    vst1q_s32(sums, vaddq_s32(vld1q_s32(sums), vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d))));
}

static void li_neon_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride, size_t n,
                            size_t channels)
{
    const int16x8_t zero = vdupq_n_s16((int16_t)zero_point);
    const size_t whole = n / 16 * 16;
    size_t c = 0, k;
    if (whole != 0) {
        for (; c + 4 <= channels; c += 4) {
            const int8_t *row = w + c * stride;
            int32x4_t s0 = vdupq_n_s32(0), s1 = s0, s2 = s0, s3 = s0;
            for (k = 0; k < whole; k += 16) {
                const li_neon_pair v = li_neon_widen_less(x + k, zero);
                s0 = li_neon_add16(s0, v, row + k);
                s1 = li_neon_add16(s1, v, row + stride + k);
                s2 = li_neon_add16(s2, v, row + 2 * stride + k);
                s3 = li_neon_add16(s3, v, row + 3 * stride + k);
            }
            li_neon_store4(sums + c, s0, s1, s2, s3);
        }
        for (; c < channels; ++c) {
            int32x4_t s = vdupq_n_s32(0);
            for (k = 0; k < whole; k += 16) s = li_neon_add16(s, li_neon_widen_less(x + k, zero), w + c * stride + k);
            sums[c] += vaddvq_s32(s);
        }
    }
    if (whole < n) li_ref_dots_s8(sums, x + whole, zero_point, w + whole, stride, n - whole, channels);
}

static void li_neon_taps_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, const li_tap_grid *grid,
                            size_t n)
{
    const int16x8_t zero = vdupq_n_s16((int16_t)zero_point);
    size_t c = 0, i, j;
    for (; c + 16 <= n; c += 16) {
        int32x4_t s0 = vld1q_s32(sums + c), s1 = vld1q_s32(sums + c + 4), s2 = vld1q_s32(sums + c + 8), s3 = vld1q_s32(sums + c + 12);
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j) {
                const li_neon_pair v = li_neon_widen_less(x + i * grid->x_row + j * grid->x_column + c, zero);
                const li_neon_pair by = li_neon_widen(w + i * grid->w_row + j * grid->w_column + c);
                s0 = vmlal_s16(s0, vget_low_s16(v.low), vget_low_s16(by.low));
                s1 = vmlal_high_s16(s1, v.low, by.low);
                s2 = vmlal_s16(s2, vget_low_s16(v.high), vget_low_s16(by.high));
                s3 = vmlal_high_s16(s3, v.high, by.high);
            }
        vst1q_s32(sums + c, s0);
        vst1q_s32(sums + c + 4, s1);
        vst1q_s32(sums + c + 8, s2);
        vst1q_s32(sums + c + 12, s3);
    }
    for (; c + 8 <= n; c += 8) {
        int32x4_t s0 = vld1q_s32(sums + c), s1 = vld1q_s32(sums + c + 4);
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j) {
                const int16x8_t v = vsubq_s16(vmovl_s8(vld1_s8(x + i * grid->x_row + j * grid->x_column + c)), zero);
                const int16x8_t by = vmovl_s8(vld1_s8(w + i * grid->w_row + j * grid->w_column + c));
                s0 = vmlal_s16(s0, vget_low_s16(v), vget_low_s16(by));
                s1 = vmlal_high_s16(s1, v, by);
            }
        vst1q_s32(sums + c, s0);
        vst1q_s32(sums + c + 4, s1);
    }
    if (c < n) li_ref_taps_s8(sums + c, x + c, zero_point, w + c, grid, n - c);
}

/* ---- int8, each channel by itself ------------------------------------------------------------------------------------- */

static inline int8x8_t li_neon_narrow(int32x4_t low, int32x4_t high)
{
    return vqmovn_s16(vcombine_s16(vqmovn_s32(low), vqmovn_s32(high)));
}

static inline int32x4_t li_neon_scale4(const int32_t *sums, const float *multipliers, float32x4_t low, float32x4_t high)
{
    const float32x4_t scaled = vmulq_f32(vcvtq_f32_s32(vld1q_s32(sums)), vld1q_f32(multipliers));
    return vcvtnq_s32_f32(vminq_f32(vmaxq_f32(scaled, low), high));       /* rounds to even */
}

static void li_neon_requantize_s8(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low,
                                  int32_t high, size_t n)
{
    const float32x4_t lowest = vdupq_n_f32((float)(low - zero_point)), highest = vdupq_n_f32((float)(high - zero_point));
    const int32x4_t zero = vdupq_n_s32(zero_point);
    size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        const int32x4_t p = vaddq_s32(li_neon_scale4(sums + c, multipliers + c, lowest, highest), zero);
        const int32x4_t q = vaddq_s32(li_neon_scale4(sums + c + 4, multipliers + c + 4, lowest, highest), zero);
        vst1_s8(out + c, li_neon_narrow(p, q));
    }
    for (; c < n; ++c) out[c] = (int8_t)li_requantize(sums[c], multipliers[c], zero_point, low, high);
}

static inline int32x4_t li_neon_sum4(int16x4_t a, int16x4_t b, const li_sum_s8 *s, int32x4_t down)
{
    int32x4_t sum = vmlaq_n_s32(vdupq_n_s32(s->bias), vmovl_s16(a), s->factor_a);
    sum = vmlaq_n_s32(sum, vmovl_s16(b), s->factor_b);
    return vaddq_s32(vshlq_s32(sum, down), vdupq_n_s32(s->zero_point));
}

static void li_neon_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *s, size_t n)
{
    const int32x4_t down = vdupq_n_s32(-s->shift);
    const int8x8_t low = vdup_n_s8((int8_t)s->low), high = vdup_n_s8((int8_t)s->high);
    size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        const int16x8_t x = vmovl_s8(vld1_s8(a + c)), y = vmovl_s8(vld1_s8(b + c));
        const int32x4_t p = li_neon_sum4(vget_low_s16(x), vget_low_s16(y), s, down);
        const int32x4_t q = li_neon_sum4(vget_high_s16(x), vget_high_s16(y), s, down);
        vst1_s8(out + c, vmin_s8(vmax_s8(li_neon_narrow(p, q), low), high));
    }
    li_ref_add_s8(out + c, a + c, b + c, s, n - c);
}

static void li_neon_max_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const int8x16_t lowest = vdupq_n_s8((int8_t)low), highest = vdupq_n_s8((int8_t)high);
    size_t c = 0, i, j;
    for (; c + 16 <= n; c += 16) {
        int8x16_t most = lowest;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j) most = vmaxq_s8(most, vld1q_s8(x + i * grid->x_row + j * grid->x_column + c));
        vst1q_s8(out + c, vminq_s8(most, highest));
    }
    if (c < n) li_ref_max_s8(out + c, x + c, grid, low, high, n - c);
}

/* Four quotients, truncated. Dividing doubles is exact enough for 32-bit integers: a quotient that is no integer lies at
   least 2^-31 of itself from the next one. */
static inline int32x4_t li_neon_divide4(int32x4_t dividends, float64x2_t divisor)
{
    const float64x2_t p = vdivq_f64(vcvtq_f64_s64(vmovl_s32(vget_low_s32(dividends))), divisor);
    const float64x2_t q = vdivq_f64(vcvtq_f64_s64(vmovl_high_s32(dividends)), divisor);
    return vcombine_s32(vmovn_s64(vcvtq_s64_f64(p)), vmovn_s64(vcvtq_s64_f64(q)));
}

static void li_neon_average_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    const int32_t taps = (int32_t)(grid->rows * grid->columns);
    const float64x2_t divisor = vdupq_n_f64((double)taps);
    const int32x4_t half = vdupq_n_s32(taps / 2), none = vdupq_n_s32(0);
    size_t c = 0, i, j;
    for (; c + 8 <= n; c += 8) {
        int32x4_t p = none, q = none;
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j) {
                const int16x8_t v = vmovl_s8(vld1_s8(x + i * grid->x_row + j * grid->x_column + c));
                p = vaddw_s16(p, vget_low_s16(v));
                q = vaddw_high_s16(q, v);
            }
        p = vaddq_s32(p, vbslq_s32(vcgtq_s32(p, none), half, vnegq_s32(half)));
        q = vaddq_s32(q, vbslq_s32(vcgtq_s32(q, none), half, vnegq_s32(half)));
        vst1_s8(out + c, vmin_s8(vmax_s8(li_neon_narrow(li_neon_divide4(p, divisor), li_neon_divide4(q, divisor)),
                                         vdup_n_s8((int8_t)low)), vdup_n_s8((int8_t)high)));
    }
    if (c < n) li_ref_average_s8(out + c, x + c, grid, low, high, n - c);
}

/* ---- float sums of products in the definition's order ------------------------------------------------------------------ */

static void li_neon_pack_f32(float *packed, const float *w, size_t n, size_t channels)
{
    size_t block, k, lane;
    for (block = 0; block < channels; block += 4, packed += n * 4)
        for (k = 0; k < n; ++k)
            for (lane = 0; lane < 4; ++lane) packed[k * 4 + lane] = block + lane < channels ? w[(block + lane) * n + k] : 0.0f;
}

static inline float32x4_t li_neon_step_f32(float32x4_t sum, float32x4_t x, const float *w)
{
    return vaddq_f32(sum, vmulq_f32(x, vld1q_f32(w)));
}

/* Four blocks, so that their sums need not wait for each other. */
static void li_neon_blocks4_f32(float *sums, const float *x, const float *w, size_t step, size_t n)
{
    float32x4_t s0 = vld1q_f32(sums), s1 = vld1q_f32(sums + 4), s2 = vld1q_f32(sums + 8), s3 = vld1q_f32(sums + 12);
    size_t k;
    for (k = 0; k < n; ++k, w += 4) {
        const float32x4_t v = vld1q_dup_f32(x + k);
        s0 = li_neon_step_f32(s0, v, w);
        s1 = li_neon_step_f32(s1, v, w + step);
        s2 = li_neon_step_f32(s2, v, w + 2 * step);
        s3 = li_neon_step_f32(s3, v, w + 3 * step);
    }
    vst1q_f32(sums, s0);
    vst1q_f32(sums + 4, s1);
    vst1q_f32(sums + 8, s2);
    vst1q_f32(sums + 12, s3);
}

/* One block of 4 channels, or its first `lanes`. */
static void li_neon_block_f32(float *sums, const float *x, const float *w, size_t n, size_t lanes)
{
    float four[4] = { 0 };
    float32x4_t s;
    size_t k;
    li_copy(four, sums, lanes * sizeof *sums);
    s = vld1q_f32(four);
    for (k = 0; k < n; ++k) s = li_neon_step_f32(s, vld1q_dup_f32(x + k), w + k * 4);
    vst1q_f32(four, s);
    li_copy(sums, four, lanes * sizeof *sums);
}

static void li_neon_dots_f32_packed(float *sums, const float *x, const float *packed, size_t total, size_t first, size_t n,
                                    size_t channels)
{
    const size_t step = total * 4;               /* floats from block to block */
    const float *w = packed + first * 4;
    size_t c = 0;
    for (; c + 16 <= channels; c += 16, w += 4 * step) li_neon_blocks4_f32(sums + c, x, w, step, n);
    for (; c < channels; c += 4, w += step) li_neon_block_f32(sums + c, x, w, n, channels - c < 4 ? channels - c : 4);
}

static void li_neon_taps_f32(float *sums, const float *x, const float *w, const li_tap_grid *grid, size_t n)
{
    size_t c = 0, i, j;
    for (; c + 4 <= n; c += 4) {
        float32x4_t sum = vld1q_f32(sums + c);
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j)
                sum = li_neon_step_f32(sum, vld1q_f32(x + i * grid->x_row + j * grid->x_column + c),
                                       w + i * grid->w_row + j * grid->w_column + c);
        vst1q_f32(sums + c, sum);
    }
    if (c < n) li_ref_taps_f32(sums + c, x + c, w + c, grid, n - c);
}

/* ---- the dot product ---------------------------------------------------------------------------------------------------- */

/* Everything but dots_s8. */
#define LI_NEON_REST                                                                                                   \
    .taps_s8 = li_neon_taps_s8, .taps_f32 = li_neon_taps_f32, .requantize_s8 = li_neon_requantize_s8,                  \
    .add_s8 = li_neon_add_s8, .max_s8 = li_neon_max_s8, .average_s8 = li_neon_average_s8, .dots_f32 = li_ref_dots_f32, \
    .dots_s16 = li_ref_dots_s16, .taps_s16 = li_ref_taps_s16,                                                          \
    .pack_f32_bytes = li_neon_pack_f32_bytes, .pack_f32 = li_neon_pack_f32, .dots_f32_packed = li_neon_dots_f32_packed

const li_kernels li_kernels_neon = { .name = "neon", .isa = LI_ISA_NEON, .dots_s8 = li_neon_dots_s8, LI_NEON_REST };

#if LI_AARCH64_DOTPROD && !defined(LI_WITHOUT_DOTPROD)

#define LI_DOTPROD LI_TARGET("arch=armv8.2-a+dotprod")

/* x - zero_point has nine bits, so the zero point's share is counted by itself: sum(x w) - zero_point * sum(w), which
   wraps in between and ends where the definition does. */
LI_DOTPROD static void li_dotprod_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride,
                                          size_t n, size_t channels)
{
    const int8x16_t ones = vdupq_n_s8(1);
    const size_t whole = n / 16 * 16;
    size_t c = 0, k;
    for (; whole != 0 && c + 4 <= channels; c += 4) {
        const int8_t *row = w + c * stride;
        int32x4_t s0 = vdupq_n_s32(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
        for (k = 0; k < whole; k += 16) {
            const int8x16_t v = vld1q_s8(x + k), w0 = vld1q_s8(row + k), w1 = vld1q_s8(row + stride + k);
            const int8x16_t w2 = vld1q_s8(row + 2 * stride + k), w3 = vld1q_s8(row + 3 * stride + k);
            s0 = vdotq_s32(s0, v, w0);
            s1 = vdotq_s32(s1, v, w1);
            s2 = vdotq_s32(s2, v, w2);
            s3 = vdotq_s32(s3, v, w3);
            t0 = vdotq_s32(t0, ones, w0);
            t1 = vdotq_s32(t1, ones, w1);
            t2 = vdotq_s32(t2, ones, w2);
            t3 = vdotq_s32(t3, ones, w3);
        }
        li_neon_store4(sums + c, vmlsq_n_s32(s0, t0, zero_point), vmlsq_n_s32(s1, t1, zero_point), vmlsq_n_s32(s2, t2, zero_point),
                       vmlsq_n_s32(s3, t3, zero_point));
    }
    if (c < channels) li_neon_dots_s8(sums + c, x, zero_point, w + c * stride, stride, whole, channels - c);
    if (whole < n) li_ref_dots_s8(sums, x + whole, zero_point, w + whole, stride, n - whole, channels);
}

const li_kernels li_kernels_dotprod = { .name = "dotprod", .isa = LI_ISA_DOTPROD, .dots_s8 = li_dotprod_dots_s8, LI_NEON_REST };
#endif

#elif LI_NEON_SIZES
const li_kernels li_kernels_neon = { .name = "neon", .isa = LI_ISA_NEON, .pack_f32_bytes = li_neon_pack_f32_bytes };
const li_kernels li_kernels_dotprod = { .name = "dotprod", .isa = LI_ISA_DOTPROD, .pack_f32_bytes = li_neon_pack_f32_bytes };
#else
typedef int li_neon_is_left_out;      /* an empty translation unit is not C */
#endif

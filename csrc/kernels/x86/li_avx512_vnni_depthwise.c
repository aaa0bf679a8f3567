/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 depthwise convolution in AVX-512 with VNNI: two output rows x 4 pixels x 16 channels, 8 registers of sums and two
 * of weights. vpdpwssd multiplies two taps of a column and adds both to the sum, without saturation. The walk is
 * li_x86_depthwise.h's.
 */
#include "li_avx512_vnni.h"

#if LI_HAS_AVX512_VNNI

#include "li_x86_depthwise.h"

/* Pixels [x, end) of the zero point. */
LI_VNNI static void li_vnni_depthwise_blank(const li_depthwise_pair *r, size_t x, size_t end)
{
    for (; x < end; ++x) _mm512_storeu_si512(r->to + x * 32, _mm512_set1_epi16((short)r->zero));
}

LI_VNNI static void li_vnni_depthwise_spread(const li_depthwise_walk *w, const li_depthwise_pair *r)
{
    const __mmask16 mask = li_vnni_mask(r->channels, 0);
    const __m128i zeros = _mm_set1_epi8((char)r->zero);
    size_t x;
    li_vnni_depthwise_blank(r, 0, r->before);
    for (x = 0; x < r->inside; ++x) {
        const __m128i p = r->a != NULL ? _mm_maskz_loadu_epi8(mask, r->a + x * w->in_pixel) : zeros;
        const __m128i q = r->b != NULL ? _mm_maskz_loadu_epi8(mask, r->b + x * w->in_pixel) : zeros;
        const __m256i pairs = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_unpacklo_epi8(p, q)), _mm_unpackhi_epi8(p, q), 1);
        _mm512_storeu_si512(r->to + (r->before + x) * 32, _mm512_cvtepi8_epi16(pairs));
    }
    li_vnni_depthwise_blank(r, r->before + r->inside, w->padded_w);
}

#define LI_VNNI_TAP(sum, from, w) sum = _mm512_dpwssd_epi32(sum, _mm512_loadu_si512(from), w)
#define LI_VNNI_FOUR(s)                                                                                                \
    li_vnni_bytes(&e, li_vnni_scale(&e, s##0, multipliers), li_vnni_scale(&e, s##1, multipliers),                      \
                  li_vnni_scale(&e, s##2, multipliers), li_vnni_scale(&e, s##3, multipliers))

LI_VNNI static void li_vnni_depthwise_rows(const li_depthwise_walk *w, const li_depthwise_rows *r, const li_rescale_s8 *rescale)
{
    const li_vnni_end e = li_vnni_end_of(rescale);
    const __mmask16 mask = li_vnni_mask(r->channels, 0);
    const __m512i bias = _mm512_loadu_si512(r->block);
    const __m512 multipliers = _mm512_loadu_ps(r->block + 64);
    const size_t row = w->padded_w * 32, step = w->stride_w * 32, second = w->paired ? 32 : 0, next = w->paired ? 64 : 32;
    const size_t pixel = w->out_pixel;
    size_t x, j, p;
    for (x = r->first; x < r->end; x += 4) {
        const size_t m = li_depthwise_start(r, x), left = r->end - m;
        const int16_t *weights = (const int16_t *)(const void *)(r->block + 128);
        int8_t *to = r->out + m * pixel;
        __m512i a0 = bias, a1 = bias, a2 = bias, a3 = bias, b0 = bias, b1 = bias, b2 = bias, b3 = bias;
        for (j = 0; j < w->filter_w; ++j) {
            const int16_t *a = r->a + (m * w->stride_w + j) * 32, *b = r->b + (m * w->stride_w + j) * 32;
            for (p = 0; p < w->pairs; ++p, a += row, b += row, weights += next) {
                const __m512i w0 = _mm512_loadu_si512(weights), w1 = _mm512_loadu_si512(weights + second);
                LI_VNNI_TAP(a0, a, w0);
                LI_VNNI_TAP(a1, a + step, w0);
                LI_VNNI_TAP(a2, a + 2 * step, w0);
                LI_VNNI_TAP(a3, a + 3 * step, w0);
                LI_VNNI_TAP(b0, b, w1);
                LI_VNNI_TAP(b1, b + step, w1);
                LI_VNNI_TAP(b2, b + 2 * step, w1);
                LI_VNNI_TAP(b3, b + 3 * step, w1);
            }
        }
        li_vnni_store_pixels(to, pixel, LI_VNNI_FOUR(a), mask, left);
        if (r->both) li_vnni_store_pixels(to + w->out_row, pixel, LI_VNNI_FOUR(b), mask, left);
    }
}

static const li_depthwise_tiles li_vnni_depthwise_tiles = {
    .lanes = 16, .spread = li_vnni_depthwise_spread, .rows = li_vnni_depthwise_rows,
};

static size_t li_vnni_depthwise_packed_bytes(const li_conv_shape *shape)
{
    return li_x86_depthwise_packed_bytes(&li_vnni_depthwise_tiles, shape);
}

static void li_vnni_depthwise_pack(void *packed, const li_conv_shape *shape, const int8_t *w, const int32_t *bias,
                                   const float *multipliers, int32_t in_zero)
{
    li_x86_depthwise_pack(&li_vnni_depthwise_tiles, packed, shape, w, bias, multipliers, in_zero);
}

static void li_vnni_depthwise_run(int8_t *out, const int8_t *x, const int8_t *w, const void *packed, void *scratch,
                                  const li_conv_shape *shape, const li_rescale_s8 *rescale, int32_t first, int32_t rows)
{
    (void)w;
    li_x86_depthwise_run(&li_vnni_depthwise_tiles, out, x, packed, scratch, shape, rescale, first, rows);
}

const li_layer_kernels li_vnni_depthwise_s8 = {
    .packed_bytes = li_vnni_depthwise_packed_bytes,
    .scratch_bytes = li_x86_depthwise_scratch_bytes,
    .pack = li_vnni_depthwise_pack,
    .run = li_vnni_depthwise_run,
};

#else
typedef int li_avx512_vnni_depthwise_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 depthwise convolution in AVX-512 with VNNI: two output rows x 4 pixels x 16 channels, 8 registers of sums, two of
 * weights, one or two of activations. vpdpbusd multiplies four taps of a column, as unsigned bytes x + 128, and adds them
 * to the sum without saturation; the share of the 128 is taken off the bias when weights are packed. A filter of three
 * rows takes one step per column, whether its four inputs serve one output row or two. The walk is li_x86_depthwise.h's.
 */
#include "li_avx512_vnni.h"

#if LI_HAS_AVX512_VNNI

#include "li_x86_depthwise.h"

enum { LI_VNNI_PIXEL = 64 };      /* bytes of a spread pixel: 16 channels of four rows */

/* Pixels [x, end) of the zero point. */
LI_VNNI static void li_vnni_depthwise_blank(uint8_t *to, int32_t zero, size_t x, size_t end)
{
    for (; x < end; ++x) _mm512_storeu_si512(to + x * LI_VNNI_PIXEL, _mm512_set1_epi8((char)(zero ^ -128)));
}

LI_VNNI static inline __m128i li_vnni_load16(const int8_t *p, __mmask16 mask)
{
    return mask == 0xffff ? _mm_loadu_si128((const __m128i *)(const void *)p) : _mm_maskz_loadu_epi8(mask, p);
}

LI_VNNI static void li_vnni_depthwise_spread(const li_depthwise_walk *w, const li_depthwise_group *r)
{
    const __mmask16 mask = li_vnni_mask(r->channels, 0);
    const __m512i flip = _mm512_set1_epi8(-128);
    /* Lane i holds channels 4 i to 4 i + 3 of all rows, first row by row, then channel by channel. */
    const __m512i gather = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    const __m512i turn = _mm512_broadcast_i32x4(_mm_set_epi8(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0));
    uint8_t *const to = (uint8_t *)r->to, *inside = to + r->before * LI_VNNI_PIXEL;
    const int8_t *rows[4];
    size_t steps[4], x, h;
    int8_t outside[16];
    li_fill(outside, r->zero, sizeof outside);
    for (h = 0; h < 4; ++h) {
        rows[h] = r->rows[h] != NULL ? r->rows[h] : outside;
        steps[h] = r->rows[h] != NULL ? w->in_pixel : 0;
    }
    li_vnni_depthwise_blank(to, r->zero, 0, r->before);
    x = 0;
    if (steps[1] == 0 && steps[2] == 0 && steps[3] == 0) {      /* a signal: the image is one row */
        const __m512i others = _mm512_maskz_set1_epi8(UINT64_C(0xeeeeeeeeeeeeeeee), (char)(r->zero ^ -128));
        for (; x < r->inside; ++x) {
            const __m128i one = _mm_xor_si128(li_vnni_load16(rows[0] + x * steps[0], mask), _mm_set1_epi8(-128));
            _mm512_storeu_si512(inside + x * LI_VNNI_PIXEL, _mm512_or_si512(_mm512_cvtepu8_epi32(one), others));
        }
    }
    for (; x < r->inside; ++x) {
        __m512i v = _mm512_castsi128_si512(li_vnni_load16(rows[0] + x * steps[0], mask));
        v = _mm512_inserti32x4(v, li_vnni_load16(rows[1] + x * steps[1], mask), 1);
        v = _mm512_inserti32x4(v, li_vnni_load16(rows[2] + x * steps[2], mask), 2);
        v = _mm512_inserti32x4(v, li_vnni_load16(rows[3] + x * steps[3], mask), 3);
        v = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(gather, _mm512_xor_si512(v, flip)), turn);
        _mm512_storeu_si512(inside + x * LI_VNNI_PIXEL, v);
    }
    li_vnni_depthwise_blank(to, r->zero, r->before + r->inside, w->padded_w);
}

/* A sample and three more: what was one byte further, and the last of them above it, xor 128. */
LI_VNNI static inline __m512i li_vnni_slide(__m512i four, __m128i last)
{
    const __m512i flip = _mm512_set1_epi32(INT32_MIN), above = _mm512_slli_epi32(_mm512_cvtepu8_epi32(last), 24);
    return _mm512_ternarylogic_epi32(_mm512_srli_epi32(four, 8), above, flip, 0x96);     /* the exclusive or of all three */
}

LI_VNNI static void li_vnni_depthwise_slide(const li_depthwise_samples_of *s)
{
    const __mmask16 mask = li_vnni_mask(s->channels, 0);
    const __m128i outside = _mm_set1_epi8((char)s->zero);
    const int64_t end = s->end + 3, inside = end < s->length ? end : s->length;
    uint8_t *to = (uint8_t *)s->to;
    __m512i four = _mm512_setzero_si512();
    int64_t t = s->from;
    for (; t < s->from + 3; ++t)
        four = li_vnni_slide(four, t >= 0 && t < s->length ? li_vnni_load16(s->x + (size_t)t * s->step, mask) : outside);
    for (; t < 0 && t < end; ++t, to += LI_VNNI_PIXEL) _mm512_storeu_si512(to, four = li_vnni_slide(four, outside));
    for (; mask == 0xffff && t < inside; ++t, to += LI_VNNI_PIXEL)
        _mm512_storeu_si512(to, four = li_vnni_slide(four, _mm_loadu_si128((const __m128i *)(const void *)(s->x + (size_t)t * s->step))));
    for (; t < inside; ++t, to += LI_VNNI_PIXEL)
        _mm512_storeu_si512(to, four = li_vnni_slide(four, _mm_maskz_loadu_epi8(mask, s->x + (size_t)t * s->step)));
    for (; t < end; ++t, to += LI_VNNI_PIXEL) _mm512_storeu_si512(to, four = li_vnni_slide(four, outside));
}

/* Pixel i of both output rows: on the same activations, or on those of each. */
#define LI_VNNI_SHARED(i)                                                                                              \
    v = _mm512_loadu_si512(a + i * step);                                                                              \
    a##i = _mm512_dpbusd_epi32(a##i, v, w0);                                                                           \
    b##i = _mm512_dpbusd_epi32(b##i, v, w1);                                                                           \
    __asm__("" : "+v"(a##i), "+v"(b##i));
#define LI_VNNI_APART(i)                                                                                               \
    a##i = _mm512_dpbusd_epi32(a##i, _mm512_loadu_si512(a + i * step), w0);                                            \
    b##i = _mm512_dpbusd_epi32(b##i, _mm512_loadu_si512(b + i * step), w0);                                            \
    __asm__("" : "+v"(a##i), "+v"(b##i));
#define LI_VNNI_FOUR(s)                                                                                                \
    li_vnni_bytes(&e, li_vnni_scale(&e, s##0, multipliers), li_vnni_scale(&e, s##1, multipliers),                      \
                  li_vnni_scale(&e, s##2, multipliers), li_vnni_scale(&e, s##3, multipliers))

LI_VNNI static void li_vnni_depthwise_rows(const li_depthwise_walk *w, const li_depthwise_rows *r, const li_rescale_s8 *rescale)
{
    const li_vnni_end e = li_vnni_end_of(rescale);
    const __mmask16 mask = li_vnni_mask(r->channels, 0);
    const __m512i bias = _mm512_loadu_si512(r->block);
    const __m512 multipliers = _mm512_loadu_ps(r->block + 64);
    const size_t next = w->apart * w->padded_w * LI_VNNI_PIXEL, step = w->stride_w * LI_VNNI_PIXEL, pixel = w->out_pixel;
    size_t x, j, p;
    for (x = r->first; x < r->end; x += 4) {
        const size_t m = li_depthwise_start(x, r->first, r->end, 4), left = r->end - m;
        const uint8_t *first_a = (const uint8_t *)r->a + m * step, *first_b = (const uint8_t *)r->b + m * step;
        const char *weights = r->block + 128;
        int8_t *to = r->out + m * pixel;
        __m512i a0 = bias, a1 = bias, a2 = bias, a3 = bias, b0 = bias, b1 = bias, b2 = bias, b3 = bias, v;
        for (j = 0; j < w->filter_w; ++j) {
            const uint8_t *a = first_a + j * LI_VNNI_PIXEL, *b = first_b + j * LI_VNNI_PIXEL;
            if (w->paired) {
                for (p = 0; p < w->groups; ++p, a += next, weights += 128) {
                    const __m512i w0 = _mm512_loadu_si512(weights), w1 = _mm512_loadu_si512(weights + 64);
                    LI_VNNI_SHARED(0) LI_VNNI_SHARED(1) LI_VNNI_SHARED(2) LI_VNNI_SHARED(3)
                }
            } else {
                for (p = 0; p < w->groups; ++p, a += next, b += next, weights += 64) {
                    const __m512i w0 = _mm512_loadu_si512(weights);
                    LI_VNNI_APART(0) LI_VNNI_APART(1) LI_VNNI_APART(2) LI_VNNI_APART(3)
                }
            }
        }
        li_vnni_store_pixels(to, pixel, LI_VNNI_FOUR(a), mask, left);
        if (r->both) li_vnni_store_pixels(to + w->out_row, pixel, LI_VNNI_FOUR(b), mask, left);
    }
}

static const li_depthwise_tiles li_vnni_depthwise_tiles = {
    .wide = &li_vnni_depthwise_wide, .lanes = 16, .tall = 4, .shift = 128, .spread = li_vnni_depthwise_spread,
    .slide = li_vnni_depthwise_slide, .two_rows = li_vnni_depthwise_rows,
};

const li_layer_kernels li_vnni_depthwise_s8 = {
    .loops = &li_vnni_depthwise_tiles,
    .loop = LI_LOOP_DEPTHWISE,
    .packed_bytes = li_x86_depthwise_packed_bytes,
    .scratch_bytes = li_x86_depthwise_scratch_bytes,
    .pack = li_x86_depthwise_pack,
    .run = li_x86_depthwise_run,
};

#else
typedef int li_avx512_vnni_depthwise_is_left_out;      /* an empty translation unit is not C */
#endif

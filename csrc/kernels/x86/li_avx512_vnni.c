/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX-512 with VNNI: int8 convolution and sums of products on vpdpbusd, which adds four products of an unsigned and a
 * signed byte to a 32-bit sum without saturation, so it is exact.
 *
 * Convolution: 6 pixels x 16, 32, 48 or 64 channels, 12 to 24 registers of sums, 2 to 4 of weights as they are packed, one
 * broadcast group of four activations. Two products start in a cycle and take four: fewer than eight sums would wait for
 * each other, so 16 channels have 8 pixels and two sums each, of even and of odd groups; li_avx512_vnni_taps.c has a loop
 * for rows under three columns. Activations are spread as unsigned bytes, x + 128; the share of the 128 is taken off the
 * bias when weights are packed. The walk is li_x86_conv.h's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#include "li_avx512_vnni_tile.h"
#include "li_x86_costs.h"

/* ---- convolution ---- */

static size_t li_vnni_lane(size_t width, size_t lane)
{
    (void)width;
    return lane;
}

static size_t li_vnni_width(size_t channels)
{
    return channels < 64 ? (channels + 15) / 16 * 16 : 64;
}

LI_VNNI void li_vnni_spread(void *to, const int8_t *x, size_t n)
{
    const __m512i flip = _mm512_set1_epi8(-128);
    uint8_t *bytes = to;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) _mm512_storeu_si512(bytes + i, _mm512_xor_si512(_mm512_loadu_si512(x + i), flip));
    if (i < n) {
        const __mmask64 rest = ~(__mmask64)0 >> (64 - (n - i));
        _mm512_mask_storeu_epi8(bytes + i, rest, _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, x + i), flip));
    }
}

/* 16 pixels at a time: their doublewords of three channels to a quarter of the register each, there a byte between pixels. */
LI_VNNI static void li_vnni_widen(void *to, const int8_t *x, size_t pixels)
{
    const __m512i flip = _mm512_set1_epi8(-128);
    const __m512i quarters = _mm512_set_epi32(11, 11, 10, 9, 8, 8, 7, 6, 5, 5, 4, 3, 2, 2, 1, 0);
    const __m512i quarter = _mm512_broadcast_i32x4(_mm_set_epi8(-1, 11, 10, 9, -1, 8, 7, 6, -1, 5, 4, 3, -1, 2, 1, 0));
    uint8_t *bytes = to;
    size_t i;
    for (i = 0; i < pixels; i += 16) {
        const size_t left = pixels - i;
        const __mmask64 from = left >= 16 ? UINT64_C(0xffffffffffff) : ~(__mmask64)0 >> (64 - 3 * left);
        const __m512i v = _mm512_permutexvar_epi32(quarters, _mm512_maskz_loadu_epi8(from, x + 3 * i));
        const __m512i apart = _mm512_xor_si512(_mm512_shuffle_epi8(v, quarter), flip);
        if (left >= 16) _mm512_storeu_si512(bytes + 4 * i, apart);
        else _mm512_mask_storeu_epi8(bytes + 4 * i, ~(__mmask64)0 >> (64 - 4 * left), apart);
    }
}

/* What a tile begins with: its first pixel, the pixels from there on, their first taps. */
#define LI_VNNI_TILE                                                                                                   \
    const size_t m = li_x86_tile_start(tile, p->pixels), left = p->pixels - m;                                         \
    const uint32_t *at = p->offsets + m;                                                                               \
    const uint8_t *p0 = image + at[0], *p1 = image + at[1], *p2 = image + at[2], *p3 = image + at[3];                  \
    const uint8_t *p4 = image + at[4], *p5 = image + at[5];                                                            \
    const int8_t *w = p->w;                                                                                            \
    int8_t *out = p->out + m * p->out_step;

#define LI_VNNI_PANEL(name, EACH, BYTES, vectors)                                                                      \
    LI_VNNI static void name(const li_x86_panel *p, li_vnni_end e)                                                     \
    {                                                                                                                  \
        const uint8_t *image = p->image;                                                                               \
        const __m512i zeros = _mm512_setzero_si512();                                                                  \
        size_t tile, segment, k;                                                                                       \
        (void)zeros;                                                                                                   \
        EACH(LI_VNNI_CHANNELS, 0)                                                                                      \
        for (tile = 0; tile < p->pixels; tile += LI_X86_TILE) {                                                        \
            LI_VNNI_TILE                                                                                               \
            EACH(LI_VNNI_START, 0) EACH(LI_VNNI_START, 1) EACH(LI_VNNI_START, 2)                                       \
            EACH(LI_VNNI_START, 3) EACH(LI_VNNI_START, 4) EACH(LI_VNNI_START, 5)                                       \
            for (segment = 0; segment < p->segments; ++segment) {                                                      \
                const size_t first = segment * p->segment_step, end = first + 4 * p->groups;                           \
                for (k = first; k < end; k += 4, w += 64 * (vectors)) {                                                \
                    EACH(LI_VNNI_WEIGHTS, 0)                                                                           \
                    LI_VNNI_PIXEL(EACH, 0) LI_VNNI_PIXEL(EACH, 1) LI_VNNI_PIXEL(EACH, 2)                               \
                    LI_VNNI_PIXEL(EACH, 3) LI_VNNI_PIXEL(EACH, 4) LI_VNNI_PIXEL(EACH, 5)                               \
                }                                                                                                      \
            }                                                                                                          \
            LI_VNNI_FINISH(EACH, BYTES, 0)                                                                             \
            if (left > 1) { out += p->out_step; LI_VNNI_FINISH(EACH, BYTES, 1) }                                       \
            if (left > 2) { out += p->out_step; LI_VNNI_FINISH(EACH, BYTES, 2) }                                       \
            if (left > 3) { out += p->out_step; LI_VNNI_FINISH(EACH, BYTES, 3) }                                       \
            if (left > 4) { out += p->out_step; LI_VNNI_FINISH(EACH, BYTES, 4) }                                       \
            if (left > 5) { out += p->out_step; LI_VNNI_FINISH(EACH, BYTES, 5) }                                       \
        }                                                                                                              \
    }

LI_VNNI_PANEL(li_vnni_panel32, LI_VNNI_EACH2, LI_VNNI_BYTES2, 2)
LI_VNNI_PANEL(li_vnni_panel48, LI_VNNI_EACH3, LI_VNNI_BYTES3, 3)
LI_VNNI_PANEL(li_vnni_panel64, LI_VNNI_EACH4, LI_VNNI_BYTES4, 4)

/* 16 channels of eight pixels: sums of even groups in s.0, of odd ones in s.1. */
#define LI_VNNI_TWO(i)                                                                                                 \
    s##i##0 = _mm512_dpbusd_epi32(s##i##0, li_vnni_group(p##i + k), w0);                                               \
    s##i##1 = _mm512_dpbusd_epi32(s##i##1, li_vnni_group(p##i + k + 4), w1);                                           \
    __asm__("" : "+v"(s##i##0), "+v"(s##i##1));
#define LI_VNNI_ONE(i) s##i##0 = _mm512_dpbusd_epi32(s##i##0, li_vnni_group(p##i + k), w0);
#define LI_VNNI_ALL(i) li_vnni_scale(&e, _mm512_add_epi32(s##i##0, s##i##1), multipliers0)

LI_VNNI static void li_vnni_panel16(const li_x86_panel *p, li_vnni_end e)
{
    const uint8_t *image = p->image;
    const __mmask16 mask = li_vnni_mask(p->channels, 0);
    size_t tile, segment, k;
    LI_VNNI_EACH1(LI_VNNI_CHANNELS, 0)
    for (tile = 0; tile < p->pixels; tile += 8) {
        const size_t m = tile + 8 <= p->pixels ? tile : p->pixels > 8 ? p->pixels - 8 : 0, left = p->pixels - m;
        const uint32_t *at = p->offsets + m;
        const uint8_t *p0 = image + at[0], *p1 = image + at[1], *p2 = image + at[2], *p3 = image + at[3];
        const uint8_t *p4 = image + at[4], *p5 = image + at[5], *p6 = image + at[6], *p7 = image + at[7];
        const int8_t *w = p->w;
        int8_t *out = p->out + m * p->out_step;
        __m512i s00 = bias0, s10 = bias0, s20 = bias0, s30 = bias0, s40 = bias0, s50 = bias0, s60 = bias0, s70 = bias0;
        __m512i s01 = _mm512_setzero_si512(), s11 = s01, s21 = s01, s31 = s01, s41 = s01, s51 = s01, s61 = s01, s71 = s01;
        for (segment = 0; segment < p->segments; ++segment) {
            const size_t first = segment * p->segment_step, end = first + 4 * p->groups;
            for (k = first; k + 8 <= end; k += 8, w += 128) {
                const __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64);
                LI_VNNI_TWO(0) LI_VNNI_TWO(1) LI_VNNI_TWO(2) LI_VNNI_TWO(3)
                LI_VNNI_TWO(4) LI_VNNI_TWO(5) LI_VNNI_TWO(6) LI_VNNI_TWO(7)
            }
            if (k < end) {
                const __m512i w0 = _mm512_loadu_si512(w);
                LI_VNNI_ONE(0) LI_VNNI_ONE(1) LI_VNNI_ONE(2) LI_VNNI_ONE(3)
                LI_VNNI_ONE(4) LI_VNNI_ONE(5) LI_VNNI_ONE(6) LI_VNNI_ONE(7)
                w += 64;
            }
        }
        li_vnni_store_pixels(out, p->out_step, li_vnni_bytes(&e, LI_VNNI_ALL(0), LI_VNNI_ALL(1), LI_VNNI_ALL(2), LI_VNNI_ALL(3)),
                             mask, left);
        if (left > 4)
            li_vnni_store_pixels(out + 4 * p->out_step, p->out_step,
                                 li_vnni_bytes(&e, LI_VNNI_ALL(4), LI_VNNI_ALL(5), LI_VNNI_ALL(6), LI_VNNI_ALL(7)), mask, left - 4);
    }
}

LI_VNNI static void li_vnni_panel(const li_x86_panel *p)
{
    const li_vnni_end e = li_vnni_end_of(p->rescale);
    if (p->pixels == 1) li_vnni_single(p);
    else if (p->width == 16 && p->taps == 3 && p->run >= 16 && p->column % 4 == 0) li_vnni_taps(p);
    else if (p->width == 16) li_vnni_panel16(p, e);
    else if (p->width == 32) li_vnni_panel32(p, e);
    else if (p->width == 48) li_vnni_panel48(p, e);
    else li_vnni_panel64(p, e);
}

const li_x86_tiles li_vnni_tiles = {
    .costs = LI_X86_COSTS_AVX512_VNNI, .element_bytes = 1, .group = 4, .weight_bytes = 1, .shift = 128,
    .width = li_vnni_width, .lane = li_vnni_lane, .spread = li_vnni_spread, .widen = li_vnni_widen, .panel = li_vnni_panel,
};

const li_layer_kernels li_vnni_conv_s8 = {
    .loops = &li_vnni_tiles,
    .loop = LI_LOOP_DIRECT,
    .cost = li_x86_conv_cost,
    .packed_bytes = li_x86_conv_packed_bytes,
    .scratch_bytes = li_x86_conv_scratch_bytes,
    .units = li_x86_conv_units,
    .pack = li_x86_conv_pack,
    .run = li_x86_conv_run,
};

/* ---- sums of products ---- */

LI_VNNI static inline __m256i li_vnni_halve(__m512i v)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

/* sum((x + 128) w) - (zero_point + 128) sum(w), for four channels at a time; bytes behind the last one are masked. */
LI_VNNI void li_vnni_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride, size_t n,
                             size_t channels)
{
    const __m512i flip = _mm512_set1_epi8(-128), ones = _mm512_set1_epi8(1), factor = _mm512_set1_epi32(zero_point + 128);
    size_t c, k;
    for (c = 0; n != 0 && c < channels; c += 4) {
        const size_t count = channels - c < 4 ? channels - c : 4;      /* missing channels repeat the last one */
        const int8_t *w0 = w + c * stride, *w1 = count > 1 ? w0 + stride : w0, *w2 = count > 2 ? w1 + stride : w1;
        const int8_t *w3 = count > 3 ? w2 + stride : w2;
        __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
        __m256i pairs;
        __m128i four;
        for (k = 0; k < n; k += 64) {
            const __mmask64 mask = n - k >= 64 ? ~(__mmask64)0 : ~(__mmask64)0 >> (64 - (n - k));
            const __m512i v = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, x + k), flip);
            const __m512i v0 = _mm512_maskz_loadu_epi8(mask, w0 + k), v1 = _mm512_maskz_loadu_epi8(mask, w1 + k);
            const __m512i v2 = _mm512_maskz_loadu_epi8(mask, w2 + k), v3 = _mm512_maskz_loadu_epi8(mask, w3 + k);
            s0 = _mm512_dpbusd_epi32(s0, v, v0);
            s1 = _mm512_dpbusd_epi32(s1, v, v1);
            s2 = _mm512_dpbusd_epi32(s2, v, v2);
            s3 = _mm512_dpbusd_epi32(s3, v, v3);
            t0 = _mm512_dpbusd_epi32(t0, ones, v0);
            t1 = _mm512_dpbusd_epi32(t1, ones, v1);
            t2 = _mm512_dpbusd_epi32(t2, ones, v2);
            t3 = _mm512_dpbusd_epi32(t3, ones, v3);
        }
        s0 = _mm512_sub_epi32(s0, _mm512_mullo_epi32(t0, factor));
        s1 = _mm512_sub_epi32(s1, _mm512_mullo_epi32(t1, factor));
        s2 = _mm512_sub_epi32(s2, _mm512_mullo_epi32(t2, factor));
        s3 = _mm512_sub_epi32(s3, _mm512_mullo_epi32(t3, factor));
        pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(li_vnni_halve(s0), li_vnni_halve(s1)),
                                  _mm256_hadd_epi32(li_vnni_halve(s2), li_vnni_halve(s3)));
        four = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
        if (count == 4) {
            _mm_storeu_si128((__m128i *)(sums + c), _mm_add_epi32(_mm_loadu_si128((const __m128i *)(sums + c)), four));
        } else {
            const __mmask8 some = (__mmask8)((1u << count) - 1);
            _mm_mask_storeu_epi32(sums + c, some, _mm_add_epi32(_mm_maskz_loadu_epi32(some, sums + c), four));
        }
    }
}

/* ---- sums of two tensors ---- */

LI_VNNI static inline __m512i li_vnni_sum(const int8_t *a, const int8_t *b, const li_sum_s8 *s)
{
    const __m512i x = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)a));
    const __m512i y = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)b));
    const __m512i terms = _mm512_add_epi32(_mm512_mullo_epi32(y, _mm512_set1_epi32(s->factor_b)), _mm512_set1_epi32(s->bias));
    return _mm512_sra_epi32(_mm512_add_epi32(_mm512_mullo_epi32(x, _mm512_set1_epi32(s->factor_a)), terms), _mm_cvtsi32_si128(s->shift));
}

/* Saturation to 16 bits changes nothing: it keeps order, and the limits lie within int8. */
LI_VNNI void li_vnni_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *s, size_t n)
{
    const li_rescale_s8 limits = { 0, s->zero_point, s->low, s->high };
    const li_vnni_end e = li_vnni_end_of(&limits);
    const __m512i high = _mm512_set1_epi8((char)s->high);
    size_t i;
    for (i = 0; i + 64 <= n; i += 64) {
        const __m512i p = li_vnni_sum(a + i, b + i, s), q = li_vnni_sum(a + i + 16, b + i + 16, s);
        const __m512i r = li_vnni_sum(a + i + 32, b + i + 32, s), t = li_vnni_sum(a + i + 48, b + i + 48, s);
        _mm512_storeu_si512(out + i, _mm512_min_epi8(li_vnni_bytes(&e, p, q, r, t), high));
    }
    if (i < n) li_avx2_add_s8(out + i, a + i, b + i, s, n - i);
}

#else
typedef int li_avx512_vnni_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX-VNNI: int8 convolution, depthwise and fully connected layers on vpdpbusd in 256-bit registers, for processors that
 * have it without AVX-512. It adds four products of an unsigned and a signed byte to a 32-bit sum without saturation, so it
 * is exact. Activations are spread as unsigned bytes, x + 128; the share of the 128 is taken off the bias when weights are
 * packed.
 *
 * Convolution: 6 pixels x 16 channels, 12 registers of sums, two of weights as they are packed, one broadcast group of four
 * activations: twelve sums are more than the eight to ten that two products a cycle keep waiting. Depthwise: two output rows
 * x 4 pixels x 8 channels, four taps of a column in a step. Fully connected: eight channels, 32 weights of each in a step,
 * where they are. The loops are li_x86_tile_s8.h's; all else is AVX2's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX_VNNI

#include "li_avx2_tile.h"
#include "li_x86_costs.h"

#define LI_AVX_VNNI_FOURS_ELEMENT uint8_t
#define LI_AVX_VNNI_FOURS_GROUP 4
#define LI_AVX_VNNI_FOURS_WEIGHT int8_t
#define LI_AVX_VNNI_FOURS_WIDE(p) LI_YMM_LOAD(p)
#define LI_AVX_VNNI_FOURS_ADD(s, x, w) s = _mm256_dpbusd_avx_epi32(s, x, w); LI_PIN1(s);

LI_AVX2 static void li_avx_vnni_spread(void *to, const int8_t *x, size_t n)
{
    const __m256i flip = _mm256_set1_epi8(-128);
    uint8_t *bytes = to;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) _mm256_storeu_si256((__m256i *)(void *)(bytes + i), _mm256_xor_si256(LI_YMM_LOAD(x + i), flip));
    for (; i < n; ++i) bytes[i] = (uint8_t)(x[i] + 128);
}

/* ---- convolution ---- */

LI_S8_PANEL2(li_avx_vnni_panel16, LI_AVX_VNNI, LI_YMM, LI_AVX_VNNI_FOURS)
LI_S8_PANEL1(li_avx_vnni_panel8, LI_AVX_VNNI, LI_YMM, LI_AVX_VNNI_FOURS)

static void li_avx_vnni_panel(const li_x86_panel *p)
{
    if (p->width == 16) li_avx_vnni_panel16(p);
    else li_avx_vnni_panel8(p);
}

static const li_x86_tiles li_avx_vnni_tiles = {
    .costs = LI_X86_COSTS_AVX_VNNI, .element_bytes = 1, .group = 4, .weight_bytes = 1, .shift = 128,
    .width = li_avx2_width, .lane = li_avx2_lane, .spread = li_avx_vnni_spread, .panel = li_avx_vnni_panel,
};

const li_layer_kernels li_avx_vnni_conv_s8 = {
    .loops = &li_avx_vnni_tiles,
    .loop = LI_LOOP_DIRECT,
    .cost = li_x86_conv_cost,
    .packed_bytes = li_x86_conv_packed_bytes,
    .scratch_bytes = li_x86_conv_scratch_bytes,
    .units = li_x86_conv_units,
    .pack = li_x86_conv_pack,
    .run = li_x86_conv_run,
};

/* ---- depthwise ---- */

enum { LI_AVX_VNNI_PIXEL = 16 };      /* int16s that 8 channels of four rows take */

/* Pixels [x, end) of the zero point, in both blocks; the second one is void when there are 8 channels or fewer. */
LI_AVX2 static void li_avx_vnni_depthwise_blank(const li_depthwise_group *r, size_t x, size_t end)
{
    const __m256i outside = _mm256_set1_epi8((char)(r->zero ^ -128));
    for (; x < end; ++x) {
        _mm256_storeu_si256((__m256i *)(void *)(r->to + x * LI_AVX_VNNI_PIXEL), outside);
        _mm256_storeu_si256((__m256i *)(void *)(r->to + r->next + x * LI_AVX_VNNI_PIXEL), outside);
    }
}

LI_AVX2 static inline __m128i li_avx_vnni_row(const li_depthwise_walk *w, const li_depthwise_group *r, size_t h, size_t x, __m128i outside)
{
    const __m128i flip = _mm_set1_epi8(-128);
    return r->rows[h] != NULL ? _mm_xor_si128(li_avx2_load_some(r->rows[h] + x * w->in_pixel, r->channels), flip) : outside;
}

LI_AVX2 static void li_avx_vnni_depthwise_spread(const li_depthwise_walk *w, const li_depthwise_group *r)
{
    const __m128i outside = _mm_set1_epi8((char)(r->zero ^ -128));
    size_t x;
    li_avx_vnni_depthwise_blank(r, 0, r->before);
    for (x = 0; x < r->inside; ++x) {
        int16_t *const to = r->to + (r->before + x) * LI_AVX_VNNI_PIXEL, *const next = to + r->next;
        const __m128i r0 = li_avx_vnni_row(w, r, 0, x, outside), r1 = li_avx_vnni_row(w, r, 1, x, outside);
        const __m128i r2 = li_avx_vnni_row(w, r, 2, x, outside), r3 = li_avx_vnni_row(w, r, 3, x, outside);
        const __m128i low0 = _mm_unpacklo_epi8(r0, r1), low2 = _mm_unpacklo_epi8(r2, r3);
        const __m128i high0 = _mm_unpackhi_epi8(r0, r1), high2 = _mm_unpackhi_epi8(r2, r3);
        _mm_storeu_si128((__m128i *)(void *)to, _mm_unpacklo_epi16(low0, low2));
        _mm_storeu_si128((__m128i *)(void *)(to + 8), _mm_unpackhi_epi16(low0, low2));
        _mm_storeu_si128((__m128i *)(void *)next, _mm_unpacklo_epi16(high0, high2));
        _mm_storeu_si128((__m128i *)(void *)(next + 8), _mm_unpackhi_epi16(high0, high2));
    }
    li_avx_vnni_depthwise_blank(r, r->before + r->inside, w->padded_w);
}

/* A sample and three more: what was one byte further, and the last of them above it. */
LI_AVX2 static void li_avx_vnni_depthwise_slide(const li_depthwise_samples_of *s)
{
    const __m128i outside = _mm_set1_epi8((char)(s->zero ^ -128)), flip = _mm_set1_epi8(-128);
    int16_t *to = s->to;
    __m256i low = _mm256_setzero_si256(), high = low;
    int64_t t;
    for (t = s->from; t < s->end + 3; ++t) {
        const __m128i last = t >= 0 && t < s->length ? _mm_xor_si128(li_avx2_load_some(s->x + (size_t)t * s->step, s->channels), flip) : outside;
        low = _mm256_or_si256(_mm256_srli_epi32(low, 8), _mm256_slli_epi32(_mm256_cvtepu8_epi32(last), 24));
        high = _mm256_or_si256(_mm256_srli_epi32(high, 8), _mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(last, last)), 24));
        if (t < s->from + 3) continue;
        _mm256_storeu_si256((__m256i *)(void *)to, low);
        _mm256_storeu_si256((__m256i *)(void *)(to + s->next), high);
        to += LI_AVX_VNNI_PIXEL;
    }
}

LI_S8_ROWS(li_avx_vnni_depthwise_rows, LI_AVX_VNNI, LI_YMM, LI_AVX_VNNI_FOURS)

static const li_depthwise_tiles li_avx_vnni_depthwise_tiles = {
    .lanes = 8, .tall = 4, .shift = 128, .spread = li_avx_vnni_depthwise_spread,
    .slide = li_avx_vnni_depthwise_slide, .two_rows = li_avx_vnni_depthwise_rows,
};

const li_layer_kernels li_avx_vnni_depthwise_s8 = {
    .loops = &li_avx_vnni_depthwise_tiles,
    .loop = LI_LOOP_DEPTHWISE,
    .packed_bytes = li_x86_depthwise_packed_bytes,
    .scratch_bytes = li_x86_depthwise_scratch_bytes,
    .pack = li_x86_depthwise_pack,
    .run = li_x86_depthwise_run,
};

/* ---- fully connected ---- */

LI_S8_DENSE(li_avx_vnni_dense_eight, LI_AVX_VNNI, LI_YMM, LI_AVX_VNNI_FOURS)

static const li_dense_loops li_avx_vnni_dense_loops = {
    .element_bytes = 1, .step = 32, .shift = 128,
    .spread = li_avx_vnni_spread, .eight = li_avx_vnni_dense_eight, .requantize = li_avx2_requantize_s8,
};

const li_layer_kernels li_avx_vnni_dense_s8 = {
    .loops = &li_avx_vnni_dense_loops,
    .loop = LI_LOOP_DENSE,
    .packed_bytes = li_x86_dense_packed_bytes,
    .scratch_bytes = li_x86_dense_scratch_bytes,
    .pack = li_x86_dense_pack,
    .units = li_x86_dense_units,
    .run = li_x86_dense_run,
};

#else
typedef int li_avx_vnni_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 convolution, depthwise and fully connected layers in SSE4.1, for processors without AVX2: the loops of AVX2 at half
 * the width. Convolution: 6 pixels x 8 channels, 12 registers of sums, two of weights widened in the loop from int8, one
 * broadcast pair of activations, one product (pmaddwd). Depthwise: two output rows x 4 pixels x 4 channels, two taps of a
 * column in a step. Fully connected: eight channels, eight weights of each in a step, where they are. The loops are
 * li_x86_tile_s8.h's.
 */
#include "li_sse41.h"

#if LI_X86_KERNELS

#include "li_x86_tile_s8.h"

LI_SSE41 static void li_sse41_spread(void *to, const int8_t *x, size_t n)
{
    int16_t *wide = to;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) _mm_storeu_si128((__m128i *)(void *)(wide + i), li_sse41_widen8(x + i));
    for (; i < n; ++i) wide[i] = x[i];
}

/* ---- convolution ---- */

static size_t li_sse41_lane(size_t width, size_t lane)
{
    (void)width;
    return lane;
}

static size_t li_sse41_width(size_t channels)
{
    return channels <= 4 ? 4 : 8;
}

LI_S8_PANEL2(li_sse41_panel8, LI_SSE41, LI_XMM, LI_SSE41_PAIRS)
LI_S8_PANEL1(li_sse41_panel4, LI_SSE41, LI_XMM, LI_SSE41_PAIRS)

static void li_sse41_panel(const li_x86_panel *p)
{
    if (p->width == 8) li_sse41_panel8(p);
    else li_sse41_panel4(p);
}

static const li_x86_tiles li_sse41_tiles = {
    .element_bytes = 2, .group = 2, .weight_bytes = 1, .shift = 0,
    .width = li_sse41_width, .lane = li_sse41_lane, .spread = li_sse41_spread, .panel = li_sse41_panel,
};

const li_layer_kernels li_sse41_conv_s8 = {
    .loops = &li_sse41_tiles,
    .loop = LI_LOOP_DIRECT,
    .packed_bytes = li_x86_conv_packed_bytes,
    .scratch_bytes = li_x86_conv_scratch_bytes,
    .units = li_x86_conv_units,
    .pack = li_x86_conv_pack,
    .run = li_x86_conv_run,
};

/* ---- depthwise ---- */

enum { LI_SSE41_PIXEL = 8 };      /* int16s that 4 channels of two rows take */

/* 16 channels of a pixel, of which those from `channels` on are void. */
LI_SSE41 static inline __m128i li_sse41_load_some(const int8_t *p, size_t channels)
{
    int8_t some[16] = { 0 };
    if (channels == 16) return LI_XMM_LOAD(p);
    if (channels == 8) return _mm_loadl_epi64((const __m128i *)(const void *)p);
    li_copy(some, p, channels);
    return LI_XMM_LOAD(some);
}

/* Every output byte of a pixel is one of its first 16 input bytes: one shuffle by a pattern that is the same for all pixels. */
LI_SSE41 void li_sse41_repeat(int8_t *to, size_t to_step, const li_depthwise_repeat *from)
{
    size_t done, n, x, i;
    for (done = 0; done < from->channels; done += n) {
        const size_t first = from->first + done, m = from->multiplier;
        const int8_t *p = from->x + first / m;
        size_t index = 0, left = m - first % m;
        int8_t indices[16] = { 0 };
        __m128i pattern;
        n = from->channels - done < 16 ? from->channels - done : 16;
        for (i = 0; i < n; ++i) {
            if (left == 0) {
                left = m;
                ++index;
            }
            --left;
            indices[i] = (int8_t)index;
        }
        pattern = LI_XMM_LOAD(indices);
        for (x = 0; x < from->pixels; ++x, p += from->step) {
            const __m128i v = from->end - p >= 16 ? LI_XMM_LOAD(p) : li_sse41_load_some(p, index + 1);
            _mm_storeu_si128((__m128i *)(void *)(to + x * to_step + done), _mm_shuffle_epi8(v, pattern));
        }
    }
}

/* One pixel of two rows in all four blocks, of which those without channels are void. */
LI_SSE41 static inline void li_sse41_depthwise_pixel(const li_depthwise_group *r, size_t x, __m128i p, __m128i q)
{
    const __m128i low = _mm_unpacklo_epi8(p, q), high = _mm_unpackhi_epi8(p, q);
    int16_t *const to = r->to + x * LI_SSE41_PIXEL;
    _mm_storeu_si128((__m128i *)(void *)to, _mm_cvtepi8_epi16(low));
    _mm_storeu_si128((__m128i *)(void *)(to + r->next), _mm_cvtepi8_epi16(_mm_unpackhi_epi64(low, low)));
    _mm_storeu_si128((__m128i *)(void *)(to + 2 * r->next), _mm_cvtepi8_epi16(high));
    _mm_storeu_si128((__m128i *)(void *)(to + 3 * r->next), _mm_cvtepi8_epi16(_mm_unpackhi_epi64(high, high)));
}

LI_SSE41 static void li_sse41_depthwise_spread(const li_depthwise_walk *w, const li_depthwise_group *r)
{
    const __m128i outside = _mm_set1_epi8((char)r->zero);
    const size_t end = r->before + r->inside;
    size_t x;
    for (x = 0; x < r->before; ++x) li_sse41_depthwise_pixel(r, x, outside, outside);
    for (; x < end; ++x) {
        const size_t at = (x - r->before) * w->in_pixel;
        li_sse41_depthwise_pixel(r, x, r->rows[0] != NULL ? li_sse41_load_some(r->rows[0] + at, r->channels) : outside,
                                 r->rows[1] != NULL ? li_sse41_load_some(r->rows[1] + at, r->channels) : outside);
    }
    for (; x < w->padded_w; ++x) li_sse41_depthwise_pixel(r, x, outside, outside);
}

LI_S8_ROWS(li_sse41_depthwise_rows, LI_SSE41, LI_XMM, LI_SSE41_PAIRS)

static const li_depthwise_tiles li_sse41_depthwise_tiles = {
    .lanes = 4, .tall = 2, .shift = 0, .spread = li_sse41_depthwise_spread, .two_rows = li_sse41_depthwise_rows,
};

const li_layer_kernels li_sse41_depthwise_s8 = {
    .loops = &li_sse41_depthwise_tiles,
    .loop = LI_LOOP_DEPTHWISE,
    .packed_bytes = li_x86_depthwise_packed_bytes,
    .scratch_bytes = li_x86_depthwise_scratch_bytes,
    .pack = li_x86_depthwise_pack,
    .run = li_x86_depthwise_run,
};

/* ---- fully connected ---- */

LI_S8_DENSE(li_sse41_dense_eight, LI_SSE41, LI_XMM, LI_SSE41_PAIRS)

static const li_dense_loops li_sse41_dense_loops = {
    .element_bytes = 2, .step = 8, .shift = 0,
    .spread = li_sse41_spread, .eight = li_sse41_dense_eight, .requantize = li_sse41_requantize_s8,
};

const li_layer_kernels li_sse41_dense_s8 = {
    .loops = &li_sse41_dense_loops,
    .loop = LI_LOOP_DENSE,
    .packed_bytes = li_x86_dense_packed_bytes,
    .scratch_bytes = li_x86_dense_scratch_bytes,
    .pack = li_x86_dense_pack,
    .units = li_x86_dense_units,
    .run = li_x86_dense_run,
};

#else
typedef int li_sse41_layers_are_left_out;      /* an empty translation unit is not C */
#endif

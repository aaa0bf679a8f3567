/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 convolution in AVX2: 6 pixels x 16 channels, 12 registers of sums, two of weights, one broadcast pair of activations,
 * one product. A step takes two k's: a pair of int16 activations, broadcast, times pairs of weights (vpmaddwd), which is
 * exact: two products of at most 2^14 each. Weights are packed as int8 and widened in the loop, or packed as int16, which
 * spares two instructions a step and takes twice the bytes: ADR 0018. Panels of 8 channels end a layer whose count
 * leaves no more. The loops are li_x86_tile_s8.h's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"
#include "li_x86_costs.h"

LI_AVX2 void li_avx2_spread(void *to, const int8_t *x, size_t n)
{
    int16_t *wide = to;
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        _mm256_storeu_si256((__m256i *)(wide + i), li_avx2_widen16(x + i));
        _mm256_storeu_si256((__m256i *)(wide + i + 16), li_avx2_widen16(x + i + 16));
    }
    for (; i + 8 <= n; i += 8) _mm_storeu_si128((__m128i *)(wide + i), li_avx2_widen8(x + i));
    for (; i < n; ++i) wide[i] = x[i];
}

LI_S8_PANEL2(li_avx2_panel16, LI_AVX2, LI_YMM, LI_AVX2_PAIRS)
LI_S8_PANEL1(li_avx2_panel8, LI_AVX2, LI_YMM, LI_AVX2_PAIRS)

static void li_avx2_panel(const li_x86_panel *p)
{
    if (p->width == 16) li_avx2_panel16(p);
    else li_avx2_panel8(p);
}

LI_S8_PANEL2(li_avx2_wide_panel16, LI_AVX2, LI_YMM, LI_AVX2_WIDE_PAIRS)
LI_S8_PANEL1(li_avx2_wide_panel8, LI_AVX2, LI_YMM, LI_AVX2_WIDE_PAIRS)

static void li_avx2_wide_panel(const li_x86_panel *p)
{
    if (p->width == 16) li_avx2_wide_panel16(p);
    else li_avx2_wide_panel8(p);
}

#define LI_AVX2_TILES                                                                                                  \
    .element_bytes = 2, .group = 2, .shift = 0, .width = li_avx2_width, .lane = li_avx2_lane, .spread = li_avx2_spread
static const li_x86_tiles li_avx2_tiles = {
    LI_AVX2_TILES, .weight_bytes = 1, .panel = li_avx2_panel, .costs = LI_X86_COSTS_AVX2,
};
static const li_x86_tiles li_avx2_wide_tiles = {
    LI_AVX2_TILES, .weight_bytes = 2, .panel = li_avx2_wide_panel, .costs = LI_X86_COSTS_AVX2_WIDE,
};

#define LI_AVX2_CONV                                                                                                   \
    .cost = li_x86_conv_cost, .packed_bytes = li_x86_conv_packed_bytes, .scratch_bytes = li_x86_conv_scratch_bytes, .units = li_x86_conv_units, \
    .pack = li_x86_conv_pack, .run = li_x86_conv_run
const li_layer_kernels li_avx2_conv_s8 = { .loops = &li_avx2_tiles, .loop = LI_LOOP_DIRECT, LI_AVX2_CONV };
const li_layer_kernels li_avx2_wide_conv_s8 = {
    .loops = &li_avx2_wide_tiles, .loop = LI_LOOP_DIRECT16, .packed_below = LI_X86_WIDE_BYTES, LI_AVX2_CONV
};

#else
typedef int li_avx2_conv_is_left_out;      /* an empty translation unit is not C */
#endif

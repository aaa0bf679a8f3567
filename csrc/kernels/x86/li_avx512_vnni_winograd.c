/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops of Winograd convolutions in AVX-512 with VNNI. Transforms take 32 int16 or 16 int32 in a register. Products are
 * vpdpwssd, which adds two products of int16 to a 32-bit sum, exactly: 6 or 4 tiles x 32 channels in 12 or 8 registers of
 * sums, or 12 or 8 tiles x 16 channels; two or one of weights, and each broadcast pair of inputs is read by the product
 * itself. Two products start in a cycle and take four, so no tile has fewer than eight sums.
 */
#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#include "li_avx512_vnni.h"
#include "li_x86_costs.h"
#include "li_x86_winograd.h"

LI_VNNI static inline __m512i li_vnni_winograd_few(const int8_t *p, size_t n)
{
    return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(((__mmask32)1 << n) - 1, p));
}

#define LI_WINO_SET LI_VNNI
#define LI_WINO_SHARED static
#define LI_WINO_NAME(f) li_vnni_wino_##f
#define LI_WINO_V __m512i
#define LI_WINO_LANES 32
#define LI_WINO_LOAD(p) _mm512_loadu_si512(p)
#define LI_WINO_STORE(p, v) _mm512_storeu_si512(p, v)
#define LI_WINO_BYTES(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define LI_WINO_FEW(p, n) li_vnni_winograd_few(p, n)
#define LI_WINO_ADD16 _mm512_add_epi16
#define LI_WINO_SUB16 _mm512_sub_epi16
#define LI_WINO_SHL16 _mm512_slli_epi16
#define LI_WINO_ADD32 _mm512_add_epi32
#define LI_WINO_SUB32 _mm512_sub_epi32
#define LI_WINO_SHL32 _mm512_slli_epi32
#define LI_WINO_SAR32 _mm512_srai_epi32
#define LI_WINO_MUL32 _mm512_mullo_epi32
#define LI_WINO_SET32 _mm512_set1_epi32
#include "li_x86_winograd_loops.inc"
#undef LI_WINO_SET
#undef LI_WINO_SHARED
#undef LI_WINO_NAME
#undef LI_WINO_V
#undef LI_WINO_LANES
#undef LI_WINO_LOAD
#undef LI_WINO_STORE
#undef LI_WINO_BYTES
#undef LI_WINO_FEW
#undef LI_WINO_ADD16
#undef LI_WINO_SUB16
#undef LI_WINO_SHL16
#undef LI_WINO_ADD32
#undef LI_WINO_SUB32
#undef LI_WINO_SHL32
#undef LI_WINO_SAR32
#undef LI_WINO_MUL32
#undef LI_WINO_SET32

/* Up to 16 channels half a register does the same. */
LI_VNNI static void li_vnni_winograd_along4(int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows, size_t step,
                                            size_t channels, size_t tiles)
{
    if (channels <= 16) li_avx2_wino_along4(v, v_step, v_tile, rows, step, channels, tiles);
    else li_vnni_wino_along4(v, v_step, v_tile, rows, step, channels, tiles);
}

LI_VNNI static void li_vnni_winograd_along2(int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows, size_t step,
                                            size_t channels, size_t tiles)
{
    if (channels <= 16) li_avx2_wino_along2(v, v_step, v_tile, rows, step, channels, tiles);
    else li_vnni_wino_along2(v, v_step, v_tile, rows, step, channels, tiles);
}

/* ---- products ---- */

LI_VNNI static inline __m512i li_vnni_winograd_pair(const int16_t *p)
{
    int32_t pair;
    li_copy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}

/* Tile i's input: four bases, and two distances that addresses take in. */
#define LI_VNNI_WINO_ROW0 v
#define LI_VNNI_WINO_ROW1 v + v_tile
#define LI_VNNI_WINO_ROW2 v + v_twice
#define LI_VNNI_WINO_ROW3 v3
#define LI_VNNI_WINO_ROW4 v3 + v_tile
#define LI_VNNI_WINO_ROW5 v3 + v_twice
#define LI_VNNI_WINO_ROW6 v6
#define LI_VNNI_WINO_ROW7 v6 + v_tile
#define LI_VNNI_WINO_ROW8 v6 + v_twice
#define LI_VNNI_WINO_ROW9 v9
#define LI_VNNI_WINO_ROW10 v9 + v_tile
#define LI_VNNI_WINO_ROW11 v9 + v_twice
#define LI_VNNI_WINO_START(i, b) __m512i s##i##b = _mm512_setzero_si512();
#define LI_VNNI_WINO_STEP(i, b)                                                                                        \
    s##i##b = _mm512_dpwssd_epi32(s##i##b, w##b, li_vnni_winograd_pair(LI_VNNI_WINO_ROW##i + k));                           \
    __asm__("" : "+v"(s##i##b));
#define LI_VNNI_WINO_STORE(i, b) _mm512_storeu_si512(sums + i * step + 16 * b, s##i##b);
#define LI_VNNI_WINO_LOAD(b) const __m512i w##b = _mm512_loadu_si512(w + 32 * b);
#define LI_VNNI_WINO_ONE(M, i) M(i, 0)
#define LI_VNNI_WINO_TWO(M, i) M(i, 0) M(i, 1)
#define LI_VNNI_WINO_LOAD_ONE LI_VNNI_WINO_LOAD(0)
#define LI_VNNI_WINO_LOAD_TWO LI_VNNI_WINO_LOAD(0) LI_VNNI_WINO_LOAD(1)
#define LI_VNNI_WINO_4(E, M) E(M, 0) E(M, 1) E(M, 2) E(M, 3)
#define LI_VNNI_WINO_6(E, M) LI_VNNI_WINO_4(E, M) E(M, 4) E(M, 5)
#define LI_VNNI_WINO_8(E, M) LI_VNNI_WINO_6(E, M) E(M, 6) E(M, 7)
#define LI_VNNI_WINO_12(E, M) LI_VNNI_WINO_8(E, M) E(M, 8) E(M, 9) E(M, 10) E(M, 11)
#define LI_VNNI_WINO_PRODUCTS(name, TILES, VECTORS, LOADS, vectors)                                                    \
    LI_VNNI static inline void name(int32_t *sums, size_t step, const int16_t *v, size_t v_tile, const int16_t *w, size_t n) \
    {                                                                                                                  \
        const size_t v_twice = 2 * v_tile;                                                                             \
        const int16_t *v3 = v + 3 * v_tile, *v6 = v3 + 3 * v_tile, *v9 = v6 + 3 * v_tile;                              \
        size_t k;                                                                                                      \
        (void)v6, (void)v9;                                                                                            \
        TILES(VECTORS, LI_VNNI_WINO_START)                                                                             \
        for (k = 0; k < n; k += 2, w += 32 * (vectors)) {                                                              \
            LOADS                                                                                                      \
            TILES(VECTORS, LI_VNNI_WINO_STEP)                                                                          \
        }                                                                                                              \
        TILES(VECTORS, LI_VNNI_WINO_STORE)                                                                             \
    }
LI_VNNI_WINO_PRODUCTS(li_vnni_winograd_4x32, LI_VNNI_WINO_4, LI_VNNI_WINO_TWO, LI_VNNI_WINO_LOAD_TWO, 2)
LI_VNNI_WINO_PRODUCTS(li_vnni_winograd_6x32, LI_VNNI_WINO_6, LI_VNNI_WINO_TWO, LI_VNNI_WINO_LOAD_TWO, 2)
LI_VNNI_WINO_PRODUCTS(li_vnni_winograd_8x16, LI_VNNI_WINO_8, LI_VNNI_WINO_ONE, LI_VNNI_WINO_LOAD_ONE, 1)
LI_VNNI_WINO_PRODUCTS(li_vnni_winograd_12x16, LI_VNNI_WINO_12, LI_VNNI_WINO_ONE, LI_VNNI_WINO_LOAD_ONE, 1)

/* Tiles in the larger counts, and in the smaller ones where that leaves fewer void ones. */
LI_VNNI static void li_vnni_winograd_products(const li_winograd_products *p)
{
    const size_t step = p->positions * p->width, n = 2 * p->pairs, scale = p->width == 32 ? 1 : 2;
    size_t position, t, count;
    for (position = 0; position < p->positions; ++position) {
        const int16_t *w = p->w + position * n * p->width;
        for (t = 0; t < p->tiles; t += count) {
            const int16_t *v = p->v + position * p->v_step + t * p->v_tile;
            int32_t *sums = p->sums + position * p->width + t * step;
            const size_t left = p->tiles - t;
            const int few = left <= 4 * scale || (left > 6 * scale && left <= 8 * scale);
            count = (few ? 4 : 6) * scale;
            if (p->width == 32) (few ? li_vnni_winograd_4x32 : li_vnni_winograd_6x32)(sums, step, v, p->v_tile, w, n);
            else (few ? li_vnni_winograd_8x16 : li_vnni_winograd_12x16)(sums, step, v, p->v_tile, w, n);
        }
    }
}

/* ---- the output ---- */

/* Row i of a tile of F(m x m). */
#define LI_VNNI_WINO_ROW(i, m, taps) if ((i) < p->rows) {                                                              \
    li_vnni_wino_row##m(s, lines + (i) * (taps), bias);                                                                \
    li_vnni_store_pixels(out + (i) * p->row_step, p->out_step,                                                         \
                         li_vnni_bytes(&e, li_vnni_scale(&e, s[0], multipliers), li_vnni_scale(&e, s[1], multipliers),   \
                                       li_vnni_scale(&e, s[(m) - 2], multipliers), li_vnni_scale(&e, s[(m) - 1], multipliers)), \
                         mask, columns); }
#define LI_VNNI_WINO_ROWS4 LI_VNNI_WINO_ROW(0, 4, 6) LI_VNNI_WINO_ROW(1, 4, 6) LI_VNNI_WINO_ROW(2, 4, 6) LI_VNNI_WINO_ROW(3, 4, 6)
#define LI_VNNI_WINO_ROWS2 LI_VNNI_WINO_ROW(0, 2, 4) LI_VNNI_WINO_ROW(1, 2, 4)

/* li_winograd_loops' end. Void lanes are computed and not stored. */
#define LI_VNNI_WINO_END(m, taps, ROWS)                                                                                \
    LI_VNNI static void li_vnni_winograd_end##m(const li_winograd_end *p)                                              \
    {                                                                                                                  \
        const li_vnni_end e = li_vnni_end_of(p->rescale);                                                              \
        const size_t sums_step = (taps) * (taps) * p->width;                                                           \
        size_t b, t;                                                                                                   \
        for (b = 0; 16 * b < p->channels; ++b) {                                                                       \
            const __mmask16 mask = li_vnni_mask(p->channels, b);                                                       \
            const __m512i bias = _mm512_loadu_si512(p->bias + 16 * b);                                                 \
            const __m512 multipliers = _mm512_loadu_ps(p->multipliers + 16 * b);                                       \
            for (t = 0; t < p->tiles; ++t) {                                                                           \
                int8_t *out = p->out + t * (m) * p->out_step + 16 * b;                                                 \
                const size_t left = p->columns - t * (m), columns = left < (m) ? left : (m);                           \
                __m512i lines[(m) * (taps)], s[m];                                                                     \
                li_vnni_wino_lines##m(lines, (const __m512i *)(const void *)(p->sums + t * sums_step + 16 * b), p->width / 16); \
                ROWS                                                                                                   \
            }                                                                                                          \
        }                                                                                                              \
    }
LI_VNNI_WINO_END(4, 6, LI_VNNI_WINO_ROWS4)
LI_VNNI_WINO_END(2, 4, LI_VNNI_WINO_ROWS2)

static size_t li_vnni_winograd_width(size_t channels)
{
    return channels > 16 ? 32 : 16;
}

static size_t li_vnni_winograd_lane(size_t width, size_t lane)
{
    (void)width;
    return lane;
}

#define LI_VNNI_WINO_LOOPS                                                                                             \
    .costs = LI_X86_COSTS_AVX512_VNNI, .width = li_vnni_winograd_width, .lane = li_vnni_winograd_lane,                 \
    .products = li_vnni_winograd_products
static const li_winograd_loops li_vnni_winograd2 = {
    .m = 2, .down = li_vnni_wino_down2, .along = li_vnni_winograd_along2, .end = li_vnni_winograd_end2, LI_VNNI_WINO_LOOPS
};
static const li_winograd_loops li_vnni_winograd4 = {
    .m = 4, .down = li_vnni_wino_down4, .along = li_vnni_winograd_along4, .end = li_vnni_winograd_end4, LI_VNNI_WINO_LOOPS
};

const li_layer_kernels li_vnni_winograd2_s8 = LI_X86_WINOGRAD(li_vnni_winograd2, LI_LOOP_WINOGRAD2, LI_WINOGRAD2_LIMIT);
const li_layer_kernels li_vnni_winograd4_s8 = LI_X86_WINOGRAD(li_vnni_winograd4, LI_LOOP_WINOGRAD4, LI_WINOGRAD4_LIMIT);

#else
typedef int li_avx512_vnni_winograd_is_left_out;      /* an empty translation unit is not C */
#endif

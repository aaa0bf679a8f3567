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

#define LI_WINO_SET LI_VNNI
#define LI_WINO_NAME(f) li_vnni_wino_##f
#define LI_WINO_V __m512i
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
#undef LI_WINO_NAME
#undef LI_WINO_V
#undef LI_WINO_ADD16
#undef LI_WINO_SUB16
#undef LI_WINO_SHL16
#undef LI_WINO_ADD32
#undef LI_WINO_SUB32
#undef LI_WINO_SHL32
#undef LI_WINO_SAR32
#undef LI_WINO_MUL32
#undef LI_WINO_SET32

/* ---- the input ---- */

LI_VNNI static inline void li_vnni_winograd_columns(int32_t m, int16_t *to, size_t step, const int8_t *const *rows, size_t n)
{
    const size_t taps = (size_t)m + 2;
    size_t k, i;
    for (k = 0; k < n; k += 32) {
        const __mmask32 inside = n - k >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << (n - k)) - 1;
        __m512i x[6], o[6];
        for (i = 0; i < taps; ++i) x[i] = _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(inside, rows[i] + k));
        if (m == 4) li_vnni_wino_in4(x, 1, o, 1);
        else li_vnni_wino_in2(x, 1, o, 1);
        for (i = 0; i < taps; ++i) _mm512_storeu_si512(to + i * step + k, o[i]);
    }
}

LI_VNNI static void li_vnni_winograd_down(int32_t m, int16_t *to, size_t step, const int8_t *const *rows, size_t n)
{
    if (m == 4) li_vnni_winograd_columns(4, to, step, rows, n);
    else li_vnni_winograd_columns(2, to, step, rows, n);
}

LI_VNNI static inline void li_vnni_winograd_lines(int32_t m, int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows,
                                                  size_t step, size_t channels, size_t tiles)
{
    const size_t taps = (size_t)m + 2;
    size_t t, i, j, c;
    for (t = 0; t < tiles; ++t)
        for (i = 0; i < taps; ++i)
            for (c = 0; c < channels; c += 32) {
                const int16_t *from = rows + i * step + t * (size_t)m * channels + c;
                int16_t *to = v + i * taps * v_step + t * v_tile + c;
                __m512i x[6], o[6];
                for (j = 0; j < taps; ++j) x[j] = _mm512_loadu_si512(from + j * channels);
                if (m == 4) li_vnni_wino_in4(x, 1, o, 1);
                else li_vnni_wino_in2(x, 1, o, 1);
                for (j = 0; j < taps; ++j) _mm512_storeu_si512(to + j * v_step, o[j]);
            }
}

/* Up to 16 channels half a register does the same. */
LI_VNNI static void li_vnni_winograd_along(int32_t m, int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows, size_t step,
                                           size_t channels, size_t tiles)
{
    if (channels <= 16) li_avx2_winograd_along(m, v, v_step, v_tile, rows, step, channels, tiles);
    else if (m == 4) li_vnni_winograd_lines(4, v, v_step, v_tile, rows, step, channels, tiles);
    else li_vnni_winograd_lines(2, v, v_step, v_tile, rows, step, channels, tiles);
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

LI_VNNI static inline void li_vnni_winograd_tiles(int32_t m, const li_winograd_end *p, size_t b)
{
    const li_vnni_end e = li_vnni_end_of(p->rescale);
    const __mmask16 mask = li_vnni_mask(p->channels, b);
    const __m512i bias = _mm512_loadu_si512(p->bias + 16 * b);
    const __m512 multipliers = _mm512_loadu_ps(p->multipliers + 16 * b);
    const size_t side = (size_t)m, sums_step = (side + 2) * (side + 2) * p->width;
    size_t t, i;
    for (t = 0; t < p->tiles; ++t) {
        const __m512i *sums = (const __m512i *)(const void *)(p->sums + t * sums_step + 16 * b);
        int8_t *out = p->out + t * side * p->out_step + 16 * b;
        const size_t columns = p->columns - t * side < side ? p->columns - t * side : side;
        __m512i s[16];
        if (m == 4) li_vnni_wino_tile4(s, sums, p->width / 16, bias);
        else li_vnni_wino_tile2(s, sums, p->width / 16, bias);
        for (i = 0; i < p->rows; ++i) {
            const __m512i *row = s + i * side;
            const __m512i q0 = li_vnni_scale(&e, row[0], multipliers), q1 = li_vnni_scale(&e, row[1], multipliers);
            const __m512i q2 = m == 4 ? li_vnni_scale(&e, row[2], multipliers) : q0;
            const __m512i q3 = m == 4 ? li_vnni_scale(&e, row[3], multipliers) : q1;
            li_vnni_store_pixels(out + i * p->row_step, p->out_step, li_vnni_bytes(&e, q0, q1, q2, q3), mask, columns);
        }
    }
}

LI_VNNI static void li_vnni_winograd_end(const li_winograd_end *p)
{
    size_t b;
    for (b = 0; 16 * b < p->channels; ++b) {
        if (p->m == 4) li_vnni_winograd_tiles(4, p, b);
        else li_vnni_winograd_tiles(2, p, b);
    }
}

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
    .down = li_vnni_winograd_down, .along = li_vnni_winograd_along, .products = li_vnni_winograd_products,             \
    .end = li_vnni_winograd_end
static const li_winograd_loops li_vnni_winograd2 = { .m = 2, LI_VNNI_WINO_LOOPS };
static const li_winograd_loops li_vnni_winograd4 = { .m = 4, LI_VNNI_WINO_LOOPS };

const li_layer_kernels li_vnni_winograd2_s8 = LI_X86_WINOGRAD(li_vnni_winograd2, LI_LOOP_WINOGRAD2, LI_WINOGRAD2_LIMIT);
const li_layer_kernels li_vnni_winograd4_s8 = LI_X86_WINOGRAD(li_vnni_winograd4, LI_LOOP_WINOGRAD4, LI_WINOGRAD4_LIMIT);

#else
typedef int li_avx512_vnni_winograd_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops of Winograd convolutions in AVX2. Transforms take 16 int16 or 8 int32 in a register. Products: 6 or 4 tiles x 16
 * channels, 12 registers of sums, two of weights, one broadcast pair of inputs, one product, as in li_avx2_conv.c, or none with AVX-VNNI, whose
 * vpdpwssd adds two products to a 32-bit sum; k is
 * short, so all tiles and positions of a panel are one call.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"
#include "li_x86_costs.h"
#include "li_x86_winograd.h"

/* Nothing behind the bytes is read. */
LI_AVX2 static inline __m256i li_avx2_winograd_few(const int8_t *p, size_t n)
{
    return _mm256_cvtepi8_epi16(li_avx2_load_some(p, n));
}

#define LI_WINO_SET LI_AVX2
#define LI_WINO_SHARED
#define LI_WINO_NAME(f) li_avx2_wino_##f
#define LI_WINO_V __m256i
#define LI_WINO_LANES 16
#define LI_WINO_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define LI_WINO_STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define LI_WINO_BYTES(p) li_avx2_widen16(p)
#define LI_WINO_FEW(p, n) li_avx2_winograd_few(p, n)
#define LI_WINO_ADD16 _mm256_add_epi16
#define LI_WINO_SUB16 _mm256_sub_epi16
#define LI_WINO_SHL16 _mm256_slli_epi16
#define LI_WINO_ADD32 _mm256_add_epi32
#define LI_WINO_SUB32 _mm256_sub_epi32
#define LI_WINO_SHL32 _mm256_slli_epi32
#define LI_WINO_SAR32 _mm256_srai_epi32
#define LI_WINO_MUL32 _mm256_mullo_epi32
#define LI_WINO_SET32 _mm256_set1_epi32
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

/* ---- products ---- */

#define LI_AVX2_WINO_PAIR(p) _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)(p)))
#define LI_AVX2_WINO_START(i) __m256i a##i = _mm256_setzero_si256(), b##i = a##i;
#define LI_AVX2_WINO_TILE(i)                                                                                           \
    x = LI_AVX2_WINO_PAIR(v + i * v_tile + k);                                                                         \
    a##i = _mm256_add_epi32(a##i, _mm256_madd_epi16(x, w0));                                                           \
    b##i = _mm256_add_epi32(b##i, _mm256_madd_epi16(x, w1));                                                           \
    LI_PIN2(a##i, b##i);
#define LI_AVX_VNNI_WINO_TILE(i)                                                                                       \
    x = LI_AVX2_WINO_PAIR(v + i * v_tile + k);                                                                         \
    a##i = _mm256_dpwssd_avx_epi32(a##i, x, w0);                                                                       \
    b##i = _mm256_dpwssd_avx_epi32(b##i, x, w1);                                                                       \
    LI_PIN2(a##i, b##i);
#define LI_AVX2_WINO_STORE(i)                                                                                          \
    _mm256_storeu_si256((__m256i *)(void *)(sums + i * step), a##i);                                                   \
    _mm256_storeu_si256((__m256i *)(void *)(sums + i * step + 8), b##i);
#define LI_AVX2_WINO_FOUR(M) LI_WINO_EACH4(M)
#define LI_AVX2_WINO_SIX(M) LI_WINO_EACH6(M)
#define LI_AVX2_WINO_TILES(name, TARGET, EACH, TILE)                                                                   \
    TARGET static inline void name(int32_t *sums, size_t step, const int16_t *v, size_t v_tile, const int16_t *w, size_t n) \
    {                                                                                                                  \
        size_t k;                                                                                                      \
        EACH(LI_AVX2_WINO_START)                                                                                       \
        for (k = 0; k < n; k += 2, w += 32) {                                                                          \
            const __m256i w0 = LI_YMM_LOAD(w), w1 = LI_YMM_LOAD(w + 16);                                       \
            __m256i x;                                                                                                 \
            EACH(TILE)                                                                                                 \
        }                                                                                                              \
        EACH(LI_AVX2_WINO_STORE)                                                                                       \
    }

/* li_winograd_loops' products: tiles in sixes, and in fours where that leaves fewer void ones: up to 4, 7, 8. */
#define LI_AVX2_WINO_PRODUCTS(set, TARGET, TILE)                                                                       \
    LI_AVX2_WINO_TILES(set##_six, TARGET, LI_AVX2_WINO_SIX, TILE)                                                      \
    LI_AVX2_WINO_TILES(set##_four, TARGET, LI_AVX2_WINO_FOUR, TILE)                                                    \
    TARGET static void set##_products(const li_winograd_products *p)                                                   \
    {                                                                                                                  \
        const size_t step = p->positions * 16, n = 2 * p->pairs;                                                       \
        size_t position, t, count;                                                                                     \
        for (position = 0; position < p->positions; ++position) {                                                      \
            const int16_t *v = p->v + position * p->v_step, *w = p->w + position * n * 16;                             \
            int32_t *sums = p->sums + position * 16;                                                                   \
            for (t = 0; t < p->tiles; t += count) {                                                                    \
                const size_t left = p->tiles - t;                                                                      \
                count = left <= 4 || left == 7 || left == 8 ? 4 : 6;                                                   \
                if (count == 4) set##_four(sums + t * step, step, v + t * p->v_tile, p->v_tile, w, n);                 \
                else set##_six(sums + t * step, step, v + t * p->v_tile, p->v_tile, w, n);                             \
            }                                                                                                          \
        }                                                                                                              \
    }
LI_AVX2_WINO_PRODUCTS(li_avx2_winograd, LI_AVX2, LI_AVX2_WINO_TILE)
#if LI_HAS_AVX_VNNI
LI_AVX2_WINO_PRODUCTS(li_avx_vnni_winograd, LI_AVX_VNNI, LI_AVX_VNNI_WINO_TILE)
#endif

/* ---- the output ---- */

/* Row i of a tile of F(m x m), a pair of pixels at a time; a and b are its halves of the lanes. */
#define LI_AVX2_WINO_PIXELS(i, j) \
    li_avx2_finish16(e, out + (i) * row_step + (j) * e->out_step, a[j], b[j], a[(j) + 1], b[(j) + 1], 1);
#define LI_AVX2_WINO_PIXELS4(i) LI_AVX2_WINO_PIXELS(i, 0) LI_AVX2_WINO_PIXELS(i, 2)
#define LI_AVX2_WINO_PIXELS2(i) LI_AVX2_WINO_PIXELS(i, 0)
#define LI_AVX2_WINO_ROW(i, m, taps)                                                                                   \
    li_avx2_wino_row##m(a, low + (i) * (taps), bias0);                                                                 \
    li_avx2_wino_row##m(b, high + (i) * (taps), bias1);                                                                \
    LI_AVX2_WINO_PIXELS##m(i)
#define LI_AVX2_WINO_ROWS4 LI_AVX2_WINO_ROW(0, 4, 6) LI_AVX2_WINO_ROW(1, 4, 6) LI_AVX2_WINO_ROW(2, 4, 6) LI_AVX2_WINO_ROW(3, 4, 6)
#define LI_AVX2_WINO_ROWS2 LI_AVX2_WINO_ROW(0, 2, 4) LI_AVX2_WINO_ROW(1, 2, 4)

/* One tile to `out`, whole; and li_winograd_loops' end. */
#define LI_AVX2_WINO_END(m, taps, ROWS)                                                                                \
    LI_AVX2 static void li_avx2_winograd_tile##m(const li_avx2_end *e, const int32_t *sums, const int32_t *bias, int8_t *out, \
                                                 size_t row_step)                                                      \
    {                                                                                                                  \
        const __m256i *from = (const __m256i *)(const void *)sums;                                                     \
        const __m256i bias0 = _mm256_loadu_si256((const __m256i *)(const void *)bias);                                 \
        const __m256i bias1 = _mm256_loadu_si256((const __m256i *)(const void *)(bias + 8));                           \
        __m256i low[(m) * (taps)], high[(m) * (taps)], a[m], b[m];                                                     \
        li_avx2_wino_lines##m(low, from, 2);                                                                           \
        li_avx2_wino_lines##m(high, from + 1, 2);                                                                      \
        ROWS                                                                                                           \
    }                                                                                                                  \
    LI_AVX2 static void li_avx2_winograd_end##m(const li_winograd_end *p)                                              \
    {                                                                                                                  \
        const li_avx2_end whole = li_avx2_end_of(p->multipliers, 16, p->rescale, p->channels, p->out_step);            \
        const li_avx2_end apart = li_avx2_end_of(p->multipliers, 16, p->rescale, 16, 16);                              \
        int8_t bytes[(m) * (m) * 16];                                                                                  \
        size_t t, i, j;                                                                                                \
        for (t = 0; t < p->tiles; ++t) {                                                                               \
            const int32_t *sums = p->sums + t * (taps) * (taps) * 16;                                                  \
            int8_t *out = p->out + t * (m) * p->out_step;                                                              \
            const size_t left = p->columns - t * (m), columns = left < (m) ? left : (m);                               \
            const int is_whole = p->rows == (m) && columns == (m);                                                     \
            if (is_whole) li_avx2_winograd_tile##m(&whole, sums, p->bias, out, p->row_step);                           \
            else li_avx2_winograd_tile##m(&apart, sums, p->bias, bytes, (m) * 16);                                     \
            for (i = 0; !is_whole && i < p->rows; ++i)                                                                 \
                for (j = 0; j < columns; ++j)                                                                          \
                    li_copy(out + i * p->row_step + j * p->out_step, bytes + (i * (m) + j) * 16, p->channels);         \
        }                                                                                                              \
    }
LI_AVX2_WINO_END(4, 6, LI_AVX2_WINO_ROWS4)
LI_AVX2_WINO_END(2, 4, LI_AVX2_WINO_ROWS2)

static size_t li_avx2_winograd_width(size_t channels)
{
    (void)channels;
    return 16;
}

#define LI_AVX2_WINO_PANELS .width = li_avx2_winograd_width, .lane = li_avx2_lane
#define LI_AVX2_WINO_LOOPS2                                                                                            \
    .m = 2, .down = li_avx2_wino_down2, .along = li_avx2_wino_along2, .end = li_avx2_winograd_end2, LI_AVX2_WINO_PANELS
#define LI_AVX2_WINO_LOOPS4                                                                                            \
    .m = 4, .down = li_avx2_wino_down4, .along = li_avx2_wino_along4, .end = li_avx2_winograd_end4, LI_AVX2_WINO_PANELS

static const li_winograd_loops li_avx2_winograd2 = {
    .products = li_avx2_winograd_products, .costs = LI_X86_COSTS_AVX2, LI_AVX2_WINO_LOOPS2
};
static const li_winograd_loops li_avx2_winograd4 = {
    .products = li_avx2_winograd_products, .costs = LI_X86_COSTS_AVX2, LI_AVX2_WINO_LOOPS4
};
const li_layer_kernels li_avx2_winograd2_s8 = LI_X86_WINOGRAD(li_avx2_winograd2, LI_LOOP_WINOGRAD2, LI_WINOGRAD2_LIMIT);
const li_layer_kernels li_avx2_winograd4_s8 = LI_X86_WINOGRAD(li_avx2_winograd4, LI_LOOP_WINOGRAD4, LI_WINOGRAD4_LIMIT);

#if LI_HAS_AVX_VNNI
static const li_winograd_loops li_avx_vnni_winograd2 = {
    .products = li_avx_vnni_winograd_products, .costs = LI_X86_COSTS_AVX_VNNI, LI_AVX2_WINO_LOOPS2
};
static const li_winograd_loops li_avx_vnni_winograd4 = {
    .products = li_avx_vnni_winograd_products, .costs = LI_X86_COSTS_AVX_VNNI, LI_AVX2_WINO_LOOPS4
};
const li_layer_kernels li_avx_vnni_winograd2_s8 = LI_X86_WINOGRAD(li_avx_vnni_winograd2, LI_LOOP_WINOGRAD2, LI_WINOGRAD2_LIMIT);
const li_layer_kernels li_avx_vnni_winograd4_s8 = LI_X86_WINOGRAD(li_avx_vnni_winograd4, LI_LOOP_WINOGRAD4, LI_WINOGRAD4_LIMIT);
#endif

#else
typedef int li_avx2_winograd_is_left_out;      /* an empty translation unit is not C */
#endif

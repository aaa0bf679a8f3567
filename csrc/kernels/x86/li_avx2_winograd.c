/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops of Winograd convolutions in AVX2. Transforms take 16 int16 or 8 int32 in a register. Products: 6 or 4 tiles x 16
 * channels, 12 registers of sums, two of weights, one broadcast pair of inputs, one product, as in li_avx2_conv.c; k is
 * short, so all tiles and positions of a panel are one call.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"
#include "li_x86_costs.h"
#include "li_x86_winograd.h"

#define LI_WINO_SET LI_AVX2
#define LI_WINO_NAME(f) li_avx2_wino_##f
#define LI_WINO_V __m256i
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

LI_AVX2 static inline void li_avx2_winograd_column(int32_t m, int16_t *to, size_t step, const int8_t *const *rows, size_t at)
{
    __m256i x[6], o[6];
    const size_t taps = (size_t)m + 2;
    size_t i;
    for (i = 0; i < taps; ++i) x[i] = li_avx2_widen16(rows[i] + at);
    if (m == 4) li_avx2_wino_in4(x, 1, o, 1);
    else li_avx2_wino_in2(x, 1, o, 1);
    for (i = 0; i < taps; ++i) _mm256_storeu_si256((__m256i *)(to + i * step), o[i]);
}

LI_AVX2 static inline void li_avx2_winograd_columns(int32_t m, int16_t *to, size_t step, const int8_t *const *rows, size_t n)
{
    size_t k, i;
    for (k = 0; k + 16 <= n; k += 16) li_avx2_winograd_column(m, to + k, step, rows, k);
    if (k < n) {                                 /* nothing behind the rows is read */
        int8_t ends[6][16] = { { 0 } };
        const int8_t *const end[6] = { ends[0], ends[1], ends[2], ends[3], ends[4], ends[5] };
        for (i = 0; i < (size_t)m + 2; ++i) li_copy(ends[i], rows[i] + k, n - k);
        li_avx2_winograd_column(m, to + k, step, end, 0);
    }
}

LI_AVX2 static void li_avx2_winograd_down(int32_t m, int16_t *to, size_t step, const int8_t *const *rows, size_t n)
{
    if (m == 4) li_avx2_winograd_columns(4, to, step, rows, n);
    else li_avx2_winograd_columns(2, to, step, rows, n);
}

LI_AVX2 static inline void li_avx2_winograd_lines(int32_t m, int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows,
                                                  size_t step, size_t channels, size_t tiles)
{
    const size_t taps = (size_t)m + 2;
    size_t t, i, j, c;
    for (t = 0; t < tiles; ++t)
        for (i = 0; i < taps; ++i)
            for (c = 0; c < channels; c += 16) {
                const int16_t *from = rows + i * step + t * (size_t)m * channels + c;
                int16_t *to = v + i * taps * v_step + t * v_tile + c;
                __m256i x[6], o[6];
                for (j = 0; j < taps; ++j) x[j] = _mm256_loadu_si256((const __m256i *)(from + j * channels));
                if (m == 4) li_avx2_wino_in4(x, 1, o, 1);
                else li_avx2_wino_in2(x, 1, o, 1);
                for (j = 0; j < taps; ++j) _mm256_storeu_si256((__m256i *)(to + j * v_step), o[j]);
            }
}

LI_AVX2 void li_avx2_winograd_along(int32_t m, int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows, size_t step,
                                    size_t channels, size_t tiles)
{
    if (m == 4) li_avx2_winograd_lines(4, v, v_step, v_tile, rows, step, channels, tiles);
    else li_avx2_winograd_lines(2, v, v_step, v_tile, rows, step, channels, tiles);
}

/* ---- products ---- */

#define LI_AVX2_WINO_PAIR(p) _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)(p)))
#define LI_AVX2_WINO_START(i) __m256i a##i = _mm256_setzero_si256(), b##i = a##i;
#define LI_AVX2_WINO_TILE(i)                                                                                                \
    x = LI_AVX2_WINO_PAIR(v + i * v_tile + k);                                                                              \
    a##i = _mm256_add_epi32(a##i, _mm256_madd_epi16(x, w0));                                                           \
    b##i = _mm256_add_epi32(b##i, _mm256_madd_epi16(x, w1));                                                           \
    LI_PIN2(a##i, b##i);
#define LI_AVX2_WINO_STORE(i)                                                                                               \
    _mm256_storeu_si256((__m256i *)(sums + i * step), a##i);                                                           \
    _mm256_storeu_si256((__m256i *)(sums + i * step + 8), b##i);
#define LI_AVX2_WINO_PRODUCTS(name, EACH)                                                                                   \
    LI_AVX2 static inline void name(int32_t *sums, size_t step, const int16_t *v, size_t v_tile, const int16_t *w, size_t n) \
    {                                                                                                                  \
        size_t k;                                                                                                      \
        EACH(LI_AVX2_WINO_START)                                                                                            \
        for (k = 0; k < n; k += 2, w += 32) {                                                                          \
            const __m256i w0 = _mm256_loadu_si256((const __m256i *)w), w1 = _mm256_loadu_si256((const __m256i *)(w + 16)); \
            __m256i x;                                                                                                 \
            EACH(LI_AVX2_WINO_TILE)                                                                                         \
        }                                                                                                              \
        EACH(LI_AVX2_WINO_STORE)                                                                                            \
    }
#define LI_AVX2_WINO_SIX(M) M(0) M(1) M(2) M(3) M(4) M(5)
#define LI_AVX2_WINO_FOUR(M) M(0) M(1) M(2) M(3)
LI_AVX2_WINO_PRODUCTS(li_avx2_winograd_six, LI_AVX2_WINO_SIX)
LI_AVX2_WINO_PRODUCTS(li_avx2_winograd_four, LI_AVX2_WINO_FOUR)

/* Tiles in sixes, and in fours where that leaves fewer void ones: up to 4, 7, 8. */
LI_AVX2 static void li_avx2_winograd_products(const li_winograd_products *p)
{
    const size_t step = p->positions * 16, n = 2 * p->pairs;
    size_t position, t;
    for (position = 0; position < p->positions; ++position) {
        const int16_t *v = p->v + position * p->v_step, *w = p->w + position * n * 16;
        int32_t *sums = p->sums + position * 16;
        for (t = 0; t < p->tiles;) {
            const size_t left = p->tiles - t;
            if (left <= 4 || left == 7 || left == 8) {
                li_avx2_winograd_four(sums + t * step, step, v + t * p->v_tile, p->v_tile, w, n);
                t += 4;
            } else {
                li_avx2_winograd_six(sums + t * step, step, v + t * p->v_tile, p->v_tile, w, n);
                t += 6;
            }
        }
    }
}

/* ---- the output ---- */

/* One tile to `out`, whole. */
LI_AVX2 static inline void li_avx2_winograd_tile(int32_t m, const li_avx2_end *e, const int32_t *sums, const int32_t *bias,
                                                 int8_t *out, size_t row_step)
{
    __m256i low[16], high[16];
    const __m256i *from = (const __m256i *)(const void *)sums;
    const __m256i bias0 = _mm256_loadu_si256((const __m256i *)bias), bias1 = _mm256_loadu_si256((const __m256i *)(bias + 8));
    const size_t side = (size_t)m;
    size_t i, j;
    if (m == 4) {
        li_avx2_wino_tile4(low, from, 2, bias0);
        li_avx2_wino_tile4(high, from + 1, 2, bias1);
    } else {
        li_avx2_wino_tile2(low, from, 2, bias0);
        li_avx2_wino_tile2(high, from + 1, 2, bias1);
    }
    for (i = 0; i < side; ++i)
        for (j = 0; j < side; j += 2) {
            const size_t at = i * side + j;
            li_avx2_finish16(e, out + i * row_step + j * e->out_step, low[at], high[at], low[at + 1], high[at + 1], 1);
        }
}

LI_AVX2 static inline void li_avx2_winograd_tiles(int32_t m, const li_winograd_end *p)
{
    const li_avx2_end whole = li_avx2_end_of(p->multipliers, 16, p->rescale, p->channels, p->out_step);
    const li_avx2_end apart = li_avx2_end_of(p->multipliers, 16, p->rescale, 16, 16);
    const size_t side = (size_t)m, sums_step = (side + 2) * (side + 2) * 16;
    int8_t bytes[4 * 4 * 16];
    size_t t, i, j;
    for (t = 0; t < p->tiles; ++t) {
        const int32_t *sums = p->sums + t * sums_step;
        int8_t *out = p->out + t * side * p->out_step;
        const size_t columns = p->columns - t * side < side ? p->columns - t * side : side;
        if (p->rows == side && columns == side) {
            li_avx2_winograd_tile(m, &whole, sums, p->bias, out, p->row_step);
            continue;
        }
        li_avx2_winograd_tile(m, &apart, sums, p->bias, bytes, side * 16);
        for (i = 0; i < p->rows; ++i)
            for (j = 0; j < columns; ++j)
                li_copy(out + i * p->row_step + j * p->out_step, bytes + (i * side + j) * 16, p->channels);
    }
}

LI_AVX2 static void li_avx2_winograd_end(const li_winograd_end *p)
{
    if (p->m == 4) li_avx2_winograd_tiles(4, p);
    else li_avx2_winograd_tiles(2, p);
}

static size_t li_avx2_winograd_width(size_t channels)
{
    (void)channels;
    return 16;
}

#define LI_AVX2_WINO_LOOPS                                                                                             \
    .costs = LI_X86_COSTS_AVX2, .width = li_avx2_winograd_width, .lane = li_avx2_lane, .down = li_avx2_winograd_down,    \
    .along = li_avx2_winograd_along, .products = li_avx2_winograd_products, .end = li_avx2_winograd_end
static const li_winograd_loops li_avx2_winograd2 = { .m = 2, LI_AVX2_WINO_LOOPS };
static const li_winograd_loops li_avx2_winograd4 = { .m = 4, LI_AVX2_WINO_LOOPS };

const li_layer_kernels li_avx2_winograd2_s8 = LI_X86_WINOGRAD(li_avx2_winograd2, LI_LOOP_WINOGRAD2, LI_WINOGRAD2_LIMIT);
const li_layer_kernels li_avx2_winograd4_s8 = LI_X86_WINOGRAD(li_avx2_winograd4, LI_LOOP_WINOGRAD4, LI_WINOGRAD4_LIMIT);

#else
typedef int li_avx2_winograd_is_left_out;      /* an empty translation unit is not C */
#endif

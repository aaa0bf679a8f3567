/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 kernels that sum products, in int8 and float32, and the set itself. */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "../ref/li_ref.h"
#include "liteinterp.h"

/* ---- int8 sums of products ---------------------------------------------------------------------------------------- */

/* Elements of x that are widened to int16, with the zero point subtracted, before the channels are walked. */
enum { LI_AVX2_STRIP = 512 };

/* Adds the lanes of four vectors to four neighbouring sums. */
LI_AVX2 static inline void li_avx2_add4(int32_t *sums, __m256i a, __m256i b, __m256i c, __m256i d)
{
    const __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128((__m128i *)sums, _mm_add_epi32(_mm_loadu_si128((const __m128i *)sums), four));
}

LI_AVX2 static inline void li_avx2_add1(int32_t *sum, __m256i a)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    four = _mm_hadd_epi32(four, four);
    *sum += _mm_cvtsi128_si32(_mm_hadd_epi32(four, four));
}

/*
 * `wide` holds `blocks` vectors of 16 elements; vector i < blocks - 1 belongs to w + 16 i, the last one to w + tail,
 * where elements that an earlier vector has already counted are 0.
 */
LI_AVX2 static void li_avx2_strip(int32_t *sums, const int16_t *wide, size_t blocks, ptrdiff_t tail, const int8_t *w,
                                  size_t stride, size_t channels)
{
    const __m256i last = _mm256_load_si256((const __m256i *)(wide + (blocks - 1) * 16));
    size_t c = 0, i;
    for (; c + 4 <= channels; c += 4) {
        const int8_t *w0 = w + c * stride, *w1 = w0 + stride, *w2 = w1 + stride, *w3 = w2 + stride;
        __m256i s0 = _mm256_madd_epi16(last, li_avx2_widen16(w0 + tail));
        __m256i s1 = _mm256_madd_epi16(last, li_avx2_widen16(w1 + tail));
        __m256i s2 = _mm256_madd_epi16(last, li_avx2_widen16(w2 + tail));
        __m256i s3 = _mm256_madd_epi16(last, li_avx2_widen16(w3 + tail));
        for (i = 0; i + 1 < blocks; ++i) {
            const __m256i x = _mm256_load_si256((const __m256i *)(wide + i * 16));
            s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(x, li_avx2_widen16(w0 + i * 16)));
            s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(x, li_avx2_widen16(w1 + i * 16)));
            s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(x, li_avx2_widen16(w2 + i * 16)));
            s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(x, li_avx2_widen16(w3 + i * 16)));
        }
        li_avx2_add4(sums + c, s0, s1, s2, s3);
    }
    for (; c < channels; ++c) {
        const int8_t *row = w + c * stride;
        __m256i s = _mm256_madd_epi16(last, li_avx2_widen16(row + tail));
        for (i = 0; i + 1 < blocks; ++i)
            s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_load_si256((const __m256i *)(wide + i * 16)),
                                                      li_avx2_widen16(row + i * 16)));
        li_avx2_add1(sums + c, s);
    }
}

/* n >= 16: strips of x; the last vector of the last strip overlaps its neighbour instead of reaching past the end. */
LI_AVX2 static void li_avx2_dots_long(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride,
                                      size_t n, size_t channels)
{
    const __m256i zero = _mm256_set1_epi16((short)zero_point);
    const __m256i lanes = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __attribute__((aligned(32))) int16_t wide[LI_AVX2_STRIP];
    size_t first = 0;
    while (first < n) {
        const size_t left = n - first, count = left < LI_AVX2_STRIP ? left : LI_AVX2_STRIP;
        const size_t blocks = (count + 15) / 16, rest = count - (blocks - 1) * 16;    /* rest: 1 to 16 new elements */
        const __m256i is_new = _mm256_cmpgt_epi16(lanes, _mm256_set1_epi16((short)(15 - (int)rest)));
        size_t i;
        for (i = 0; i + 1 < blocks; ++i)
            _mm256_store_si256((__m256i *)(wide + i * 16), _mm256_sub_epi16(li_avx2_widen16(x + first + i * 16), zero));
        _mm256_store_si256((__m256i *)(wide + i * 16),
                           _mm256_and_si256(is_new, _mm256_sub_epi16(li_avx2_widen16(x + first + count - 16), zero)));
        /* The last vector starts before this strip when the strip is shorter than 16. */
        li_avx2_strip(sums, wide, blocks, (ptrdiff_t)count - 16, w + first, stride, channels);
        first += count;
    }
}

/* n <= 8: four 32-bit lanes per channel; behind the last element x is the zero point, so what is read of w there is void. */
LI_AVX2 static void li_avx2_dots_8(int32_t *sums, __m128i x, const int8_t *w, size_t stride, size_t n, size_t channels)
{
    const size_t end = (channels - 1) * stride + n;       /* of what may be read */
    size_t c = 0;
    for (; c + 4 <= channels && (c + 3) * stride + 8 <= end; c += 4) {
        const int8_t *row = w + c * stride;
        const __m128i s0 = _mm_madd_epi16(x, li_avx2_widen8(row)), s1 = _mm_madd_epi16(x, li_avx2_widen8(row + stride));
        const __m128i s2 = _mm_madd_epi16(x, li_avx2_widen8(row + 2 * stride)), s3 = _mm_madd_epi16(x, li_avx2_widen8(row + 3 * stride));
        const __m128i four = _mm_hadd_epi32(_mm_hadd_epi32(s0, s1), _mm_hadd_epi32(s2, s3));
        _mm_storeu_si128((__m128i *)(sums + c), _mm_add_epi32(_mm_loadu_si128((const __m128i *)(sums + c)), four));
    }
    for (; c < channels; ++c) {
        int8_t row[8] = { 0 };
        __m128i s;
        li_copy(row, w + c * stride, n);
        s = _mm_madd_epi16(x, li_avx2_widen8(row));
        s = _mm_hadd_epi32(s, s);
        sums[c] += _mm_cvtsi128_si32(_mm_hadd_epi32(s, s));
    }
}

/* 8 < n < 16, likewise. */
LI_AVX2 static void li_avx2_dots_16(int32_t *sums, __m256i x, const int8_t *w, size_t stride, size_t n, size_t channels)
{
    const size_t end = (channels - 1) * stride + n;
    size_t c = 0;
    for (; c + 4 <= channels && (c + 3) * stride + 16 <= end; c += 4) {
        const int8_t *row = w + c * stride;
        li_avx2_add4(sums + c, _mm256_madd_epi16(x, li_avx2_widen16(row)), _mm256_madd_epi16(x, li_avx2_widen16(row + stride)),
                     _mm256_madd_epi16(x, li_avx2_widen16(row + 2 * stride)), _mm256_madd_epi16(x, li_avx2_widen16(row + 3 * stride)));
    }
    for (; c < channels; ++c) {
        int8_t row[16] = { 0 };
        li_copy(row, w + c * stride, n);
        li_avx2_add1(sums + c, _mm256_madd_epi16(x, li_avx2_widen16(row)));
    }
}

LI_AVX2 static void li_avx2_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride,
                                    size_t n, size_t channels)
{
    int8_t short_x[16];
    if (n == 0 || channels == 0) return;
    if (n >= 16) {
        li_avx2_dots_long(sums, x, zero_point, w, stride, n, channels);
        return;
    }
    li_fill(short_x, zero_point, sizeof short_x);
    li_copy(short_x, x, n);
    if (n <= 8)
        li_avx2_dots_8(sums, _mm_sub_epi16(li_avx2_widen8(short_x), _mm_set1_epi16((short)zero_point)), w, stride, n, channels);
    else
        li_avx2_dots_16(sums, _mm256_sub_epi16(li_avx2_widen16(short_x), _mm256_set1_epi16((short)zero_point)), w, stride, n, channels);
}

/* |x - zero point| <= 255 and |w| <= 128, so a product fits int16. Sums stay in registers over the whole window. */
LI_AVX2 static void li_avx2_taps_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w,
                                    const li_tap_grid *grid, size_t n)
{
    const __m256i zero = _mm256_set1_epi16((short)zero_point);
    size_t c = 0, i, j;
    for (; c + 16 <= n; c += 16) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(sums + c)), high = _mm256_loadu_si256((const __m256i *)(sums + c + 8));
        for (i = 0; i < grid->rows; ++i) {
            const int8_t *from = x + c + i * grid->x_row, *by = w + c + i * grid->w_row;
            for (j = 0; j < grid->columns; ++j, from += grid->x_column, by += grid->w_column) {
                const __m256i product = _mm256_mullo_epi16(_mm256_sub_epi16(li_avx2_widen16(from), zero), li_avx2_widen16(by));
                low = _mm256_add_epi32(low, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(product)));
                high = _mm256_add_epi32(high, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(product, 1)));
            }
        }
        _mm256_storeu_si256((__m256i *)(sums + c), low);
        _mm256_storeu_si256((__m256i *)(sums + c + 8), high);
    }
    for (; c + 8 <= n; c += 8) {
        __m256i sum = _mm256_loadu_si256((const __m256i *)(sums + c));
        for (i = 0; i < grid->rows; ++i) {
            const int8_t *from = x + c + i * grid->x_row, *by = w + c + i * grid->w_row;
            for (j = 0; j < grid->columns; ++j, from += grid->x_column, by += grid->w_column) {
                const __m128i wide = _mm_sub_epi16(li_avx2_widen8(from), _mm256_castsi256_si128(zero));
                sum = _mm256_add_epi32(sum, _mm256_cvtepi16_epi32(_mm_mullo_epi16(wide, li_avx2_widen8(by))));
            }
        }
        _mm256_storeu_si256((__m256i *)(sums + c), sum);
    }
    if (c < n) li_ref_taps_s8(sums + c, x + c, zero_point, w + c, grid, n - c);
}

/* ---- float sums of products in the definition's order --------------------------------------------------------------- */

/* Packed weights: blocks of 8 channels, in each for every k the 8 weights side by side; missing channels are 0. */
static size_t li_avx2_pack_f32_bytes(size_t n, size_t channels)
{
    const uint64_t floats = ((uint64_t)channels + 7) / 8 * 8 * n;
    return floats <= INT32_MAX / 4 ? (size_t)(floats * 4 + 63) / 64 * 64 : SIZE_MAX;
}

static void li_avx2_pack_f32(float *packed, const float *w, size_t n, size_t channels)
{
    size_t block, k, lane;
    for (block = 0; block < channels; block += 8, packed += n * 8)
        for (k = 0; k < n; ++k)
            for (lane = 0; lane < 8; ++lane) packed[k * 8 + lane] = block + lane < channels ? w[(block + lane) * n + k] : 0.0f;
}

/* One block of 8 channels, or its first `lanes`. */
LI_AVX2 static void li_avx2_block_f32(float *sums, const float *x, const float *w, size_t n, size_t lanes)
{
    float eight[8] = { 0 }, *at = lanes == 8 ? sums : eight;
    __m256 s;
    size_t k;
    if (lanes != 8) li_copy(eight, sums, lanes * sizeof *sums);
    s = _mm256_loadu_ps(at);
    for (k = 0; k < n; ++k) s = _mm256_add_ps(s, _mm256_mul_ps(_mm256_broadcast_ss(x + k), _mm256_loadu_ps(w + k * 8)));
    _mm256_storeu_ps(at, s);
    if (lanes != 8) li_copy(sums, eight, lanes * sizeof *sums);
}

/* Two blocks, so that their sums need not wait for each other. */
LI_AVX2 static void li_avx2_blocks2_f32(float *sums, const float *x, const float *w, size_t step, size_t n)
{
    __m256 s0 = _mm256_loadu_ps(sums), s1 = _mm256_loadu_ps(sums + 8);
    size_t k;
    for (k = 0; k < n; ++k) {
        const __m256 v = _mm256_broadcast_ss(x + k);
        s0 = _mm256_add_ps(s0, _mm256_mul_ps(v, _mm256_loadu_ps(w + k * 8)));
        s1 = _mm256_add_ps(s1, _mm256_mul_ps(v, _mm256_loadu_ps(w + step + k * 8)));
    }
    _mm256_storeu_ps(sums, s0);
    _mm256_storeu_ps(sums + 8, s1);
}

LI_AVX2 static void li_avx2_blocks4_f32(float *sums, const float *x, const float *w, size_t step, size_t n)
{
    const float *w2 = w + 2 * step;
    __m256 s0 = _mm256_loadu_ps(sums), s1 = _mm256_loadu_ps(sums + 8);
    __m256 s2 = _mm256_loadu_ps(sums + 16), s3 = _mm256_loadu_ps(sums + 24);
    size_t k;
    for (k = 0; k < n; ++k) {
        const __m256 v = _mm256_broadcast_ss(x + k);
        s0 = _mm256_add_ps(s0, _mm256_mul_ps(v, _mm256_loadu_ps(w + k * 8)));
        s1 = _mm256_add_ps(s1, _mm256_mul_ps(v, _mm256_loadu_ps(w + step + k * 8)));
        s2 = _mm256_add_ps(s2, _mm256_mul_ps(v, _mm256_loadu_ps(w2 + k * 8)));
        s3 = _mm256_add_ps(s3, _mm256_mul_ps(v, _mm256_loadu_ps(w2 + step + k * 8)));
    }
    _mm256_storeu_ps(sums, s0);
    _mm256_storeu_ps(sums + 8, s1);
    _mm256_storeu_ps(sums + 16, s2);
    _mm256_storeu_ps(sums + 24, s3);
}

LI_AVX2 static void li_avx2_dots_f32_packed(float *sums, const float *x, const float *packed, size_t total, size_t first,
                                            size_t n, size_t channels)
{
    const size_t step = total * 8;               /* floats from block to block */
    const float *w = packed + first * 8;
    size_t c = 0;
    for (; c + 32 <= channels; c += 32, w += 4 * step) li_avx2_blocks4_f32(sums + c, x, w, step, n);
    for (; c + 16 <= channels; c += 16, w += 2 * step) li_avx2_blocks2_f32(sums + c, x, w, step, n);
    for (; c < channels; c += 8, w += step) li_avx2_block_f32(sums + c, x, w, n, channels - c < 8 ? channels - c : 8);
}

/* A depthwise window: 8 channels in a register over all taps. */
LI_AVX2 static void li_avx2_taps_f32(float *sums, const float *x, const float *w, const li_tap_grid *grid, size_t n)
{
    size_t c = 0, i, j;
    for (; c + 8 <= n; c += 8) {
        __m256 sum = _mm256_loadu_ps(sums + c);
        for (i = 0; i < grid->rows; ++i) {
            const float *from = x + c + i * grid->x_row, *by = w + c + i * grid->w_row;
            for (j = 0; j < grid->columns; ++j, from += grid->x_column, by += grid->w_column)
                sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(from), _mm256_loadu_ps(by)));
        }
        _mm256_storeu_ps(sums + c, sum);
    }
    if (c < n) li_ref_taps_f32(sums + c, x + c, w + c, grid, n - c);
}

/* What these sets share. */
#define LI_AVX2_REST                                                                                                   \
    .conv_zero_s8 = &li_avx2_wide_conv_s8, .depthwise_zero_s8 = &li_avx2_depthwise_s8,                                 \
    .taps_s8 = li_avx2_taps_s8, .taps_f32 = li_avx2_taps_f32, .requantize_s8 = li_avx2_requantize_s8,                  \
    .max_s8 = li_avx2_max_s8, .average_s8 = li_avx2_average_s8, .sums_s8 = li_avx2_sums_s8, .dots_f32 = li_ref_dots_f32,                           \
    .pack_f32_bytes = li_avx2_pack_f32_bytes, .pack_f32 = li_avx2_pack_f32,                                            \
    .dots_f32_packed = li_avx2_dots_f32_packed, .pair_f32 = li_avx2_pair_f32, .limit_f32 = li_avx2_limit_f32,          \
    .average_f32 = li_avx2_average_f32, .max_f32 = li_avx2_max_f32, .blend_f32 = li_avx2_blend_f32,                    \
    .dots_s16 = li_avx2_dots_s16, .taps_s16 = li_avx2_taps_s16, .mul_s8 = li_avx2_mul_s8,                              \
    .quantize_s8 = li_avx2_quantize_s8, .dequantize_s8 = li_avx2_dequantize_s8, .softmax_s8 = li_avx2_softmax_s8,    \
    .hybrid = &li_avx2_hybrid

const li_kernels li_kernels_avx2 = {
    .name = "avx2", .isa = LI_ISA_AVX2, .peak = li_avx2_peak, .dots_s8 = li_avx2_dots_s8, .add_s8 = li_avx2_add_s8,
    .conv_s8 = &li_avx2_conv_s8, .conv_forms_s8 = { &li_avx2_wide_conv_s8, &li_avx2_winograd4_s8, &li_avx2_winograd2_s8 },
    .depthwise_s8 = &li_avx2_depthwise_s8, .dense_s8 = &li_avx2_dense_s8,
    .conv_f32 = &li_avx2_conv_f32, .depthwise_f32 = li_avx2_depthwise_f32, .look_up_s8 = li_avx2_look_up_s8,
    .blend_s8 = li_avx2_blend_s8, LI_AVX2_REST
};

#if LI_HAS_AVX_VNNI
const li_kernels li_kernels_avx_vnni = {
    .name = "avxvnni", .isa = LI_ISA_AVX_VNNI, .peak = li_avx_vnni_peak, .dots_s8 = li_avx2_dots_s8, .add_s8 = li_avx2_add_s8,
    .conv_s8 = &li_avx_vnni_conv_s8, .conv_forms_s8 = { &li_avx_vnni_winograd4_s8, &li_avx_vnni_winograd2_s8 },
    .depthwise_s8 = &li_avx_vnni_depthwise_s8, .dense_s8 = &li_avx_vnni_dense_s8,
    .conv_f32 = &li_avx2_conv_f32, .depthwise_f32 = li_avx2_depthwise_f32, .look_up_s8 = li_avx2_look_up_s8,
    .blend_s8 = li_avx2_blend_s8, LI_AVX2_REST
};
#endif

#if LI_HAS_AVX512_VNNI
const li_kernels li_kernels_avx512_vnni = {
    .name = "avx512vnni", .isa = LI_ISA_AVX512_VNNI, .peak = li_avx512_vnni_peak, .dots_s8 = li_vnni_dots_s8, .add_s8 = li_vnni_add_s8,
    .conv_s8 = &li_vnni_conv_s8, .conv_forms_s8 = { &li_vnni_winograd4_s8, &li_vnni_winograd2_s8 },
    .depthwise_s8 = &li_vnni_depthwise_s8, .dense_s8 = &li_vnni_dense_s8,
    .conv_f32 = &li_avx512_conv_f32, .depthwise_f32 = li_avx512_depthwise_f32, .look_up_s8 = li_vnni_look_up_s8,
    .blend_s8 = li_vnni_blend_s8, LI_AVX2_REST
};
#endif

#else
typedef int li_avx2_is_left_out;      /* an empty translation unit is not C */
#endif

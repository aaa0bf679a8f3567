/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 depthwise convolution in AVX2: two output rows x 4 pixels x 8 channels, 8 registers of sums and two of weights.
 *
 * Sixteen channels at a time, input rows are spread into scratch in pairs: int16, the elements of two neighbouring rows
 * side by side, [block of 8 channels][pair][pixel][8][2], with the zero point around the image. A product step
 * (vpmaddwd, exact) then sums two taps of a column. At stride 1 both output rows read the same pairs, with weights of
 * their own in which one tap of an odd count is 0; at even strides they read pairs of their own with the same weights.
 * Where the map is narrow the axes are exchanged, so that fewer pixels of a tile are void.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "../../src/li_size.h"
#include "li_avx2_tile.h"

enum { LI_DEPTHWISE_BAND_BYTES = 32 * 1024 };    /* spread rows stay in a first-level cache */
#define LI_DEPTHWISE_LIMIT ((uint64_t)1 << 28)

/* The layer as it is walked: rows and columns of the image, or exchanged. */
typedef struct li_depthwise_walk {
    size_t in_h, in_w, out_h, out_w, filter_h, filter_w, stride_h, stride_w;
    int64_t pad_top, pad_left;
    size_t in_row, in_pixel, out_row, out_pixel;     /* bytes */
    int exchanged, paired;       /* paired: stride 1, two weights for two rows on the same pairs */
    size_t pairs;                /* pairs of input rows that an output row (or two of them) takes */
    size_t padded_w;             /* spread pixels of a row: a tile may begin at the last output */
    size_t band;                 /* output rows, even */
} li_depthwise_walk;

static size_t li_depthwise_cost(int32_t rows, int32_t columns)
{
    return ((size_t)rows + 1) / 2 * (((size_t)columns + 3) / 4);
}

static int li_depthwise_takes(int32_t stride)
{
    return stride == 1 || stride % 2 == 0;
}

/* Pairs of rows that a band of `rows` takes. */
static uint64_t li_depthwise_band_pairs(const li_depthwise_walk *w, uint64_t rows)
{
    return w->paired ? (rows + 1) / 2 - 1 + w->pairs : (rows - 1) * (w->stride_h / 2) + w->pairs;
}

/* False when the layer is not taken. */
static int li_depthwise_walk_of(const li_conv_shape *s, li_depthwise_walk *w)
{
    const size_t c = (size_t)s->in_c;
    uint64_t padded, row, band;
    if (s->dilation_h != 1 || s->out_h < 1 || s->out_w < 1 || s->in_c != s->out_c) return 0;
    w->exchanged = !li_depthwise_takes(s->stride_h)
                || (li_depthwise_takes(s->stride_w) && li_depthwise_cost(s->out_w, s->out_h) < li_depthwise_cost(s->out_h, s->out_w));
    if (w->exchanged) {
        const li_depthwise_walk found = { (size_t)s->in_w, (size_t)s->in_h, (size_t)s->out_w, (size_t)s->out_h,
            (size_t)s->filter_w, (size_t)s->filter_h, (size_t)s->stride_w, (size_t)s->stride_h, s->pad_left, s->pad_top,
            c, (size_t)s->in_w * c, c, (size_t)s->out_w * c, 1, s->stride_w == 1, 0, 0, 0 };
        if (!li_depthwise_takes(s->stride_w)) return 0;
        *w = found;
    } else {
        const li_depthwise_walk found = { (size_t)s->in_h, (size_t)s->in_w, (size_t)s->out_h, (size_t)s->out_w,
            (size_t)s->filter_h, (size_t)s->filter_w, (size_t)s->stride_h, (size_t)s->stride_w, s->pad_top, s->pad_left,
            (size_t)s->in_w * c, c, (size_t)s->out_w * c, c, 0, s->stride_h == 1, 0, 0, 0 };
        *w = found;
    }
    w->pairs = (w->filter_h + (w->paired ? 2 : 1)) / 2;
    padded = li_size_add(li_size_mul((uint64_t)w->out_w + 2, w->stride_w), w->filter_w);
    row = li_size_mul(padded, 64);                   /* of a pair, 16 channels */
    if (row > LI_DEPTHWISE_LIMIT || w->pairs > LI_DEPTHWISE_LIMIT || w->stride_h > LI_DEPTHWISE_LIMIT) return 0;
    w->padded_w = (size_t)padded;
    for (band = 2; band < w->out_h && li_depthwise_band_pairs(w, band + 2) * row <= LI_DEPTHWISE_BAND_BYTES;) band += 2;
    w->band = (size_t)band;
    return li_size_mul(li_depthwise_band_pairs(w, band), row) <= LI_DEPTHWISE_LIMIT
        && li_size_mul(li_size_mul(w->filter_w, w->pairs), 64 * (uint64_t)((c + 7) / 8)) <= LI_DEPTHWISE_LIMIT;
}

/* Bytes of 8 channels: bias, multipliers, and for each column and pair one or two vectors of weights. */
static size_t li_depthwise_block_bytes(const li_depthwise_walk *w)
{
    return 64 + w->filter_w * w->pairs * (w->paired ? 64 : 32);
}

static size_t li_depthwise_packed_bytes(const li_conv_shape *s)
{
    li_depthwise_walk w;
    if (!li_depthwise_walk_of(s, &w)) return 0;
    return (((size_t)s->in_c + 7) / 8 * li_depthwise_block_bytes(&w) + 63) / 64 * 64;
}

static size_t li_depthwise_scratch_bytes(const li_conv_shape *s)
{
    li_depthwise_walk w;
    if (!li_depthwise_walk_of(s, &w)) return 0;
    return 64 + (size_t)li_depthwise_band_pairs(&w, w.band) * w.padded_w * 64;
}

static void li_depthwise_pack(void *packed, const li_conv_shape *s, const int8_t *weights, const int32_t *bias,
                              const float *multipliers, int32_t in_zero)
{
    const size_t channels = (size_t)s->in_c;
    size_t c, i, j, p, r, h;
    li_depthwise_walk w;
    if (!li_depthwise_walk_of(s, &w)) return;
    li_fill(packed, 0, li_depthwise_packed_bytes(s));
    for (c = 0; c < channels; ++c) {
        char *const block = (char *)packed + c / 8 * li_depthwise_block_bytes(&w);
        const size_t lane = c % 8, rows = w.paired ? 2 : 1;
        int16_t *const to = (int16_t *)(void *)(block + 64);
        uint32_t sum = 0;        /* may wrap: what counts is the end */
        for (j = 0; j < w.filter_w; ++j)
            for (p = 0; p < w.pairs; ++p)
                for (r = 0; r < rows; ++r)
                    for (h = 0; h < 2; ++h) {
                        int32_t value = 0;
                        i = 2 * p + h - r;       /* the second row's taps begin one input row later; -1 wraps out of range */
                        if (i < w.filter_h) value = weights[(w.exchanged ? j * w.filter_h + i : i * w.filter_w + j) * channels + c];
                        to[((j * w.pairs + p) * rows + r) * 16 + lane * 2 + h] = (int16_t)value;
                        if (r == 0) sum += (uint32_t)value;
                    }
        ((int32_t *)(void *)block)[lane] = (int32_t)((bias != NULL ? (uint32_t)bias[c] : 0u) - sum * (uint32_t)in_zero);
        ((float *)(void *)(block + 32))[lane] = multipliers[c];
    }
}

/* ---- spreading ---- */

LI_AVX2 static inline __m128i li_depthwise_load(const int8_t *p, size_t n)
{
    int8_t some[16] = { 0 };
    if (n >= 16) return _mm_loadu_si128((const __m128i *)p);
    if (n == 8) return _mm_loadl_epi64((const __m128i *)p);
    li_copy(some, p, n);
    return _mm_loadu_si128((const __m128i *)some);
}

/* One pair of rows of up to 16 channels; a row is NULL where it lies outside the image. */
LI_AVX2 static void li_depthwise_spread(const li_depthwise_walk *w, int16_t *low, int16_t *high, const int8_t *a, const int8_t *b,
                                        size_t channels, int32_t zero)
{
    const __m128i zeros = _mm_set1_epi8((char)zero);
    const __m256i outside = _mm256_set1_epi16((short)zero);
    const size_t before = w->pad_left < (int64_t)w->padded_w ? (size_t)w->pad_left : w->padded_w;
    const size_t inside = w->padded_w - before < w->in_w ? w->padded_w - before : w->in_w;
    size_t x;
    for (x = 0; x < before; ++x) {
        _mm256_storeu_si256((__m256i *)(low + x * 16), outside);
        _mm256_storeu_si256((__m256i *)(high + x * 16), outside);
    }
    for (; x < before + inside; ++x) {
        const size_t at = (x - before) * w->in_pixel;
        const __m128i p = a != NULL ? li_depthwise_load(a + at, channels) : zeros;
        const __m128i q = b != NULL ? li_depthwise_load(b + at, channels) : zeros;
        _mm256_storeu_si256((__m256i *)(low + x * 16), _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(p, q)));
        _mm256_storeu_si256((__m256i *)(high + x * 16), _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(p, q)));
    }
    for (; x < w->padded_w; ++x) {
        _mm256_storeu_si256((__m256i *)(low + x * 16), outside);
        _mm256_storeu_si256((__m256i *)(high + x * 16), outside);
    }
}

/* ---- tiles ---- */

#define LI_TAP(sum, from, w)                                                                                           \
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(from)), w));                   \
    LI_PIN1(sum)

/* Columns [x, end) of two output rows, the second stored where `both`; a, b: their first pair of rows. */
LI_AVX2 static void li_depthwise_rows(const li_depthwise_walk *w, const int16_t *a, const int16_t *b, const char *block,
                                      const li_avx2_end *e, int8_t *out, size_t x, size_t end, int both)
{
    const __m256i bias = _mm256_loadu_si256((const __m256i *)block);
    const size_t row = w->padded_w * 16, step = w->stride_w * 16, second = w->paired ? 16 : 0, next = w->paired ? 32 : 16;
    const size_t first = x;
    size_t j, p;
    for (; x < end; x += 4) {
        const size_t m = x + 4 <= end ? x : end >= first + 4 ? end - 4 : first, left = end - m;
        const int16_t *weights = (const int16_t *)(const void *)(block + 64);
        int8_t *to = out + m * w->out_pixel;
        __m256i a0 = bias, a1 = bias, a2 = bias, a3 = bias, b0 = bias, b1 = bias, b2 = bias, b3 = bias;
        for (j = 0; j < w->filter_w; ++j) {
            const int16_t *p_a = a + (m * w->stride_w + j) * 16, *p_b = b + (m * w->stride_w + j) * 16;
            for (p = 0; p < w->pairs; ++p, p_a += row, p_b += row, weights += next) {
                const __m256i w0 = _mm256_loadu_si256((const __m256i *)weights);
                const __m256i w1 = _mm256_loadu_si256((const __m256i *)(weights + second));
                LI_TAP(a0, p_a, w0);
                LI_TAP(a1, p_a + step, w0);
                LI_TAP(a2, p_a + 2 * step, w0);
                LI_TAP(a3, p_a + 3 * step, w0);
                LI_TAP(b0, p_b, w1);
                LI_TAP(b1, p_b + step, w1);
                LI_TAP(b2, p_b + 2 * step, w1);
                LI_TAP(b3, p_b + 3 * step, w1);
            }
        }
        li_avx2_finish8(e, to, a0, a1, left > 1);
        if (left > 2) li_avx2_finish8(e, to + 2 * w->out_pixel, a2, a3, left > 3);
        if (!both) continue;
        to += w->out_row;
        li_avx2_finish8(e, to, b0, b1, left > 1);
        if (left > 2) li_avx2_finish8(e, to + 2 * w->out_pixel, b2, b3, left > 3);
    }
}

/* ---- the walk ---- */

/* One band of output rows [y, y + rows), columns [x, end), of up to 16 channels from `c` on. */
static void li_depthwise_band(const li_depthwise_walk *w, int16_t *spread, const char *packed, const li_rescale_s8 *rescale,
                              int8_t *out, const int8_t *image, size_t y, size_t rows, size_t x, size_t end, size_t c, size_t channels)
{
    const size_t pairs = (size_t)li_depthwise_band_pairs(w, rows), row = w->padded_w * 16;
    const int64_t top = (int64_t)(y * w->stride_h) - w->pad_top;
    size_t q, r, half;
    for (q = 0; q < pairs; ++q) {
        const int64_t first = top + 2 * (int64_t)q, next = first + 1;
        const int8_t *a = first >= 0 && first < (int64_t)w->in_h ? image + (size_t)first * w->in_row + c : NULL;
        const int8_t *b = next >= 0 && next < (int64_t)w->in_h ? image + (size_t)next * w->in_row + c : NULL;
        li_depthwise_spread(w, spread + q * row, spread + (pairs + q) * row, a, b, channels, rescale->in_zero);
    }
    for (half = 0; half * 8 < channels; ++half) {
        const char *block = packed + (c / 8 + half) * li_depthwise_block_bytes(w);
        const size_t count = channels - half * 8 < 8 ? channels - half * 8 : 8;
        const li_avx2_end e = li_avx2_end_of((const float *)(const void *)(block + 32), 8, rescale, count, w->out_pixel);
        const int16_t *from = spread + half * pairs * row;
        for (r = 0; r < rows; r += 2) {
            const int both = r + 1 < rows;
            const int16_t *a = from + (w->paired ? r / 2 : r * (w->stride_h / 2)) * row;
            const int16_t *b = w->paired || !both ? a : a + w->stride_h / 2 * row;
            li_depthwise_rows(w, a, b, block, &e, out + (y + r) * w->out_row + c + half * 8, x, end, both);
        }
    }
}

static void li_depthwise_run(int8_t *out, const int8_t *x, const void *packed, void *scratch, const li_conv_shape *s,
                             const li_rescale_s8 *rescale, int32_t first, int32_t rows)
{
    const size_t channels = (size_t)s->in_c;
    int16_t *spread = (int16_t *)(void *)((char *)scratch + (64 - (uintptr_t)scratch % 64) % 64);
    li_depthwise_walk w;
    size_t c, y, y_end, x_first, x_end, n, m;
    if (rows < 1 || !li_depthwise_walk_of(s, &w)) return;
    y = w.exchanged ? 0 : (size_t)first;
    y_end = w.exchanged ? w.out_h : (size_t)first + (size_t)rows;
    x_first = w.exchanged ? (size_t)first : 0;
    x_end = w.exchanged ? (size_t)first + (size_t)rows : w.out_w;
    for (; y < y_end; y += n) {
        n = y_end - y < w.band ? y_end - y : w.band;
        for (c = 0; c < channels; c += m) {
            m = channels - c >= 16 ? 16 : channels - c > 8 ? 8 : channels - c;
            li_depthwise_band(&w, spread, packed, rescale, out, x, y, n, x_first, x_end, c, m);
        }
    }
}

const li_layer_kernels li_avx2_depthwise_s8 = {
    li_depthwise_packed_bytes, li_depthwise_scratch_bytes, li_depthwise_pack, li_depthwise_run
};

#else
typedef int li_avx2_depthwise_is_left_out;      /* an empty translation unit is not C */
#endif

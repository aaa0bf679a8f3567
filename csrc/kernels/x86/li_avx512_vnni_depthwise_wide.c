/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 depthwise convolution in AVX-512 with VNNI, 64 elements at a time: two output rows x 2 columns x 64 channels, 16
 * registers of sums, two of weights, one of activations. Its blocks are those of li_avx512_vnni_depthwise.c four times as
 * wide, so that a row of input is spread by unpacking bytes and then words, 12 shuffles where four narrow blocks take 20 and
 * 12 loads less, and that a column of output is one store. Layers whose channels divide 64 have it too, where the filter's
 * columns are one pixel apart: a column is then 64 elements that follow each other in a row, of several pixels, and the
 * next column of the filter begins one pixel further, not one column. The walk is li_x86_depthwise.h's.
 */
#include "li_avx512_vnni.h"

#if LI_HAS_AVX512_VNNI

#include "li_x86_depthwise.h"

enum { LI_WIDE_COLUMN = 256, LI_WIDE_COLUMNS = 2 };      /* bytes of 64 spread elements; columns of a tile */

/* Dwords of 64 bytes in an order that unpacking within lanes of 16 bytes makes the natural one. */
LI_VNNI static inline __m512i li_vnni_wide_order(__m512i bytes)
{
    const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    return _mm512_permutexvar_epi32(order, _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)));
}

/* The lower and the upper halves of lanes of two rows side by side. */
typedef struct li_vnni_wide_halves {
    __m512i low, high;
} li_vnni_wide_halves;

LI_VNNI static inline li_vnni_wide_halves li_vnni_wide_pair(__m512i above, __m512i below)
{
    const li_vnni_wide_halves pair = { _mm512_unpacklo_epi8(above, below), _mm512_unpackhi_epi8(above, below) };
    return pair;
}

/* 64 elements of four rows, element by element. */
LI_VNNI static inline void li_vnni_wide_store(uint8_t *to, li_vnni_wide_halves above, li_vnni_wide_halves below)
{
    _mm512_storeu_si512(to, _mm512_unpacklo_epi16(above.low, below.low));
    _mm512_storeu_si512(to + 64, _mm512_unpackhi_epi16(above.low, below.low));
    _mm512_storeu_si512(to + 128, _mm512_unpacklo_epi16(above.high, below.high));
    _mm512_storeu_si512(to + 192, _mm512_unpackhi_epi16(above.high, below.high));
}

/* Bytes [from, end) of spread zero points; up to 63 behind them are written too, before what belongs there. */
LI_VNNI static void li_vnni_wide_blank(uint8_t *to, int32_t zero, size_t from, size_t end)
{
    for (; from < end; from += 64) _mm512_storeu_si512(to + from, _mm512_set1_epi8((char)(zero ^ -128)));
}

/* Row h of a group, and how far its next 64 elements are: outside the image all are the same. */
#define LI_WIDE_ROW(h)                                                                                                 \
    const int8_t *row##h = r->rows[h] != NULL ? r->rows[h] : outside;                                                  \
    const size_t step##h = r->rows[h] != NULL ? step : 0;
#define LI_WIDE_LOAD(h) v##h = li_vnni_wide_order(_mm512_loadu_si512(row##h)); row##h += step##h;
#define LI_WIDE_LOAD_SOME(h) v##h = li_vnni_wide_order(_mm512_maskz_loadu_epi8(some, row##h));
#define LI_WIDE_ROWS(M) M(0) M(1) M(2) M(3)

LI_VNNI static void li_vnni_wide_spread(const li_depthwise_walk *w, const li_depthwise_group *r)
{
    const size_t width = li_depthwise_width(64, w), elements = r->inside * width, before = r->before * width * 4;
    const size_t step = w->flat != 0 ? 64 : w->in_pixel;
    uint8_t *const to = (uint8_t *)r->to, *at = to + before;
    int8_t outside[64];
    __m512i v0, v1, v2, v3;
    size_t left;
    LI_WIDE_ROWS(LI_WIDE_ROW)
    li_fill(outside, r->zero, sizeof outside);
    li_vnni_wide_blank(to, r->zero, 0, before);
    for (left = elements; left >= 64; left -= 64, at += LI_WIDE_COLUMN) {
        LI_WIDE_ROWS(LI_WIDE_LOAD)
        li_vnni_wide_store(at, li_vnni_wide_pair(v0, v1), li_vnni_wide_pair(v2, v3));
    }
    if (left != 0) {
        const __mmask64 some = ((__mmask64)1 << left) - 1;
        LI_WIDE_ROWS(LI_WIDE_LOAD_SOME)
        li_vnni_wide_store(at, li_vnni_wide_pair(v0, v1), li_vnni_wide_pair(v2, v3));
    }
    li_vnni_wide_blank(to, r->zero, before + elements * 4, w->padded_w * width * 4);
}

/* Every sample with the three that follow it: pairs of neighbours serve two groups. */
LI_VNNI static void li_vnni_wide_slide(const li_depthwise_samples_of *s)
{
    const __m512i outside = _mm512_set1_epi8((char)(s->zero ^ -128));
    uint8_t *to = (uint8_t *)s->to;
    __m512i last = outside;
    li_vnni_wide_halves first = { outside, outside }, second = first;
    int64_t t;
    for (t = s->from; t < s->end + 3; ++t) {
        const int inside = t >= 0 && t < s->length;
        const __m512i next = inside ? li_vnni_wide_order(_mm512_loadu_si512(s->x + (size_t)t * s->step)) : outside;
        const li_vnni_wide_halves pair = li_vnni_wide_pair(last, next);
        if (t >= s->from + 3) {
            li_vnni_wide_store(to, first, pair);
            to += LI_WIDE_COLUMN;
        }
        first = second;
        second = pair;
        last = next;
    }
}

#define LI_WIDE_EACH(M) M(0) M(1)
#define LI_WIDE_QUARTERS(M, i) M(i, 0) M(i, 1) M(i, 2) M(i, 3)
#define LI_WIDE_START(i, q) __m512i a##i##q = bias##q, b##i##q = bias##q;
#define LI_WIDE_STARTS(i) LI_WIDE_QUARTERS(LI_WIDE_START, i)
/* Column i of both output rows, 16 elements: on the same activations, or on those of each. */
#define LI_WIDE_SHARED(i, q)                                                                                           \
    v = _mm512_loadu_si512(a + (i) * column + 64 * (q));                                                               \
    a##i##q = _mm512_dpbusd_epi32(a##i##q, v, w0);                                                                     \
    b##i##q = _mm512_dpbusd_epi32(b##i##q, v, w1);                                                                     \
    __asm__("" : "+v"(a##i##q), "+v"(b##i##q));
#define LI_WIDE_APART(i, q)                                                                                            \
    a##i##q = _mm512_dpbusd_epi32(a##i##q, _mm512_loadu_si512(a + (i) * column + 64 * (q)), w0);                       \
    b##i##q = _mm512_dpbusd_epi32(b##i##q, _mm512_loadu_si512(b + (i) * column + 64 * (q)), w0);                       \
    __asm__("" : "+v"(a##i##q), "+v"(b##i##q));
#define LI_WIDE_SHARED_QUARTER(q)                                                                                      \
    w0 = _mm512_loadu_si512(weights + 64 * (q));                                                                       \
    w1 = _mm512_loadu_si512(weights + 256 + 64 * (q));                                                                 \
    LI_WIDE_SHARED(0, q) LI_WIDE_SHARED(1, q)
#define LI_WIDE_APART_QUARTER(q)                                                                                       \
    w0 = _mm512_loadu_si512(weights + 64 * (q));                                                                       \
    LI_WIDE_APART(0, q) LI_WIDE_APART(1, q)
#define LI_WIDE_BYTES(s, i)                                                                                            \
    li_vnni_bytes(&e, li_vnni_scale(&e, s##i##0, multipliers0), li_vnni_scale(&e, s##i##1, multipliers1),              \
                  li_vnni_scale(&e, s##i##2, multipliers2), li_vnni_scale(&e, s##i##3, multipliers3))
/* The last column of a flat row may be a part of one; stores without a mask are taken where they can be, as in li_vnni_store16. */
LI_VNNI static inline void li_vnni_wide_store_bytes(int8_t *out, __m512i bytes, int whole, __mmask64 some)
{
    if (whole) _mm512_storeu_si512(out, bytes);
    else _mm512_mask_storeu_epi8(out, some, bytes);
}

#define LI_WIDE_END(i)                                                                                                 \
    if ((i) < left) {                                                                                                  \
        const int whole = some == 0 || (i) + 1 < left;                                                                 \
        li_vnni_wide_store_bytes(to + (i) * pixel, LI_WIDE_BYTES(a, i), whole, some);                                  \
        if (r->both) li_vnni_wide_store_bytes(to + w->out_row + (i) * pixel, LI_WIDE_BYTES(b, i), whole, some);        \
    }

LI_VNNI static void li_vnni_wide_rows(const li_depthwise_walk *w, const li_depthwise_rows *r, const li_rescale_s8 *rescale)
{
    const li_vnni_end e = li_vnni_end_of(rescale);
    const __m512i bias0 = _mm512_loadu_si512(r->block), bias1 = _mm512_loadu_si512(r->block + 64);
    const __m512i bias2 = _mm512_loadu_si512(r->block + 128), bias3 = _mm512_loadu_si512(r->block + 192);
    const __m512 multipliers0 = _mm512_loadu_ps(r->block + 256), multipliers1 = _mm512_loadu_ps(r->block + 320);
    const __m512 multipliers2 = _mm512_loadu_ps(r->block + 384), multipliers3 = _mm512_loadu_ps(r->block + 448);
    const size_t width = li_depthwise_width(64, w), elements = r->end * width;
    const size_t next = w->apart * w->padded_w * width * 4, tap = width * 4;
    const size_t column = w->flat != 0 ? LI_WIDE_COLUMN : w->stride_w * LI_WIDE_COLUMN, pixel = w->flat != 0 ? 64 : w->out_pixel;
    const size_t end = w->flat != 0 ? (elements + 63) / 64 : r->end;
    const __mmask64 some = ((__mmask64)1 << elements % 64) - 1;      /* of the last column; 0: all */
    size_t x, j, p;
    for (x = r->first; x < end; x += LI_WIDE_COLUMNS) {
        const size_t m = li_depthwise_start(x, r->first, end, LI_WIDE_COLUMNS), left = end - m;
        const uint8_t *first_a = (const uint8_t *)r->a + m * column, *first_b = (const uint8_t *)r->b + m * column;
        const char *weights = r->block + 512;
        int8_t *to = r->out + m * pixel;
        LI_WIDE_EACH(LI_WIDE_STARTS)
        for (j = 0; j < w->filter_w; ++j, first_a += tap, first_b += tap) {
            const uint8_t *a = first_a, *b = first_b;
            __m512i v, w0, w1;
            if (w->paired) {
                for (p = 0; p < w->groups; ++p, a += next, weights += 512) {
                    LI_WIDE_SHARED_QUARTER(0) LI_WIDE_SHARED_QUARTER(1) LI_WIDE_SHARED_QUARTER(2) LI_WIDE_SHARED_QUARTER(3)
                }
            } else {
                for (p = 0; p < w->groups; ++p, a += next, b += next, weights += 256) {
                    LI_WIDE_APART_QUARTER(0) LI_WIDE_APART_QUARTER(1) LI_WIDE_APART_QUARTER(2) LI_WIDE_APART_QUARTER(3)
                }
            }
        }
        LI_WIDE_EACH(LI_WIDE_END)
    }
}

const li_depthwise_tiles li_vnni_depthwise_wide = {
    .lanes = 64, .tall = 4, .shift = 128, .spread = li_vnni_wide_spread, .slide = li_vnni_wide_slide, .two_rows = li_vnni_wide_rows,
};

#else
typedef int li_avx512_vnni_depthwise_wide_is_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX-512 with VNNI: 16 pixels of a row x 16 channels of a filter three taps wide at stride 1. With 16 channels a broadcast
 * group of activations serves one product, and loads, of which two start in a cycle as products do, are what the loop waits
 * for. But neighbours in a row share two of three columns: here a column is broadcast once and multiplied by the weights of
 * three taps, for the pixels whose left, middle and right column it is. 16 registers of sums, three of weights, one column:
 * 21 loads for 48 products, where the loop over any pixels takes 56. Its weights are packed in the same order.
 */
#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#include "li_avx512_vnni_tile.h"

#define LI_VNNI_TAP(s, w)                                                                                              \
    s = _mm512_dpbusd_epi32(s, x, w);                                                                                  \
    __asm__("" : "+v"(s));
#define LI_VNNI_COLUMN(from, i) x = li_vnni_group(from + (i) * step);
/* A column is the right one of a pixel, the middle one of the next, the left one of the one behind that. */
#define LI_VNNI_THREE(from, i, a, b, c)                                                                                \
    LI_VNNI_COLUMN(from, i) LI_VNNI_TAP(a, right) LI_VNNI_TAP(b, middle) LI_VNNI_TAP(c, left)

#define LI_VNNI_QUAD(a, b, c, d)                                                                                       \
    li_vnni_bytes(&e, li_vnni_scale(&e, a, multipliers), li_vnni_scale(&e, b, multipliers),                            \
                  li_vnni_scale(&e, c, multipliers), li_vnni_scale(&e, d, multipliers))

/* A run of at least 16 pixels of one row; the last tile starts early, over pixels that are done. */
LI_VNNI static inline void li_vnni_taps16(const li_x86_panel *p, li_vnni_end e, const uint8_t *row, int8_t *out, size_t pixels)
{
    const __m512i bias = _mm512_loadu_si512(p->bias);
    const __m512 multipliers = _mm512_loadu_ps(p->multipliers);
    const __mmask16 mask = li_vnni_mask(p->channels, 0);
    const size_t step = p->column, next = 16 * step, out_step = p->out_step;
    size_t tile, segment;
    for (tile = 0; tile < pixels; tile += 16) {
        const size_t m = tile + 16 <= pixels ? tile : pixels - 16;
        const int8_t *w = p->w;
        int8_t *to = out + m * out_step;
        __m512i s0 = bias, s1 = bias, s2 = bias, s3 = bias, s4 = bias, s5 = bias, s6 = bias, s7 = bias;
        __m512i s8 = bias, s9 = bias, s10 = bias, s11 = bias, s12 = bias, s13 = bias, s14 = bias, s15 = bias, x;
        for (segment = 0; segment < p->segments; ++segment, w += 2 * next) {
            /* Columns 0, 4, 8 and 13: the others are at most four further on, which an address can say. */
            const uint8_t *c0 = row + m * step + segment * p->segment_step, *c4 = c0 + 4 * step, *c8 = c4 + 4 * step, *c13 = c8 + 5 * step;
            const int8_t *const end = w + next;
            for (; w < end; c0 += 4, c4 += 4, c8 += 4, c13 += 4, w += 64) {
                const __m512i left = _mm512_loadu_si512(w), middle = _mm512_loadu_si512(w + next);
                const __m512i right = _mm512_loadu_si512(w + 2 * next);
                __asm__("" : "+r"(c0), "+r"(c4), "+r"(c8), "+r"(c13));       /* they stay pointers of their own */
                LI_VNNI_COLUMN(c0, 0) LI_VNNI_TAP(s0, left)
                LI_VNNI_COLUMN(c0, 1) LI_VNNI_TAP(s0, middle) LI_VNNI_TAP(s1, left)
                LI_VNNI_THREE(c0, 2, s0, s1, s2) LI_VNNI_THREE(c0, 3, s1, s2, s3) LI_VNNI_THREE(c4, 0, s2, s3, s4)
                LI_VNNI_THREE(c4, 1, s3, s4, s5) LI_VNNI_THREE(c4, 2, s4, s5, s6) LI_VNNI_THREE(c4, 3, s5, s6, s7)
                LI_VNNI_THREE(c8, 0, s6, s7, s8) LI_VNNI_THREE(c8, 1, s7, s8, s9) LI_VNNI_THREE(c8, 2, s8, s9, s10)
                LI_VNNI_THREE(c8, 3, s9, s10, s11) LI_VNNI_THREE(c8, 4, s10, s11, s12) LI_VNNI_THREE(c13, 0, s11, s12, s13)
                LI_VNNI_THREE(c13, 1, s12, s13, s14) LI_VNNI_THREE(c13, 2, s13, s14, s15)
                LI_VNNI_COLUMN(c13, 3) LI_VNNI_TAP(s14, right) LI_VNNI_TAP(s15, middle)
                LI_VNNI_COLUMN(c13, 4) LI_VNNI_TAP(s15, right)
            }
        }
        li_vnni_store_pixels(to, out_step, LI_VNNI_QUAD(s0, s1, s2, s3), mask, 4);
        li_vnni_store_pixels(to + 4 * out_step, out_step, LI_VNNI_QUAD(s4, s5, s6, s7), mask, 4);
        li_vnni_store_pixels(to + 8 * out_step, out_step, LI_VNNI_QUAD(s8, s9, s10, s11), mask, 4);
        li_vnni_store_pixels(to + 12 * out_step, out_step, LI_VNNI_QUAD(s12, s13, s14, s15), mask, 4);
    }
}

LI_VNNI void li_vnni_taps(const li_x86_panel *p)
{
    const li_vnni_end e = li_vnni_end_of(p->rescale);
    const uint8_t *image = p->image;
    size_t at;
    for (at = 0; at < p->pixels; at += p->run)
        li_vnni_taps16(p, e, image + p->offsets[at], p->out + at * p->out_step, p->run);
}

#else
typedef int li_avx512_vnni_taps_is_left_out;      /* an empty translation unit is not C */
#endif

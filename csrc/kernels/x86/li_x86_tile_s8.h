/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops of int8 convolution, depthwise and fully connected layers on sets whose tiles fill sixteen registers, as macros that a set fills
 * with its vectors. Every sum is a register of its own, named, never an array, which compilers keep in memory. It is the outer
 * product form of matrix multiplication (Goto and van de Geijn, 2008), with the spread image in place of a packed left matrix.
 *
 * Convolution: 6 pixels x 2 vectors of channels, 12 registers of sums, two of weights, one broadcast group of activations,
 * one product where the set needs one; 6 x 1 at the end of a layer. Depthwise: 2 rows x 4 pixels x 1 vector. Fully connected:
 * eight channels, one register of sums each.
 *
 * Empty asm statements in M_ADD, which a sum goes through, keep the compiler from moving products across rows, which would
 * spill sums. Where they stand was chosen by reading what gcc 12 and clang 14 make of the loop: behind an addition they cost gcc
 * a move per sum, on SSE4.1 clang one too, and without them gcc moves the sums of a dot product.
 *
 * A loop is made for vectors V and for products M, prefixes of macros that a set defines:
 *   V_VECTOR, V_LANES                      the type, and int32 sums in it
 *   V_ZERO(), V_LOAD(p)                    zeros; a vector, from anywhere
 *   V_SET1(p)                              four bytes in every lane
 *   V_END, V_END_OF(multipliers, width, rescale, channels, out_step)     what requantization takes, and its making
 *   V_FINISH2(e, out, a0, a1, b0, b1, both)            two pixels of two vectors; the second one where `both` says so
 *   V_FINISH1(e, out, a, b, both)                      two pixels of one vector
 *   V_STORE8(to, s0, ..., s7)              the sum of the lanes of each, one behind the other
 *   M_ELEMENT, M_GROUP                     spread activations, and how many of them one lane sums in a step
 *   M_WEIGHT                               packed weights of a convolution
 *   M_WIDE(p)                              one step's weights, V_LANES * M_GROUP of them
 *   M_ADD(s, x, w)                         a statement: adds the products of x and w, summed within each lane, to s
 */
#ifndef LI_X86_TILE_S8_H
#define LI_X86_TILE_S8_H

#include "li_x86_conv.h"
#include "li_x86_dense.h"
#include "li_x86_depthwise.h"

/* An empty asm statement that a sum goes through: the compiler may not move its products across. */
#define LI_PIN1(a) __asm__("" : "+x"(a))
#define LI_PIN2(a, b) __asm__("" : "+x"(a), "+x"(b))

/* ---- convolution ---- */

#define LI_S8_TAPS(i, M) *const p##i = (const M##_ELEMENT *)p->image + at[i]

#define LI_S8_PIXEL2(i, V, M)                                                                                          \
    x = V##_SET1(p##i + k);                                                                                            \
    M##_ADD(a##i, x, w0)                                                                                               \
    M##_ADD(b##i, x, w1)

#define LI_S8_PANEL2(name, TARGET, V, M)                                                                               \
    TARGET static void name(const li_x86_panel *p)                                                                     \
    {                                                                                                                  \
        const V##_END e = V##_END_OF(p->multipliers, p->width, p->rescale, p->channels, p->out_step);                  \
        const V##_VECTOR bias0 = V##_LOAD(p->bias), bias1 = V##_LOAD(p->bias + V##_LANES);                             \
        size_t tile, segment, k;                                                                                       \
        for (tile = 0; tile < p->pixels; tile += LI_X86_TILE) {                                                        \
            const size_t m = li_x86_tile_start(tile, p->pixels), left = p->pixels - m;                                 \
            const uint32_t *const at = p->offsets + m;                                                                 \
            const M##_ELEMENT LI_S8_TAPS(0, M), LI_S8_TAPS(1, M), LI_S8_TAPS(2, M), LI_S8_TAPS(3, M), LI_S8_TAPS(4, M), LI_S8_TAPS(5, M); \
            const M##_WEIGHT *w = p->w;                                                                                \
            int8_t *out = p->out + m * p->out_step;                                                                    \
            V##_VECTOR a0 = bias0, a1 = bias0, a2 = bias0, a3 = bias0, a4 = bias0, a5 = bias0;                         \
            V##_VECTOR b0 = bias1, b1 = bias1, b2 = bias1, b3 = bias1, b4 = bias1, b5 = bias1;                         \
            for (segment = 0; segment < p->segments; ++segment) {                                                      \
                const size_t first = segment * p->segment_step, end = first + M##_GROUP * p->groups;                   \
                for (k = first; k < end; k += M##_GROUP, w += 2 * V##_LANES * M##_GROUP) {                             \
                    const V##_VECTOR w0 = M##_WIDE(w), w1 = M##_WIDE(w + V##_LANES * M##_GROUP);                       \
                    V##_VECTOR x;                                                                                      \
                    LI_S8_PIXEL2(0, V, M) LI_S8_PIXEL2(1, V, M) LI_S8_PIXEL2(2, V, M) LI_S8_PIXEL2(3, V, M) LI_S8_PIXEL2(4, V, M) LI_S8_PIXEL2(5, V, M) \
                }                                                                                                      \
            }                                                                                                          \
            V##_FINISH2(&e, out, a0, b0, a1, b1, left > 1);                                                            \
            if (left > 2) V##_FINISH2(&e, out + 2 * p->out_step, a2, b2, a3, b3, left > 3);                            \
            if (left > 4) V##_FINISH2(&e, out + 4 * p->out_step, a4, b4, a5, b5, left > 5);                            \
        }                                                                                                              \
    }

#define LI_S8_PIXEL1(i, V, M)                                                                                          \
    x = V##_SET1(p##i + k);                                                                                            \
    M##_ADD(a##i, x, w0)

#define LI_S8_PANEL1(name, TARGET, V, M)                                                                               \
    TARGET static void name(const li_x86_panel *p)                                                                     \
    {                                                                                                                  \
        const V##_END e = V##_END_OF(p->multipliers, p->width, p->rescale, p->channels, p->out_step);                  \
        const V##_VECTOR bias = V##_LOAD(p->bias);                                                                     \
        size_t tile, segment, k;                                                                                       \
        for (tile = 0; tile < p->pixels; tile += LI_X86_TILE) {                                                        \
            const size_t m = li_x86_tile_start(tile, p->pixels), left = p->pixels - m;                                 \
            const uint32_t *const at = p->offsets + m;                                                                 \
            const M##_ELEMENT LI_S8_TAPS(0, M), LI_S8_TAPS(1, M), LI_S8_TAPS(2, M), LI_S8_TAPS(3, M), LI_S8_TAPS(4, M), LI_S8_TAPS(5, M); \
            const M##_WEIGHT *w = p->w;                                                                                \
            int8_t *out = p->out + m * p->out_step;                                                                    \
            V##_VECTOR a0 = bias, a1 = bias, a2 = bias, a3 = bias, a4 = bias, a5 = bias;                               \
            for (segment = 0; segment < p->segments; ++segment) {                                                      \
                const size_t first = segment * p->segment_step, end = first + M##_GROUP * p->groups;                   \
                for (k = first; k < end; k += M##_GROUP, w += V##_LANES * M##_GROUP) {                                 \
                    const V##_VECTOR w0 = M##_WIDE(w);                                                                 \
                    V##_VECTOR x;                                                                                      \
                    LI_S8_PIXEL1(0, V, M) LI_S8_PIXEL1(1, V, M) LI_S8_PIXEL1(2, V, M) LI_S8_PIXEL1(3, V, M) LI_S8_PIXEL1(4, V, M) LI_S8_PIXEL1(5, V, M) \
                }                                                                                                      \
            }                                                                                                          \
            V##_FINISH1(&e, out, a0, a1, left > 1);                                                                    \
            if (left > 2) V##_FINISH1(&e, out + 2 * p->out_step, a2, a3, left > 3);                                    \
            if (left > 4) V##_FINISH1(&e, out + 4 * p->out_step, a4, a5, left > 5);                                    \
        }                                                                                                              \
    }

/* ---- depthwise ---- */

/* A step of one pixel: one vector of activations, straight from the spread rows, and one of weights. */
#define LI_S8_TAP(V, M, sum, from, w) M##_ADD(sum, V##_LOAD(from), w)

#define LI_S8_ROWS(name, TARGET, V, M)                                                                                 \
    TARGET static void name(const li_depthwise_walk *w, const li_depthwise_rows *r, const li_rescale_s8 *rescale)      \
    {                                                                                                                  \
        const V##_END e = V##_END_OF((const float *)(const void *)(r->block + 4 * V##_LANES), V##_LANES, rescale,      \
                                         r->channels, w->out_pixel);                                                   \
        const V##_VECTOR bias = V##_LOAD(r->block);                                                                    \
        const size_t pixel = 2 * V##_LANES, row = w->apart * w->padded_w * pixel, step = w->stride_w * pixel;          \
        const size_t second = w->paired ? pixel : 0, next = w->paired ? 2 * pixel : pixel;                             \
        size_t x, j, p;                                                                                                \
        for (x = r->first; x < r->end; x += 4) {                                                                       \
            const size_t m = li_depthwise_start(x, r->first, r->end, 4), left = r->end - m;                            \
            const int16_t *weights = (const int16_t *)(const void *)(r->block + 8 * V##_LANES);                        \
            int8_t *to = r->out + m * w->out_pixel;                                                                    \
            V##_VECTOR a0 = bias, a1 = bias, a2 = bias, a3 = bias, b0 = bias, b1 = bias, b2 = bias, b3 = bias;         \
            for (j = 0; j < w->filter_w; ++j) {                                                                        \
                const int16_t *a = r->a + (m * w->stride_w + j) * pixel, *b = r->b + (m * w->stride_w + j) * pixel;    \
                for (p = 0; p < w->groups; ++p, a += row, b += row, weights += next) {                                 \
                    const V##_VECTOR w0 = V##_LOAD(weights), w1 = V##_LOAD(weights + second);                          \
                    LI_S8_TAP(V, M, a0, a, w0)                                                                         \
                    LI_S8_TAP(V, M, a1, a + step, w0)                                                                  \
                    LI_S8_TAP(V, M, a2, a + 2 * step, w0)                                                              \
                    LI_S8_TAP(V, M, a3, a + 3 * step, w0)                                                              \
                    LI_S8_TAP(V, M, b0, b, w1)                                                                         \
                    LI_S8_TAP(V, M, b1, b + step, w1)                                                                  \
                    LI_S8_TAP(V, M, b2, b + 2 * step, w1)                                                              \
                    LI_S8_TAP(V, M, b3, b + 3 * step, w1)                                                              \
                }                                                                                                      \
            }                                                                                                          \
            V##_FINISH1(&e, to, a0, a1, left > 1);                                                                     \
            if (left > 2) V##_FINISH1(&e, to + 2 * w->out_pixel, a2, a3, left > 3);                                    \
            if (!r->both) continue;                                                                                    \
            to += w->out_row;                                                                                          \
            V##_FINISH1(&e, to, b0, b1, left > 1);                                                                     \
            if (left > 2) V##_FINISH1(&e, to + 2 * w->out_pixel, b2, b3, left > 3);                                    \
        }                                                                                                              \
    }

/* ---- fully connected ---- */

#define LI_S8_DENSE_STEP(i, V, M) M##_ADD(s##i, v, M##_WIDE(w##i + k))
#define LI_S8_DENSE_REST(i, V, M) M##_ADD(s##i, v, M##_WIDE(li_dense_rest(rest, w##i + k, end, sizeof rest)))
#define LI_S8_EIGHT(STEP, V, M) STEP(0, V, M) STEP(1, V, M) STEP(2, V, M) STEP(3, V, M) STEP(4, V, M) STEP(5, V, M) STEP(6, V, M) STEP(7, V, M)

/* A li_dense_loops' `eight`. */
#define LI_S8_DENSE(name, TARGET, V, M)                                                                                \
    TARGET static void name(int32_t *sums, const void *x, const int8_t *w, size_t n, size_t channels, const int8_t *end)\
    {                                                                                                                  \
        const size_t last = channels - 1, step = V##_LANES * M##_GROUP;                                                \
        const int8_t *const w0 = w, *const w1 = w + n * (last < 1 ? last : 1), *const w2 = w + n * (last < 2 ? last : 2);\
        const int8_t *const w3 = w + n * (last < 3 ? last : 3), *const w4 = w + n * (last < 4 ? last : 4);             \
        const int8_t *const w5 = w + n * (last < 5 ? last : 5), *const w6 = w + n * (last < 6 ? last : 6), *const w7 = w + n * last;\
        const M##_ELEMENT *const row = x;                                                                              \
        const int ahead = n >= LI_DENSE_AHEAD;                                                                         \
        V##_VECTOR s0 = V##_ZERO(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;                     \
        size_t k, i;                                                                                                   \
        for (k = 0; k + step <= n; k += step) {                                                                        \
            const V##_VECTOR v = V##_LOAD(row + k);                                                                    \
            if (ahead && k % 64 == 0)                                                                                  \
                for (i = 8; i < 16; ++i) _mm_prefetch((const char *)w + i * n + k, _MM_HINT_T0);                       \
            LI_S8_EIGHT(LI_S8_DENSE_STEP, V, M)                                                                        \
        }                                                                                                              \
        if (k < n) {                                                                                                   \
            const V##_VECTOR v = V##_LOAD(row + k);                                                                    \
            int8_t rest[V##_LANES * M##_GROUP];                                                                        \
            LI_S8_EIGHT(LI_S8_DENSE_REST, V, M)                                                                        \
        }                                                                                                              \
        V##_STORE8(sums, s0, s1, s2, s3, s4, s5, s6, s7);                                                              \
    }

#endif

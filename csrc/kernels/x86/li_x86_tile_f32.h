/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loops of float32 convolution, depthwise and fully connected layers, as macros that a set fills with its vectors. A tile is a few
 * pixels by 1 to 4 vectors of channels: one sum per pixel and vector in a register (named, never an array, which
 * compilers keep in memory), the vectors of weights of one k, and one broadcast element of the pixel at a time. It is
 * the outer product form of matrix multiplication (Goto and van de Geijn, 2008), with the image in place of a packed
 * left matrix.
 *
 * The set defines, before it uses the macros, and takes back at its end:
 *   LI_F32_VECTOR, LI_F32_LANES            the type, and floats in it
 *   LI_F32_ZERO(), LI_F32_LOAD(p), LI_F32_SET1(p)      p: pointer; loads of weights are aligned to a vector or not
 *   LI_F32_ADD(a, b)
 *   LI_F32_END(p, out, sum, b)             sum + bias, limits, store of vector b; p: the panel
 *   LI_F32_WINDOW_END(t, out, sum, c)      the same of the vector from channel c on; t: the window
 *   LI_F32_MASK, LI_F32_MASK_OF(n)         the first n lanes
 *   LI_F32_LOAD_SOME(p)                    those of a variable `mask`, 0 in the others
 *   LI_F32_FUSED(x, w, s), LI_F32_TWICE(x, w, s)       x * w + s with one rounding, and with two
 */
#ifndef LI_X86_TILE_F32_H
#define LI_X86_TILE_F32_H

#include "li_x86_conv_f32.h"
#include "li_x86_depthwise_f32.h"

/* M(pixel, b) for each of the first 1 to 4 vectors. */
#define LI_F32_EACH1(M, i) M(i, 0)
#define LI_F32_EACH2(M, i) M(i, 0) M(i, 1)
#define LI_F32_EACH3(M, i) M(i, 0) M(i, 1) M(i, 2)
#define LI_F32_EACH4(M, i) M(i, 0) M(i, 1) M(i, 2) M(i, 3)

/* M(pixel, EACH, argument) for each of the first pixels. */
#define LI_F32_LIST1(M, E, A) M(0, E, A)
#define LI_F32_LIST4(M, E, A) LI_F32_LIST1(M, E, A) M(1, E, A) M(2, E, A) M(3, E, A)
#define LI_F32_LIST6(M, E, A) LI_F32_LIST4(M, E, A) M(4, E, A) M(5, E, A)
#define LI_F32_LIST8(M, E, A) LI_F32_LIST6(M, E, A) M(6, E, A) M(7, E, A)
#define LI_F32_LIST12(M, E, A) LI_F32_LIST8(M, E, A) M(8, E, A) M(9, E, A) M(10, E, A) M(11, E, A)

#define LI_F32_CLEAR(i, b) LI_F32_VECTOR s##i##_##b = LI_F32_ZERO();
#define LI_F32_WEIGHTS(i, b) const LI_F32_VECTOR w##b = LI_F32_LOAD(w + LI_F32_LANES * b);
#define LI_F32_STEP_FUSED(i, b) s##i##_##b = LI_F32_FUSED(x, w##b, s##i##_##b);
#define LI_F32_STEP_TWICE(i, b) s##i##_##b = LI_F32_TWICE(x, w##b, s##i##_##b);
#define LI_F32_FINISH(i, b) LI_F32_END(p, out + LI_F32_LANES * b, s##i##_##b, b);

#define LI_F32_AT(i, E, A) const float *const p##i = p->image + at[i];
#define LI_F32_START(i, E, A) E(LI_F32_CLEAR, i)
#define LI_F32_PIXEL(i, E, STEP) { const LI_F32_VECTOR x = LI_F32_SET1(p##i + k); E(STEP, i) }
#define LI_F32_STORE(i, E, A) if (left > i) { E(LI_F32_FINISH, i) out += p->out_step; }

/* `count` pixels at a time; the last tile of a list starts early, over pixels that are done. */
#define LI_F32_PANEL(name, TARGET, LIST, count, EACH, vectors, STEP)                                                   \
    TARGET static void name(const li_x86_panel_f32 *p)                                                                 \
    {                                                                                                                  \
        size_t tile, row, column, k;                                                                                   \
        for (tile = 0; tile < p->pixels; tile += (count)) {                                                            \
            const size_t m = tile + (count) <= p->pixels ? tile : p->pixels > (count) ? p->pixels - (count) : 0;       \
            const size_t left = p->pixels - m;                                                                         \
            const uint32_t *const at = p->offsets + m;                                                                 \
            const float *w = p->w;                                                                                     \
            float *out = p->out + m * p->out_step;                                                                     \
            LIST(LI_F32_AT, EACH, 0)                                                                                   \
            LIST(LI_F32_START, EACH, 0)                                                                                \
            for (row = 0; row < p->rows; ++row)                                                                        \
                for (column = 0; column < p->columns; ++column) {                                                      \
                    const size_t first = row * p->row_step + column * p->column_step, end = first + p->length;         \
                    for (k = first; k < end; ++k, w += LI_F32_LANES * (vectors)) {                                     \
                        EACH(LI_F32_WEIGHTS, 0)                                                                        \
                        LIST(LI_F32_PIXEL, EACH, STEP)                                                                 \
                    }                                                                                                  \
                }                                                                                                      \
            LIST(LI_F32_STORE, EACH, 0)                                                                                \
        }                                                                                                              \
    }

/* Pixels one by one, as in fully connected layers: the sums of even and odd k apart, so that they do not wait for each other. */
#define LI_F32_JOIN(i, b) s0_##b = LI_F32_ADD(s0_##b, s1_##b);
#define LI_F32_ODD(i, b) s1_##b = LI_F32_FUSED(y, LI_F32_LOAD(next + LI_F32_LANES * b), s1_##b);

#define LI_F32_SINGLE(name, TARGET, EACH, vectors)                                                                     \
    TARGET static void name(const li_x86_panel_f32 *p)                                                                 \
    {                                                                                                                  \
        size_t pixel, row, column, k;                                                                                  \
        float *out = p->out;                                                                                           \
        for (pixel = 0; pixel < p->pixels; ++pixel, out += p->out_step) {                                              \
            const float *const p0 = p->image + p->offsets[pixel], *w = p->w;                                           \
            EACH(LI_F32_CLEAR, 0)                                                                                      \
            EACH(LI_F32_CLEAR, 1)                                                                                      \
            for (row = 0; row < p->rows; ++row)                                                                        \
                for (column = 0; column < p->columns; ++column) {                                                      \
                    const size_t first = row * p->row_step + column * p->column_step, end = first + p->length;         \
                    for (k = first; k + 2 <= end; k += 2, w += 2 * LI_F32_LANES * (vectors)) {                         \
                        const LI_F32_VECTOR x = LI_F32_SET1(p0 + k), y = LI_F32_SET1(p0 + k + 1);                      \
                        const float *const next = w + LI_F32_LANES * (vectors);                                        \
                        EACH(LI_F32_WEIGHTS, 0)                                                                        \
                        EACH(LI_F32_STEP_FUSED, 0)                                                                     \
                        EACH(LI_F32_ODD, 1)                                                                            \
                    }                                                                                                  \
                    if (k < end) {                                                                                     \
                        EACH(LI_F32_WEIGHTS, 0)                                                                        \
                        LI_F32_PIXEL(0, EACH, LI_F32_STEP_FUSED)                                                       \
                        w += LI_F32_LANES * (vectors);                                                                 \
                    }                                                                                                  \
                }                                                                                                      \
            EACH(LI_F32_JOIN, 0)                                                                                       \
            EACH(LI_F32_FINISH, 0)                                                                                     \
        }                                                                                                              \
    }

/* The definition of fully connected layers: blocks of k are summed by themselves, then in order. */
#define LI_F32_RESET(i, b) s##i##_##b = LI_F32_ZERO();

#define LI_F32_BLOCKS(name, TARGET, EACH, vectors)                                                                     \
    TARGET static void name(const li_x86_panel_f32 *p)                                                                 \
    {                                                                                                                  \
        size_t pixel, first, k;                                                                                        \
        float *out = p->out;                                                                                           \
        for (pixel = 0; pixel < p->pixels; ++pixel, out += p->out_step) {                                              \
            const float *const p1 = p->image + p->offsets[pixel], *w = p->w;                                           \
            EACH(LI_F32_CLEAR, 0)                                                                                      \
            EACH(LI_F32_CLEAR, 1)                                                                                      \
            for (first = 0; first < p->length; first += p->block) {                                                    \
                const size_t end = p->length - first < p->block ? p->length : first + p->block;                        \
                EACH(LI_F32_RESET, 1)                                                                                  \
                for (k = first; k < end; ++k, w += LI_F32_LANES * (vectors)) {                                         \
                    EACH(LI_F32_WEIGHTS, 0)                                                                            \
                    LI_F32_PIXEL(1, EACH, LI_F32_STEP_TWICE)                                                           \
                }                                                                                                      \
                EACH(LI_F32_JOIN, 0)                                                                                   \
            }                                                                                                          \
            EACH(LI_F32_FINISH, 0)                                                                                     \
        }                                                                                                              \
    }

/* ---- depthwise: neighbouring pixels of a window, channels in lanes ---- */

#define LI_F32_WINDOW_AT(i, E, A) const float *const p##i = x + (i) * t->x_step;
#define LI_F32_WINDOW_CLEAR(i, E, A) LI_F32_VECTOR s##i = LI_F32_ZERO();
#define LI_F32_WINDOW_STEP(i, E, A) s##i = E(A(p##i + at), by, s##i);
#define LI_F32_WINDOW_STORE(i, E, A) LI_F32_WINDOW_END(t, t->out + (i) * t->out_step + c, s##i, c);

/* One vector of channels from c on, loaded by LOAD. */
#define LI_F32_WINDOW_BLOCK(LIST, STEP, LOAD)                                                                          \
    {                                                                                                                  \
        size_t i, j;                                                                                                   \
        LIST(LI_F32_WINDOW_CLEAR, 0, 0)                                                                                \
        for (i = 0; i < t->grid.rows; ++i) {                                                                           \
            size_t at = i * t->grid.x_row, w = i * t->grid.w_row + c;                                                  \
            for (j = 0; j < t->grid.columns; ++j, at += t->grid.x_column, w += t->grid.w_column) {                     \
                const LI_F32_VECTOR by = LOAD(t->w + w);                                                               \
                LIST(LI_F32_WINDOW_STEP, STEP, LOAD)                                                                   \
            }                                                                                                          \
        }                                                                                                              \
        LIST(LI_F32_WINDOW_STORE, 0, 0)                                                                                \
    }

#define LI_F32_WINDOW(name, TARGET, LIST, STEP)                                                                        \
    TARGET static void name(const li_x86_window_f32 *t)                                                                \
    {                                                                                                                  \
        size_t c = 0;                                                                                                  \
        for (; c + LI_F32_LANES <= t->channels; c += LI_F32_LANES) {                                                   \
            const float *const x = t->x + c;                                                                           \
            LIST(LI_F32_WINDOW_AT, 0, 0)                                                                               \
            LI_F32_WINDOW_BLOCK(LIST, STEP, LI_F32_LOAD)                                                               \
        }                                                                                                              \
        if (c < t->channels) {                                                                                         \
            const float *const x = t->x + c;                                                                           \
            const LI_F32_MASK mask = LI_F32_MASK_OF(t->channels - c);                                                  \
            LIST(LI_F32_WINDOW_AT, 0, 0)                                                                               \
            LI_F32_WINDOW_BLOCK(LIST, STEP, LI_F32_LOAD_SOME)                                                          \
        }                                                                                                              \
    }

#endif

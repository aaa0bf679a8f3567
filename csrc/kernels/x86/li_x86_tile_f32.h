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
 *   LI_F32_PART, LI_F32_PART_OF(n)         type and value of "the first n lanes", all of them where there are fewer
 *   LI_F32_LOAD_PART(p, part)              those lanes, 0 in the others
 *   LI_F32_END(out, sum, bias, part, low, high)        sum + bias, limits, store of those lanes
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

#define LI_F32_CLEAR(i, b) LI_F32_VECTOR s##i##_##b = LI_F32_ZERO();
#define LI_F32_WEIGHTS(i, b) const LI_F32_VECTOR w##b = LI_F32_LOAD(w + LI_F32_LANES * b);
#define LI_F32_STEP_FUSED(i, b) s##i##_##b = LI_F32_FUSED(x, w##b, s##i##_##b);
#define LI_F32_STEP_TWICE(i, b) s##i##_##b = LI_F32_TWICE(x, w##b, s##i##_##b);
#define LI_F32_FINISH(i, b) LI_F32_END(out + LI_F32_LANES * b, s##i##_##b, bias##b, part##b, low, high);

/* What the end of every pixel takes, loaded once. */
#define LI_F32_CHANNELS(i, b)                                                                                          \
    const size_t left##b = p->channels > LI_F32_LANES * b ? p->channels - LI_F32_LANES * b : 0;                        \
    const LI_F32_PART part##b = LI_F32_PART_OF(left##b);                                                               \
    const LI_F32_VECTOR bias##b = p->bias != NULL && left##b != 0 ? LI_F32_LOAD_PART(p->bias + LI_F32_LANES * b, part##b) : LI_F32_ZERO();
#define LI_F32_ENDS(EACH)                                                                                              \
    const LI_F32_VECTOR low = LI_F32_SET1(&p->low), high = LI_F32_SET1(&p->high);                                      \
    EACH(LI_F32_CHANNELS, 0)

#define LI_F32_AT(i, E, A) const float *const p##i = p->image + at[i];
#define LI_F32_START(i, E, A) E(LI_F32_CLEAR, i)
#define LI_F32_PIXEL(i, E, STEP) { const LI_F32_VECTOR x = LI_F32_SET1(p##i + k); E(STEP, i) }
#define LI_F32_STORE(i, E, A) if (left > i) { E(LI_F32_FINISH, i) out += p->out_step; }

/* `count` pixels at a time; the last tile of a list starts early, over pixels that are done. */
#define LI_F32_PANEL(name, TARGET, LIST, count, EACH, vectors, STEP)                                                   \
    TARGET static void name(const li_x86_panel_f32 *p)                                                                 \
    {                                                                                                                  \
        size_t tile, row, column, k;                                                                                   \
        LI_F32_ENDS(EACH)                                                                                              \
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
        LI_F32_ENDS(EACH)                                                                                              \
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
        LI_F32_ENDS(EACH)                                                                                              \
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

#define LI_F32_WINDOW_AT(i, E, A) const float *const p##i = x + (i) * x_step;
#define LI_F32_WINDOW_CLEAR(i, E, A) LI_F32_VECTOR s##i = LI_F32_ZERO();
#define LI_F32_WINDOW_STEP(i, E, A) s##i = E(A(p##i + at), by, s##i);
#define LI_F32_WINDOW_STORE(i, E, A) LI_F32_END(out + (i) * out_step + c, s##i, bias, part, low, high);
#define LI_F32_WINDOW_LOAD(p) LI_F32_LOAD_PART(p, part)

/* One vector of channels from c on, loaded by LOAD. */
#define LI_F32_WINDOW_BLOCK(LIST, STEP, LOAD)                                                                          \
    {                                                                                                                  \
        const float *const x = t->x + pixel * x_step + c, *w_row = t->w + c;                                           \
        const LI_F32_VECTOR bias = t->bias != NULL ? LOAD(t->bias + c) : LI_F32_ZERO();                                \
        size_t i, j;                                                                                                   \
        LIST(LI_F32_WINDOW_AT, 0, 0)                                                                                   \
        LIST(LI_F32_WINDOW_CLEAR, 0, 0)                                                                                \
        for (i = 0; i < rows; ++i, w_row += w_next) {                                                                  \
            size_t at = i * x_next;                                                                                    \
            const float *w = w_row;                                                                                    \
            for (j = 0; j < columns; ++j, at += x_column, w += w_column) {                                             \
                const LI_F32_VECTOR by = LOAD(w);                                                                      \
                LIST(LI_F32_WINDOW_STEP, STEP, LOAD)                                                                   \
            }                                                                                                          \
        }                                                                                                              \
        LIST(LI_F32_WINDOW_STORE, 0, 0)                                                                                \
    }

#define LI_F32_WINDOW(name, TARGET, LIST, count, STEP)                                                                 \
    TARGET static void name(const li_x86_window_f32 *t)                                                                \
    {                                                                                                                  \
        const LI_F32_VECTOR low = LI_F32_SET1(&t->low), high = LI_F32_SET1(&t->high);                                  \
        const size_t rows = t->grid.rows, columns = t->grid.columns, x_next = t->grid.x_row, w_next = t->grid.w_row;   \
        const size_t x_column = t->grid.x_column, w_column = t->grid.w_column, x_step = t->x_step, out_step = t->out_step; \
        size_t pixel;                                                                                                  \
        for (pixel = 0; pixel + (count) <= t->pixels; pixel += (count)) {                                              \
            float *const out = t->out + pixel * out_step;                                                              \
            LI_F32_PART part = LI_F32_PART_OF(LI_F32_LANES);                                                           \
            size_t c = 0;                                                                                              \
            for (; c + LI_F32_LANES <= t->channels; c += LI_F32_LANES) LI_F32_WINDOW_BLOCK(LIST, STEP, LI_F32_LOAD)    \
            if (c == t->channels) continue;                                                                            \
            part = LI_F32_PART_OF(t->channels - c);                                                                    \
            LI_F32_WINDOW_BLOCK(LIST, STEP, LI_F32_WINDOW_LOAD)                                                        \
        }                                                                                                              \
    }

#endif

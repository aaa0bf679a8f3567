/* SPDX-License-Identifier: Apache-2.0 */
/* Float kernels against the definition's order of operations. */
#include <string.h>

#include "harness.h"

/* Each product and each sum stored, so that no compiler can fuse them. */
static float in_order(float sum, const float *x, const float *w, size_t n)
{
    volatile float product, total = sum;
    for (size_t i = 0; i < n; i++) {
        product = x[i] * w[i];
        total = total + product;
    }
    return total;
}

void check_taps_f32(const li_kernels *k, shape s)
{
    size_t x_span, w_span;
    const li_tap_grid g = make_grid(s.n, &x_span, &w_span);
    float *x = place(0, x_span * 4, s.at, 4), *w = place(1, w_span * 4, s.at, 4);
    const result r = make_result(s.n * 4, s.at, 4);
    fill_f32(x, x_span);
    fill_f32(w, w_span);
    for (size_t c = 0; c < s.n; c++) {
        const float start = (float)draw() / 4294967296.0f;
        float expected = start;
        for (size_t t = 0; t < g.rows * g.columns; t++) {
            const size_t i = t / g.columns, j = t % g.columns;
            expected = in_order(expected, x + i * g.x_row + j * g.x_column + c, w + i * g.w_row + j * g.w_column + c, 1);
        }
        memcpy(r.got + c * 4, &start, 4);
        memcpy(r.expected + c * 4, &expected, 4);
    }
    k->taps_f32((float *)(void *)r.got, x, w, &g, s.n);
    compare(&s, &r);
}

void check_dots_f32(const li_kernels *k, shape s)
{
    const size_t span = s.n == 0 || s.channels == 0 ? 0 : (s.channels - 1) * s.stride + s.n;
    float *x = place(0, s.n * 4, s.at, 4), *w = place(1, span * 4, s.at, 4);
    float *sums = place(2, s.channels * 4, s.at, 4);
    const result r = make_result(s.channels * 4, s.at, 4);
    fill_f32(x, s.n);
    fill_f32(w, span);
    fill_f32(sums, s.channels);
    memcpy(r.got, sums, s.channels * 4);
    for (size_t c = 0; c < s.channels; c++) {
        const float expected = in_order(sums[c], x, w + c * s.stride, s.n);
        memcpy(r.expected + c * 4, &expected, 4);
    }
    k->dots_f32((float *)(void *)r.got, x, w, s.stride, s.n, s.channels);
    compare(&s, &r);
}

void check_dots_f32_packed(const li_kernels *k, shape s)
{
    const size_t first = below(5), total = first + s.n + below(5), bytes = k->pack_f32_bytes(total, s.channels);
    float *x = place(0, s.n * 4, s.at, 4), *w = place(1, total * s.channels * 4, -1, 4);
    float *packed = place(2, bytes, -1, 4), *sums = place(3, s.channels * 4, s.at, 4);
    const result r = make_result(s.channels * 4, s.at, 4);
    if (bytes % 64 != 0) {
        fail(&s, "pack_f32_bytes is no multiple of 64\n");
    }
    fill_f32(x, s.n);
    fill_f32(w, total * s.channels);
    fill_f32(sums, s.channels);
    memset(packed, 0xff, bytes);
    memcpy(r.got, sums, s.channels * 4);
    for (size_t c = 0; c < s.channels; c++) {
        const float expected = in_order(sums[c], x, w + c * total + first, s.n);
        memcpy(r.expected + c * 4, &expected, 4);
    }
    k->pack_f32(packed, w, total, s.channels);
    k->dots_f32_packed((float *)(void *)r.got, x, packed, total, first, s.n, s.channels);
    compare(&s, &r);
}

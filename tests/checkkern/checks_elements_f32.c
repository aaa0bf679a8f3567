/* SPDX-License-Identifier: Apache-2.0 */
/* Float kernels that see each element once, to the bit: each operation of the definitions is stored. */
#include <math.h>
#include <string.h>

#include "harness.h"

/* Numbers of all kinds; one in eight is not finite. */
static void fill_any(float *to, size_t n)
{
    fill_f32(to, n);
    for (size_t i = 0; i < n; i++) {
        if (below(8) == 0) {
            to[i] = below(2) != 0 ? NAN : below(2) != 0 ? INFINITY : -INFINITY;
        }
    }
}

static float limited(float value, float low, float high)
{
    const float raised = low > value ? low : value;
    return high < raised ? high : raised;
}

static void draw_limits(float *low, float *high)
{
    *low = below(2) != 0 ? 0.0f : -INFINITY;
    *high = below(2) != 0 ? 6.0f : INFINITY;
}

/* Which NaN is not defined: one that is expected and one that is got are equal. */
static void expect(const result *r, size_t i, float value)
{
    float got;
    memcpy(&got, r->got + i * 4, 4);
    memcpy(r->expected + i * 4, isnan(value) && isnan(got) ? &got : &value, 4);
}

void check_pair_f32(const li_kernels *k, shape s)
{
    const int32_t operation = (int32_t)below(4);
    const size_t step_a = below(4) != 0, step_b = below(4) != 0;
    const int in_place = step_a != 0 && below(4) == 0;
    float *a = place(0, (step_a != 0 ? s.n : 1) * 4, s.at, 4), *b = place(1, (step_b != 0 ? s.n : 1) * 4, s.at, 4), low, high;
    const result r = make_result(s.n * 4, s.at, 4);
    fill_any(a, step_a != 0 ? s.n : 1);
    fill_any(b, step_b != 0 ? s.n : 1);
    draw_limits(&low, &high);
    if (in_place) {
        memcpy(r.got, a, s.n * 4);
    }
    k->pair_f32(operation, (float *)(void *)r.got, in_place ? (const float *)(const void *)r.got : a, step_a, b, step_b, low, high, s.n);
    for (size_t i = 0; i < s.n; i++) {
        const float x = a[i * step_a], y = b[i * step_b];
        const float value = operation == LI_PAIR_ADD ? x + y : operation == LI_PAIR_SUB ? x - y : operation == LI_PAIR_MUL ? x * y : x / y;
        expect(&r, i, limited(value, low, high));
    }
    compare(&s, &r);
}

void check_limit_f32(const li_kernels *k, shape s)
{
    float *x = place(0, s.n * 4, s.at, 4), low, high;
    const result r = make_result(s.n * 4, s.at, 4);
    fill_any(x, s.n);
    draw_limits(&low, &high);
    k->limit_f32((float *)(void *)r.got, x, low, high, s.n);
    for (size_t i = 0; i < s.n; i++) {
        expect(&r, i, limited(x[i], low, high));
    }
    compare(&s, &r);
}

void check_windows_f32(const li_kernels *k, shape s)
{
    size_t x_span, w_span;
    const li_tap_grid g = make_grid(s.n, &x_span, &w_span);
    const int largest = below(2) != 0;
    float *x = place(0, x_span * 4, s.at, 4), low, high;
    const result r = make_result(s.n * 4, s.at, 4);
    if (g.rows * g.columns == 0) {
        return;
    }
    fill_any(x, x_span);
    draw_limits(&low, &high);
    (largest ? k->max_f32 : k->average_f32)((float *)(void *)r.got, x, &g, low, high, s.n);
    for (size_t c = 0; c < s.n; c++) {
        volatile float sum = 0.0f;
        float best = x[c];
        for (size_t t = 0; t < g.rows * g.columns; t++) {
            const float tap = x[t / g.columns * g.x_row + t % g.columns * g.x_column + c];
            sum = sum + tap;
            best = tap > best ? tap : best;
        }
        expect(&r, c, limited(largest ? best : sum / (float)(g.rows * g.columns), low, high));
    }
    compare(&s, &r);
}

void check_blend_f32(const li_kernels *k, shape s)
{
    const float across = (float)draw() / 4294967296.0f, down = (float)draw() / 4294967296.0f;
    const result r = make_result(s.n * 4, s.at, 4);
    const float *corners[4];
    for (int i = 0; i < 4; i++) {
        float *corner = place(i, s.n * 4, s.at, 4);
        fill_any(corner, s.n);
        corners[i] = corner;
    }
    k->blend_f32((float *)(void *)r.got, corners, across, down, s.n);
    for (size_t c = 0; c < s.n; c++) {
        volatile float top = (corners[1][c] - corners[0][c]) * across, bottom = (corners[3][c] - corners[2][c]) * across, step;
        top = corners[0][c] + top;
        bottom = corners[2][c] + bottom;
        step = (bottom - top) * down;
        expect(&r, c, top + step);
    }
    compare(&s, &r);
}

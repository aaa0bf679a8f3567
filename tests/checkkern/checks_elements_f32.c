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

static void check_hybrid_range(const li_kernels *k, const float *x, size_t n)
{
    float low = 0.0f, high = 0.0f, found[2] = { 0.0f, 0.0f };
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    k->hybrid->range(x, n, &found[0], &found[1]);
    if (found[0] < low || found[0] > low || found[1] < high || found[1] > high) {
        const shape s = { .n = n };
        fail(&s, "the range is another\n");
    }
}

/* The range, then activations less their zero point, then rows of sums. */
void check_hybrid(const li_kernels *k, shape s)
{
    const float inverse = ldexpf(1.0f + (float)draw() / 4294967296.0f, (int)below(16) - 8);
    const int32_t zero = (int32_t)below(256) - 128;
    const size_t rows = below(4), step = below(2);
    float *x = place(0, s.n * 4, s.at, 4), *multipliers = place(1, s.n * 4, s.at, 4), *scales = place(2, (rows * step + 1) * 4, s.at, 4);
    float *bias = below(3) == 0 ? NULL : place(3, s.n * 4, s.at, 4), *sums = place(4, rows * s.n * 4, s.at, 4), low, high;
    result r = make_result(s.n * 4, s.at, 4);
    fill_any(x, s.n);
    check_hybrid_range(k, x, s.n);
    k->hybrid->steps((float *)(void *)r.got, x, inverse, zero, s.n);
    for (size_t i = 0; i < s.n; i++) {
        volatile float scaled = x[i] * inverse;
        const float rounded = scaled < -4e5f ? -4e5f : scaled > 4e5f ? 4e5f : scaled != scaled ? 0.0f : rintf(scaled);
        const float least = (float)(-128 - zero), most = (float)(127 - zero);
        expect(&r, i, (rounded < least ? least : rounded > most ? most : rounded) + 0.0f);
    }
    compare(&s, &r);
    r = make_result(rows * s.n * 4, s.at, 4);
    draw_limits(&low, &high);
    fill_any(multipliers, s.n);
    fill_any(scales, rows * step + 1);
    if (bias != NULL) {
        fill_any(bias, s.n);
    }
    for (size_t i = 0; i < rows * s.n; i++) {
        sums[i] = (float)((int32_t)draw() >> 7);
    }
    memcpy(r.got, sums, rows * s.n * 4);
    k->hybrid->scaled((float *)(void *)r.got, multipliers, scales, step, bias, low, high, s.n, rows);
    for (size_t i = 0; i < rows * s.n; i++) {
        volatile float factor = scales[i / s.n * step] * multipliers[i % s.n], product = sums[i] * factor;
        if (bias != NULL) {
            product = product + bias[i % s.n];
        }
        expect(&r, i, limited(product, low, high));
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

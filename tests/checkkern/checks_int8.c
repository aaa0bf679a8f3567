/* SPDX-License-Identifier: Apache-2.0 */
/* int8 kernels against plain definitions of their own. */
#include <math.h>
#include <string.h>

#include "harness.h"

void check_dots_s8(const li_kernels *k, shape s)
{
    const size_t span = s.n == 0 || s.channels == 0 ? 0 : (s.channels - 1) * s.stride + s.n;
    const int32_t zero = s.fill == LOWEST ? 127 : s.fill == HIGHEST ? -128 : (int32_t)below(256) - 128;
    int8_t *x = place(0, s.n, s.at, 1), *w = place(1, span, s.at, 1);
    const result r = make_result(s.channels * 4, s.at, 4);
    fill_s8(x, s.n, s.fill);
    fill_s8(w, span, s.fill == ALTERNATING ? LOWEST : s.fill);
    for (size_t c = 0; c < s.channels; c++) {
        const int32_t start = (int32_t)(draw() >> 12) - (1 << 19);
        int64_t sum = start;
        memcpy(r.got + c * 4, &start, 4);
        for (size_t i = 0; i < s.n; i++) {
            sum += (int64_t)(x[i] - zero) * w[c * s.stride + i];
        }
        const int32_t expected = (int32_t)sum;
        memcpy(r.expected + c * 4, &expected, 4);
    }
    k->dots_s8((int32_t *)(void *)r.got, x, zero, w, s.stride, s.n, s.channels);
    compare(&s, &r);
}

li_tap_grid make_grid(size_t n, size_t *x_span, size_t *w_span)
{
    li_tap_grid g = { below(5), below(5), 0, n + below(9), 0, n + below(9) };
    g.x_row = g.columns * g.x_column + below(7);
    g.w_row = g.columns * g.w_column + below(7);
    const int empty = g.rows == 0 || g.columns == 0;
    *x_span = empty ? 0 : (g.rows - 1) * g.x_row + (g.columns - 1) * g.x_column + n;
    *w_span = empty ? 0 : (g.rows - 1) * g.w_row + (g.columns - 1) * g.w_column + n;
    return g;
}

void check_taps_s8(const li_kernels *k, shape s)
{
    const int32_t zero = s.fill == LOWEST ? 127 : s.fill == HIGHEST ? -128 : (int32_t)below(256) - 128;
    size_t x_span, w_span;
    const li_tap_grid g = make_grid(s.n, &x_span, &w_span);
    int8_t *x = place(0, x_span, s.at, 1), *w = place(1, w_span, s.at < 0 ? s.at : 15 - s.at, 1);
    const result r = make_result(s.n * 4, s.at, 4);
    fill_s8(x, x_span, s.fill);
    fill_s8(w, w_span, s.fill);
    for (size_t c = 0; c < s.n; c++) {
        const int32_t start = (int32_t)draw() / 4;
        int32_t expected = start;
        for (size_t t = 0; t < g.rows * g.columns; t++) {
            const size_t i = t / g.columns, j = t % g.columns;
            expected += (x[i * g.x_row + j * g.x_column + c] - zero) * w[i * g.w_row + j * g.w_column + c];
        }
        memcpy(r.got + c * 4, &start, 4);
        memcpy(r.expected + c * 4, &expected, 4);
    }
    k->taps_s8((int32_t *)(void *)r.got, x, zero, w, &g, s.n);
    compare(&s, &r);
}

static int16_t *place_s16(int slot, shape s, size_t n)
{
    int16_t *x = place(slot, n * 2, s.at, 2);
    for (size_t i = 0; i < n; i++) {
        x[i] = s.fill == LOWEST ? INT16_MIN : s.fill == HIGHEST ? INT16_MAX : (int16_t)(below(65536) - 32768);
    }
    return x;
}

/* Some are longer than what is summed in 32 bits. */
void check_dots_s16(const li_kernels *k, shape s)
{
    const size_t n = below(8) == 0 ? s.n + 450 : s.n, stride = n + s.stride - s.n;
    const size_t span = n == 0 || s.channels == 0 ? 0 : (s.channels - 1) * stride + n;
    const int16_t *x = place_s16(0, s, n);
    int8_t *w = place(1, span, s.at, 1);
    const result r = make_result(s.channels * 8, s.at, 8);
    fill_s8(w, span, s.fill);
    for (size_t c = 0; c < s.channels; c++) {
        int64_t sum = (int64_t)(draw() >> 20) - (INT64_C(1) << 43);
        memcpy(r.got + c * 8, &sum, 8);
        for (size_t i = 0; i < n; i++) {
            sum += (int64_t)x[i] * w[c * stride + i];
        }
        memcpy(r.expected + c * 8, &sum, 8);
    }
    k->dots_s16((int64_t *)(void *)r.got, x, w, stride, n, s.channels);
    compare(&s, &r);
}

void check_taps_s16(const li_kernels *k, shape s)
{
    size_t x_span, w_span;
    li_tap_grid g = make_grid(s.n, &x_span, &w_span);
    if (below(16) == 0) {           /* more taps than are summed in 32 bits */
        g = (li_tap_grid){ 1, 260, 0, s.n, 0, s.n };
        x_span = w_span = 260 * s.n;
    }
    const int16_t *x = place_s16(0, s, x_span);
    int8_t *w = place(1, w_span, s.at < 0 ? s.at : 15 - s.at, 1);
    const result r = make_result(s.n * 8, s.at, 8);
    fill_s8(w, w_span, s.fill);
    for (size_t c = 0; c < s.n; c++) {
        int64_t sum = (int64_t)(draw() >> 20) - (INT64_C(1) << 43);
        memcpy(r.got + c * 8, &sum, 8);
        for (size_t t = 0; t < g.rows * g.columns; t++) {
            const size_t i = t / g.columns, j = t % g.columns;
            sum += (int64_t)x[i * g.x_row + j * g.x_column + c] * w[i * g.w_row + j * g.w_column + c];
        }
        memcpy(r.expected + c * 8, &sum, 8);
    }
    k->taps_s16((int64_t *)(void *)r.got, x, w, &g, s.n);
    compare(&s, &r);
}

/* Multipliers from one end of the range to the other, sums up to the ends of int32, and many exact halves. */
void check_requantize_s8(const li_kernels *k, shape s)
{
    const int32_t zero = (int32_t)below(256) - 128;
    const int32_t low = below(2) != 0 ? -128 : zero, high = below(2) != 0 ? 127 : low + (int32_t)below((size_t)(128 - low));
    int32_t *sums = place(0, s.n * 4, s.at, 4);
    float *multipliers = place(1, s.n * 4, s.at, 4);
    const result r = make_result(s.n, s.at, 1);
    for (size_t c = 0; c < s.n; c++) {
        multipliers[c] = s.fill == LOWEST ? 0x1p-32f : s.fill == HIGHEST ? 0x1.fffffep7f : s.fill == ALTERNATING
                       ? ldexpf(1.0f, -(int)below(20)) : ldexpf(1.0f + (float)draw() / 4294967296.0f, -(int)below(24));
        sums[c] = below(8) == 0 ? (below(2) != 0 ? INT32_MAX : INT32_MIN) : s.fill == ALTERNATING
                ? (int32_t)below(1 << 16) - (1 << 15) : (int32_t)draw() >> below(28);
        const float scaled = rintf((float)sums[c] * multipliers[c]);
        const float clamped = scaled < (float)(low - zero) ? (float)(low - zero) : scaled > (float)(high - zero) ? (float)(high - zero) : scaled;
        r.expected[c] = (char)((int32_t)clamped + zero);
    }
    k->requantize_s8((int8_t *)r.got, sums, multipliers, zero, low, high, s.n);
    compare(&s, &r);
}

/* Factors as scales give them: the larger one in [2^20, 2^21], the other anywhere below, signs as ADD and SUB have them. */
void check_add_s8(const li_kernels *k, shape s)
{
    const int32_t larger = (1 << 20) + (int32_t)below((1 << 20) + 1), other = (int32_t)below((size_t)larger + 1);
    const int swapped = below(2) != 0, same = below(4) == 0;
    li_sum_s8 sum = { swapped ? other : larger, swapped ? larger : other, 0, 13 + (int32_t)below(18), 0, -128, 127 };
    if (below(2) != 0) {
        sum.factor_b = -sum.factor_b;
    }
    sum.bias = (1 << (sum.shift - 1)) - sum.factor_a * ((int32_t)below(256) - 128) - sum.factor_b * ((int32_t)below(256) - 128);
    sum.zero_point = (int32_t)below(256) - 128;
    if (below(2) != 0) {
        sum.low = (int32_t)below(256) - 128;
        sum.high = sum.low + (int32_t)below((size_t)(128 - sum.low));
    }
    int8_t *a = place(0, s.n, s.at, 1), *b = same ? a : place(1, s.n, s.at < 0 ? s.at : 15 - s.at, 1);
    const int in_place = below(3) == 0;
    const result r = make_result(s.n, s.at, 1);
    fill_s8(a, s.n, s.fill);
    if (!same) {
        fill_s8(b, s.n, s.fill == ALTERNATING ? LOWEST : s.fill);
    }
    for (size_t c = 0; c < s.n; c++) {
        const int64_t total = (int64_t)a[c] * sum.factor_a + (int64_t)b[c] * sum.factor_b + sum.bias;
        const double value = floor(ldexp((double)total, -(int)sum.shift)) + sum.zero_point;
        r.expected[c] = (char)(value < sum.low ? sum.low : value > sum.high ? sum.high : (int32_t)value);
    }
    if (in_place) {
        k->add_s8(a, a, b, &sum, s.n);
        memcpy(r.got, a, s.n);
    } else {
        k->add_s8((int8_t *)r.got, a, b, &sum, s.n);
    }
    compare(&s, &r);
}

/* The limits: none, or any pair in order. */
static void draw_limits(int32_t *low, int32_t *high)
{
    const int whole = below(2) != 0;
    *low = whole ? -128 : (int32_t)below(256) - 128;
    *high = whole ? 127 : *low + (int32_t)below((size_t)(128 - *low));
}

/* A window with at least one tap over elements of `fill`. */
static li_tap_grid make_window(shape s, int8_t **x)
{
    size_t x_span, w_span;
    li_tap_grid g;
    do {
        g = make_grid(s.n, &x_span, &w_span);
    } while (g.rows * g.columns == 0);
    if (below(8) == 0) {    /* many taps, all of them on the same elements */
        g = (li_tap_grid){ 1 + below(40), 1 + below(40), 0, 0, 0, 0 };
        x_span = s.n;
    }
    *x = place(0, x_span, s.at, 1);
    fill_s8(*x, x_span, s.fill);
    return g;
}

void check_max_s8(const li_kernels *k, shape s)
{
    int8_t *x;
    int32_t low, high;
    const li_tap_grid g = make_window(s, &x);
    const result r = make_result(s.n, s.at, 1);
    draw_limits(&low, &high);
    for (size_t c = 0; c < s.n; c++) {
        int32_t most = low;
        for (size_t t = 0; t < g.rows * g.columns; t++) {
            const int8_t value = x[t / g.columns * g.x_row + t % g.columns * g.x_column + c];
            most = value > most ? value : most;
        }
        r.expected[c] = (char)(most > high ? high : most);
    }
    k->max_s8((int8_t *)r.got, x, &g, low, high, s.n);
    compare(&s, &r);
}

void check_sums_s8(const li_kernels *k, shape s)
{
    int8_t *x;
    const li_tap_grid g = make_window(s, &x);
    const result r = make_result(s.n * 4, s.at, 4);
    for (size_t c = 0; c < s.n; c++) {
        int32_t sum = 0;
        for (size_t t = 0; t < g.rows * g.columns; t++) {
            sum += x[t / g.columns * g.x_row + t % g.columns * g.x_column + c];
        }
        memcpy((char *)r.expected + 4 * c, &sum, sizeof sum);
    }
    k->sums_s8((int32_t *)(void *)r.got, x, &g, s.n);
    compare(&s, &r);
}

void check_average_s8(const li_kernels *k, shape s)
{
    int8_t *x;
    int32_t low, high;
    const li_tap_grid g = make_window(s, &x);
    const int32_t taps = (int32_t)(g.rows * g.columns);
    const result r = make_result(s.n, s.at, 1);
    draw_limits(&low, &high);
    for (size_t c = 0; c < s.n; c++) {
        int32_t sum = 0;
        for (int32_t t = 0; t < taps; t++) {
            sum += x[(size_t)t / g.columns * g.x_row + (size_t)t % g.columns * g.x_column + c];
        }
        sum = (sum > 0 ? sum + taps / 2 : sum - taps / 2) / taps;
        r.expected[c] = (char)(sum < low ? low : sum > high ? high : sum);
    }
    k->average_s8((int8_t *)r.got, x, &g, low, high, s.n);
    compare(&s, &r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels between int8 codes and other numbers, against plain definitions in double precision or 64-bit integers. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "harness.h"

/* Pixels between two rows, which may be one, whose neighbours lie anywhere in them or are one. */
void check_blend_s8(const li_kernels *k, shape s)
{
    static const size_t counts[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 24, 31, 33 };
    const size_t channels = counts[below(sizeof counts / sizeof *counts)], apart = below(4) != 0 ? channels : 0;
    const size_t pixels = s.n % 70, in_w = 2 + below(40);
    int8_t *top = place(0, in_w * channels, s.at, 1);
    int8_t *bottom = below(4) == 0 ? top : place(1, in_w * channels, s.at < 0 ? s.at : 15 - s.at, 1);
    li_blend_point *columns = place(2, pixels * sizeof *columns, s.at, 4);
    const result r = make_result(pixels * channels, s.at, 1);
    const int32_t down = below(4) == 0 ? 2048 * (int32_t)below(2) : (int32_t)below(2049);
    fill_s8(top, in_w * channels, s.fill);
    fill_s8(bottom, in_w * channels, s.fill == ALTERNATING ? LOWEST : s.fill);
    for (size_t i = 0; i < pixels; i++) {
        columns[i].low = (int32_t)below(in_w - (apart != 0));
        columns[i].weight = below(4) == 0 ? 2048 * (int32_t)below(2) : (int32_t)below(2049);
        for (size_t c = 0; c < channels; c++) {
            const size_t left = (size_t)columns[i].low * channels + c, right = left + apart;
            const int64_t across = columns[i].weight, back = 2048 - across;
            const int64_t above = top[left] * back + top[right] * across, under = bottom[left] * back + bottom[right] * across;
            const int64_t sum = (2048 - down) * above + down * under;
            r.expected[i * channels + c] = (char)floor(ldexp((double)(sum + (1 << 21)), -22));
        }
    }
    k->blend_s8((int8_t *)r.got, top, bottom, down, columns, pixels, channels, apart);
    compare(&s, &r);
}

/* Numbers whose codes lie inside and outside the range, exact halves, and what is not finite; in place too. */
void check_quantize_s8(const li_kernels *k, shape s)
{
    const float inverse = below(8) == 0 ? INFINITY : ldexpf(1.0f + (float)below(2) * (float)draw() / 4294967296.0f, (int)below(16) - 8);
    const int32_t zero = (int32_t)below(256) - 128, low = below(2) != 0 ? -128 : zero;
    const int32_t high = below(2) != 0 ? 127 : low + (int32_t)below((size_t)(128 - low));
    float *x = place(0, s.n * 4, s.at, 4);
    const result r = make_result(s.n, s.at, 1);
    for (size_t i = 0; i < s.n; i++) {
        const float code = s.fill == LOWEST ? -3e38f : s.fill == HIGHEST ? 3e38f
                         : (float)((int32_t)below(1200) - 600) / (s.fill == ALTERNATING ? 2.0f : 2.0f + (float)below(64));
        x[i] = below(16) == 0 ? (below(2) != 0 ? NAN : below(2) != 0 ? INFINITY : -INFINITY) : code / (isinf(inverse) ? 1.0f : inverse);
        const float scaled = x[i] * inverse;
        const double rounded = isnan(scaled) ? zero : rint((double)scaled) + zero;
        r.expected[i] = (char)(rounded < low ? low : rounded > high ? high : (int32_t)rounded);
    }
    if (below(3) == 0) {
        k->quantize_s8((int8_t *)(void *)x, x, inverse, zero, low, high, s.n);
        memcpy(r.got, x, s.n);
    } else {
        k->quantize_s8((int8_t *)r.got, x, inverse, zero, low, high, s.n);
    }
    compare(&s, &r);
}

void check_dequantize_s8(const li_kernels *k, shape s)
{
    const float scale = ldexpf(1.0f + (float)draw() / 4294967296.0f, (int)below(40) - 30);
    const int32_t zero = (int32_t)below(256) - 128;
    int8_t *x = place(0, s.n, s.at, 1);
    const result r = make_result(s.n * 4, s.at, 4);
    fill_s8(x, s.n, s.fill);
    for (size_t i = 0; i < s.n; i++) {
        const float value = (float)((double)(x[i] - zero) * (double)scale);
        memcpy(r.expected + i * 4, &value, 4);
    }
    k->dequantize_s8((float *)(void *)r.got, x, zero, scale, s.n);
    compare(&s, &r);
}

/* Multipliers as scales give them, up to 256; each operand by itself or one element for all. */
void check_mul_s8(const li_kernels *k, shape s)
{
    const size_t step_a = below(4) != 0, step_b = below(4) != 0;
    const int in_place = below(3) == 0 && step_a != 0;
    li_product_s8 p = { (int32_t)below(256) - 128, (int32_t)below(256) - 128, ldexpf(1.0f + (float)draw() / 4294967296.0f, 7 - (int)below(24)),
                        (int32_t)below(256) - 128, -128, 127 };
    int8_t *a = place(0, step_a != 0 ? s.n : 1, s.at, 1), *b = place(1, step_b != 0 ? s.n : 1, s.at, 1);
    const result r = make_result(s.n, s.at, 1);
    if (below(2) != 0) {
        p.low = (int32_t)below(256) - 128;
        p.high = p.low + (int32_t)below((size_t)(128 - p.low));
    }
    if (below(4) == 0) {
        p.multiplier = ldexpf(1.0f, -(int)below(16));    /* ties */
    }
    fill_s8(a, step_a != 0 ? s.n : 1, s.fill);
    fill_s8(b, step_b != 0 ? s.n : 1, below(2) != 0 ? s.fill : RANDOM);
    for (size_t i = 0; i < s.n; i++) {
        const float product = (float)((a[i * step_a] - p.zero_a) * (b[i * step_b] - p.zero_b));
        const float value = rintf(product * p.multiplier);
        const float low = (float)(p.low - p.zero_point), high = (float)(p.high - p.zero_point);
        r.expected[i] = (char)((int32_t)(value < low ? low : value > high ? high : value) + p.zero_point);
    }
    if (in_place) {
        memcpy(r.got, a, s.n);
    }
    k->mul_s8((int8_t *)r.got, in_place ? (const int8_t *)r.got : a, step_a, b, step_b, &p, s.n);
    compare(&s, &r);
}

/* Any table; in place too. */
void check_look_up_s8(const li_kernels *k, shape s)
{
    const bool in_place = below(2) != 0;
    int8_t *x = place(0, s.n, s.at, 1), *table = place(1, 256, s.at, 1);
    const result r = make_result(s.n, s.at, 1);
    fill_s8(x, s.n, below(2) != 0 ? s.fill : RANDOM);
    fill_s8(table, 256, RANDOM);
    for (size_t i = 0; i < s.n; i++) {
        r.expected[i] = (char)table[x[i] + 128];
    }
    if (in_place) {
        memcpy(r.got, x, s.n);
    }
    k->look_up_s8((int8_t *)r.got, in_place ? (const int8_t *)r.got : x, table, s.n);
    compare(&s, &r);
}

/* Powers as an exponential gives them, down to 0; scales up to those whose quotients leave every range or are no number. Or
   powers that are halves, on a scale that leaves them as they are. */
void check_softmax_s8(const li_kernels *k, shape s)
{
    const bool halves = below(4) == 0;
    float scale = below(8) == 0 ? (below(2) != 0 ? 1e-45f : INFINITY) : ldexpf(1.0f + (float)draw() / 4294967296.0f, -(int)below(14));
    const double step = ldexp(1.0, -(int)below(12)) * 40.0;
    const int32_t zero = below(2) != 0 ? -128 : (int32_t)below(256) - 128;
    int8_t *x = place(0, s.n, s.at, 1);
    float *powers = place(1, 256 * 4, s.at, 4);
    const result r = make_result(s.n, s.at, 1);
    volatile float sum = 0.0f, factor;
    int32_t largest = -128;
    if (s.n < 8) {
        return;
    }
    fill_s8(x, s.n, s.fill);
    for (int d = 0; d < 256; d++) {
        powers[d] = halves ? (float)(1 + below(80)) / 2.0f : (float)exp(-step * d);
    }
    for (size_t i = 0; i < s.n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    for (size_t i = 0; i < s.n; i++) {
        sum = sum + powers[largest - x[i]];
    }
    scale = halves ? 1.0f / sum : scale;
    factor = sum * scale;
    factor = 1.0f / factor;
    for (size_t i = 0; i < s.n; i++) {
        const float scaled = powers[largest - x[i]] * factor;
        const double code = isnan(scaled) ? -1000.0 : round((double)scaled) + zero;
        r.expected[i] = (char)(code < -128.0 ? -128 : code > 127.0 ? 127 : (int32_t)code);
    }
    k->softmax_s8((int8_t *)r.got, x, powers, scale, zero, s.n);
    compare(&s, &r);
}

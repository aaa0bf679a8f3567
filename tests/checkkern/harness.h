/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks of kernels share: random data from one seed, operands flush against forbidden pages, results between
 * canaries, the report of a difference.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "li_kernels.h"
#include "liteinterp.h"

/* ---- random numbers and fills ---- */

void seed_with(uint64_t seed);
uint32_t draw(void);
size_t below(size_t limit);

enum fill { LOWEST, HIGHEST, ALTERNATING, RANDOM, FILLS };

void fill_s8(int8_t *to, size_t n, int fill);
/* Moderate magnitudes of both signs, zeros of both signs and subnormal numbers; nothing that overflows a sum. */
void fill_f32(float *to, size_t n);

/* ---- operands and results ---- */

enum { REGION = 1 << 22, REGIONS = 6, CANARY = 64 };

void make_regions(void);
/* `bytes` of region `i`, flush with the forbidden page behind (`at` < 0) or `at` units behind the one in front. */
void *place(int i, size_t bytes, int at, size_t unit);

typedef struct result { char *got, *expected; size_t bytes; } result;

/* Two equal areas with canaries on both sides, of the same misalignment. */
result make_result(size_t bytes, int at, size_t unit);

/* ---- what runs ---- */

typedef struct shape {
    const char *kernel, *set;
    uint64_t seed;
    size_t n, channels, stride;
    int at, fill;
} shape;

typedef void (*check)(const li_kernels *k, shape s);

/* Runs one check; a touched page ends the program with a report. */
void run_check(check check, const char *kernel, const li_kernels *k, shape s);
/* Reports the first byte that differs, canaries included. */
void compare(const shape *s, const result *r);
void fail(const shape *s, const char *what);
int failures(void);

/* ---- the checks, one per kernel ---- */

void check_dots_s8(const li_kernels *k, shape s);
void check_dots_s16(const li_kernels *k, shape s);
void check_taps_s16(const li_kernels *k, shape s);
void check_taps_s8(const li_kernels *k, shape s);
void check_requantize_s8(const li_kernels *k, shape s);
void check_add_s8(const li_kernels *k, shape s);
void check_max_s8(const li_kernels *k, shape s);
void check_sums_s8(const li_kernels *k, shape s);
void check_average_s8(const li_kernels *k, shape s);
void check_blend_s8(const li_kernels *k, shape s);
void check_quantize_s8(const li_kernels *k, shape s);
void check_dequantize_s8(const li_kernels *k, shape s);
void check_mul_s8(const li_kernels *k, shape s);
void check_look_up_s8(const li_kernels *k, shape s);
void check_softmax_s8(const li_kernels *k, shape s);
void check_conv_s8(const li_kernels *k, shape s);
void check_conv_zero_s8(const li_kernels *k, shape s);       /* weights with a zero point of their own */
void check_depthwise_zero_s8(const li_kernels *k, shape s);
void check_winograd_s8(const li_kernels *k, shape s);
void check_depthwise_s8(const li_kernels *k, shape s);
void check_dense_s8(const li_kernels *k, shape s);
void check_taps_f32(const li_kernels *k, shape s);
void check_conv_f32(const li_kernels *k, shape s);
void check_depthwise_f32(const li_kernels *k, shape s);
void check_pair_f32(const li_kernels *k, shape s);
void check_limit_f32(const li_kernels *k, shape s);
void check_hybrid(const li_kernels *k, shape s);
void check_windows_f32(const li_kernels *k, shape s);
void check_blend_f32(const li_kernels *k, shape s);
void check_dots_f32(const li_kernels *k, shape s);
void check_dots_f32_packed(const li_kernels *k, shape s);

/* Takes what is got for expected where both are within the documented distance of `fast`, or both NaN. */
void accept_near(const result *r, size_t i, float expected, double magnitude);

/* A window of up to 4 x 4 taps, neighbours possibly apart; the operands' spans in elements. */
li_tap_grid make_grid(size_t n, size_t *x_span, size_t *w_span);

#endif

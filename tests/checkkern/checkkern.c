/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares every kernel of every set that this machine runs with a plain definition of its own, bit by bit: all lengths
 * 0..67 and some long ones, every misalignment, extreme values. Operands lie flush against pages that may not be
 * touched, results between canaries. Prints what failed, a touched page included, with the numbers that reproduce it;
 * exit 1.
 *
 *     checkkern [seed]
 */
#define _DEFAULT_SOURCE
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "li_kernels.h"
#include "li_port.h"
#include "liteinterp.h"

/* ---- random numbers and fills --------------------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static size_t below(size_t limit)
{
    return draw() % limit;
}

enum fill { LOWEST, HIGHEST, ALTERNATING, RANDOM, FILLS };

static void fill_s8(int8_t *to, size_t n, enum fill fill)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (int8_t)(fill == LOWEST || (fill == ALTERNATING && i % 2 != 0) ? -128 : fill == RANDOM ? (int)below(256) - 128 : 127);
    }
}

/* Moderate magnitudes of both signs, zeros of both signs and subnormal numbers; nothing that overflows a sum. */
static void fill_f32(float *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float unit = (float)draw() / 4294967296.0f - 0.5f;
        const size_t kind = below(16);
        to[i] = kind == 0 ? 0.0f : kind == 1 ? -0.0f : kind == 2 ? unit * 1e-40f : kind == 3 ? unit * 1e12f : unit * 4.0f;
    }
}

/* ---- guarded memory ------------------------------------------------------------------------------------------------- */

enum { REGION = 1 << 20, CANARY = 64 };

typedef struct region { char *base; size_t page; } region;    /* REGION bytes between two forbidden pages */

static region make_region(void)
{
    region r;
    r.page = (size_t)sysconf(_SC_PAGESIZE);
    r.base = mmap(NULL, REGION + 2 * r.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r.base == MAP_FAILED || mprotect(r.base + r.page, REGION, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        exit(2);
    }
    return r;
}

/* Flush with the page behind (`at` < 0) or `at` units behind the page in front. */
static void *place(region r, size_t bytes, int at, size_t unit)
{
    char *const start = r.base + r.page;
    if (bytes + 16 * unit > REGION) {
        fprintf(stderr, "checkkern: region too small for %zu bytes\n", bytes);
        exit(2);
    }
    return at < 0 ? start + REGION - bytes : start + (size_t)at * unit;
}

static region regions[5];

typedef struct result { char *got, *expected; size_t bytes; } result;

/* Two equal areas with canaries on both sides. */
static result make_result(size_t bytes, int at, size_t unit)
{
    static char got[REGION], expected[REGION];
    const size_t shift = at < 0 ? 0 : (size_t)at * unit;
    const result r = { got + CANARY + shift, expected + CANARY + shift, bytes };
    if (bytes + shift + 2 * CANARY > REGION) {
        exit(2);
    }
    memset(got, 0x5a, bytes + shift + 2 * CANARY);
    memset(expected, 0x5a, bytes + shift + 2 * CANARY);
    return r;
}

typedef struct shape {
    const char *kernel, *set;
    uint64_t seed;
    size_t n, channels, stride;
    int at, fill;
} shape;

static int failures;
static shape current;    /* what runs, for the handler */

static void print_shape(const char *what, const shape *s)
{
    printf("FAIL %s of %s: seed %llu, n %zu, channels %zu, stride %zu, offset %d, fill %d: %s", s->kernel, s->set,
           (unsigned long long)s->seed, s->n, s->channels, s->stride, s->at, s->fill, what);
}

/* Nothing else runs: the fault is ours and synchronous. */
static void touched(int signal)
{
    (void)signal;
    print_shape("touched memory outside its operands\n", &current);
    fflush(stdout);
    _exit(1);
}

static void compare(const shape *s, const result *r)
{
    const char *got = r->got - CANARY, *expected = r->expected - CANARY;
    const size_t bytes = r->bytes + 2 * CANARY;
    for (size_t i = 0; i < bytes; i++) {
        if (got[i] != expected[i]) {
            print_shape("", s);
            printf("byte %ld is %02x, not %02x\n", (long)i - CANARY, (unsigned char)got[i], (unsigned char)expected[i]);
            failures++;
            return;
        }
    }
}

/* ---- one check per kernel ------------------------------------------------------------------------------------------- */

static void check_dots_s8(const li_kernels *k, shape s)
{
    const size_t span = s.n == 0 || s.channels == 0 ? 0 : (s.channels - 1) * s.stride + s.n;
    const int32_t zero = s.fill == LOWEST ? 127 : s.fill == HIGHEST ? -128 : (int32_t)below(256) - 128;
    int8_t *x = place(regions[0], s.n, s.at, 1), *w = place(regions[1], span, s.at, 1);
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

/* A window of up to 4 x 4 taps, neighbours possibly apart; the operands' spans in elements. */
static li_tap_grid make_grid(size_t n, size_t *x_span, size_t *w_span)
{
    li_tap_grid g = { below(5), below(5), 0, n + below(9), 0, n + below(9) };
    g.x_row = g.columns * g.x_column + below(7);
    g.w_row = g.columns * g.w_column + below(7);
    const int empty = g.rows == 0 || g.columns == 0;
    *x_span = empty ? 0 : (g.rows - 1) * g.x_row + (g.columns - 1) * g.x_column + n;
    *w_span = empty ? 0 : (g.rows - 1) * g.w_row + (g.columns - 1) * g.w_column + n;
    return g;
}

static void check_taps_s8(const li_kernels *k, shape s)
{
    const int32_t zero = s.fill == LOWEST ? 127 : s.fill == HIGHEST ? -128 : (int32_t)below(256) - 128;
    size_t x_span, w_span;
    const li_tap_grid g = make_grid(s.n, &x_span, &w_span);
    int8_t *x = place(regions[0], x_span, s.at, 1), *w = place(regions[1], w_span, s.at < 0 ? s.at : 15 - s.at, 1);
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

/* Multipliers from one end of the range to the other, sums up to the ends of int32, and many exact halves. */
static void check_requantize_s8(const li_kernels *k, shape s)
{
    const int32_t zero = (int32_t)below(256) - 128;
    const int32_t low = below(2) != 0 ? -128 : zero, high = below(2) != 0 ? 127 : low + (int32_t)below((size_t)(128 - low));
    int32_t *sums = place(regions[0], s.n * 4, s.at, 4);
    float *multipliers = place(regions[1], s.n * 4, s.at, 4);
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

static void check_taps_f32(const li_kernels *k, shape s)
{
    size_t x_span, w_span;
    const li_tap_grid g = make_grid(s.n, &x_span, &w_span);
    float *x = place(regions[0], x_span * 4, s.at, 4), *w = place(regions[1], w_span * 4, s.at, 4);
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

static void check_dots_f32(const li_kernels *k, shape s)
{
    const size_t span = s.n == 0 || s.channels == 0 ? 0 : (s.channels - 1) * s.stride + s.n;
    float *x = place(regions[0], s.n * 4, s.at, 4), *w = place(regions[1], span * 4, s.at, 4);
    float *sums = place(regions[2], s.channels * 4, s.at, 4);
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

static void check_dots_f32_packed(const li_kernels *k, shape s)
{
    const size_t first = below(5), total = first + s.n + below(5), bytes = k->pack_f32_bytes(total, s.channels);
    float *x = place(regions[0], s.n * 4, s.at, 4), *w = place(regions[1], total * s.channels * 4, -1, 4);
    float *packed = place(regions[2], bytes, -1, 4), *sums = place(regions[3], s.channels * 4, s.at, 4);
    const result r = make_result(s.channels * 4, s.at, 4);
    if (bytes % 64 != 0) {
        printf("FAIL pack_f32_bytes of %s: %zu is no multiple of 64\n", s.set, bytes);
        failures++;
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

/* ---- all of them ---------------------------------------------------------------------------------------------------- */

static const size_t long_lengths[] = { 96, 127, 128, 255, 511, 512, 513, 527, 528, 1023, 1040, 2000 };
static const size_t channel_counts[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 47, 63, 64 };

static void run(void (*check)(const li_kernels *, shape), const char *kernel, const li_kernels *k, shape s)
{
    s.kernel = kernel;
    current = s;
    check(k, s);
}

static void check_length(const li_kernels *k, size_t n, uint64_t seed)
{
    for (int at = -1; at < 16; at++) {
        for (int fill = 0; fill < FILLS; fill++) {
            shape s = { "", k->name, seed, n, 0, 0, at, fill };
            s.channels = channel_counts[below(sizeof channel_counts / sizeof *channel_counts)];
            s.stride = n + (below(2) != 0 ? 0 : below(40));
            run(check_dots_s8, "dots_s8", k, s);
            run(check_taps_s8, "taps_s8", k, s);
            run(check_requantize_s8, "requantize_s8", k, s);
            run(check_taps_f32, "taps_f32", k, s);
            run(check_dots_f32, "dots_f32", k, s);
            if (k->pack_f32_bytes != NULL) {
                run(check_dots_f32_packed, "dots_f32_packed", k, s);
            }
        }
    }
}

static void check_set(const li_kernels *k, uint64_t seed)
{
    const int before = failures;
    state = seed * 2654435761u + 1;
    for (size_t n = 0; n < 68; n++) {
        check_length(k, n, seed);
    }
    for (size_t i = 0; i < sizeof long_lengths / sizeof *long_lengths; i++) {
        check_length(k, long_lengths[i], seed);
    }
    printf("%s %s, seed %llu\n", failures == before ? "ok" : "not ok", k->name, (unsigned long long)seed);
}

int main(int count, char **arguments)
{
    const uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        regions[i] = make_region();
    }
    signal(SIGSEGV, touched);
    signal(SIGBUS, touched);
    check_set(&li_kernels_ref, seed);
#if LI_X86
    if (__builtin_cpu_supports("avx2")) {
        check_set(&li_kernels_avx2, seed);
    } else {
        printf("skip avx2: not on this machine\n");
    }
#endif
    return failures != 0;
}

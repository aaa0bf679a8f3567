/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- random numbers and fills --------------------------------------------------------------------------------------- */

static uint64_t state;

void seed_with(uint64_t seed)
{
    state = seed * 2654435761u + 1;
}

uint32_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

size_t below(size_t limit)
{
    return draw() % limit;
}

void fill_s8(int8_t *to, size_t n, int fill)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = (int8_t)(fill == LOWEST || (fill == ALTERNATING && i % 2 != 0) ? -128 : fill == RANDOM ? (int)below(256) - 128 : 127);
    }
}

void fill_f32(float *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float unit = (float)draw() / 4294967296.0f - 0.5f;
        const size_t kind = below(16);
        to[i] = kind == 0 ? 0.0f : kind == 1 ? -0.0f : kind == 2 ? unit * 1e-40f : kind == 3 ? unit * 1e12f : unit * 4.0f;
    }
}

/* ---- guarded memory ------------------------------------------------------------------------------------------------- */

typedef struct region { char *base; size_t page; } region;    /* REGION bytes between two forbidden pages */

static region regions[REGIONS];

void make_regions(void)
{
    for (int i = 0; i < REGIONS; i++) {
        region *const r = &regions[i];
        r->page = (size_t)sysconf(_SC_PAGESIZE);
        r->base = mmap(NULL, REGION + 2 * r->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (r->base == MAP_FAILED || mprotect(r->base + r->page, REGION, PROT_READ | PROT_WRITE) != 0) {
            perror("mmap");
            exit(2);
        }
    }
}

void *place(int i, size_t bytes, int at, size_t unit)
{
    char *const start = regions[i].base + regions[i].page;
    if (bytes + 16 * unit > REGION) {
        fprintf(stderr, "checkkern: region too small for %zu bytes\n", bytes);
        exit(2);
    }
    return at < 0 ? start + REGION - bytes : start + (size_t)at * unit;
}

result make_result(size_t bytes, int at, size_t unit)
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

/* ---- what runs -------------------------------------------------------------------------------------------------------- */

static int failed;
static shape current;    /* what runs, for the handler */

int failures(void)
{
    return failed;
}

static void print_shape(const char *what, const shape *s)
{
    printf("FAIL %s of %s: seed %llu, n %zu, channels %zu, stride %zu, offset %d, fill %d: %s", s->kernel, s->set,
           (unsigned long long)s->seed, s->n, s->channels, s->stride, s->at, s->fill, what);
}

void fail(const shape *s, const char *what)
{
    print_shape(what, s);
    failed++;
}

/* Nothing else runs: the fault is ours and synchronous. */
static void touched(int signal)
{
    (void)signal;
    print_shape("touched memory outside its operands\n", &current);
    fflush(stdout);
    _exit(1);
}

void compare(const shape *s, const result *r)
{
    const char *got = r->got - CANARY, *expected = r->expected - CANARY;
    const size_t bytes = r->bytes + 2 * CANARY;
    for (size_t i = 0; i < bytes; i++) {
        if (got[i] != expected[i]) {
            print_shape("", s);
            printf("byte %ld is %02x, not %02x\n", (long)i - CANARY, (unsigned char)got[i], (unsigned char)expected[i]);
            failed++;
            return;
        }
    }
}

void run_check(check check, const char *kernel, const li_kernels *k, shape s)
{
    s.kernel = kernel;
    current = s;
    signal(SIGSEGV, touched);
    signal(SIGBUS, touched);
    check(k, s);
}

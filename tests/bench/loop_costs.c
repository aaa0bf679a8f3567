/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times the loops of a 3x3 convolution at stride 1, each by itself, beside what the table of csrc/kernels/x86/li_x86_costs.c
 * expects, in nanoseconds; the table is scaled so that the direct loop of the largest layer agrees. To fit the table anew,
 * change it until ratios agree and no layer takes a loop that is more than a few percent slower than another:
 *
 *     gcc -O2 -std=c11 -Icsrc/src -Icsrc/include tests/bench/loop_costs.c csrc/src/li_cpu.c csrc/src/li_math.c \
 *         $(find csrc/kernels -name '*.c') -lm -o loop_costs
 *     taskset -c 1 ./loop_costs
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "li_internal.h"
#include "li_kernels.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The least time of a call, in nanoseconds. */
static double least(const li_layer_kernels *k, const li_conv_shape *s)
{
    const size_t in = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c, out = (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c;
    const size_t weights = 9 * (size_t)s->in_c * (size_t)s->out_c;
    const li_rescale_s8 rescale = { 3, -4, -128, 127 };
    int8_t *x = malloc(in), *w = malloc(weights), *y = malloc(out);
    float *multipliers = malloc((size_t)s->out_c * 4);
    void *packed = aligned_alloc(64, k->packed_bytes(k->loops, s));
    void *scratch = aligned_alloc(64, (k->scratch_bytes(k->loops, s) + 63) / 64 * 64);
    double best = 1e18;
    for (size_t i = 0; i < in; i++) x[i] = (int8_t)rand();
    for (size_t i = 0; i < weights; i++) w[i] = (int8_t)rand();
    for (int32_t i = 0; i < s->out_c; i++) multipliers[i] = 0.0001f;
    k->pack(k->loops, packed, s, w, NULL, multipliers, rescale.in_zero);
    for (double start = now(); now() < start + 3e7;) {
        const double begin = now();
        for (int i = 0; i < 4; i++) k->run(k->loops, y, x, w, packed, scratch, s, &rescale, 0, s->out_h);
        const double took = (now() - begin) / 4;
        best = took < best ? took : best;
    }
    free(x), free(w), free(y), free(multipliers), free(packed), free(scratch);
    return best;
}

int main(void)
{
    static const int32_t sides[] = { 4, 6, 7, 8, 14, 16, 32, 56 }, channels[][2] = { { 3, 16 }, { 8, 8 }, { 16, 16 }, { 16, 32 }, { 24, 24 }, { 32, 16 }, { 32, 32 }, { 64, 32 }, { 64, 64 }, { 128, 128 }, { 256, 256 } };
    static const int32_t sets[] = { LI_ISA_AVX2, LI_ISA_AVX512_VNNI };
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        const li_kernels *k = li_kernels_choose(sets[set]);
        if (k == NULL) continue;
        const li_conv_shape big = { 32, 32, 64, 32, 32, 64, 3, 3, 1, 1, 1, 1, 1, 0 };
        const double unit = least(k->conv_s8, &big) / (double)k->conv_s8->cost(k->conv_s8->loops, &big);
        printf("%s: ns measured (expected) of direct and what may take its place, in the set's order; a cost of 64 is %.3f ns\n", k->name, unit * 64);
        for (size_t c = 0; c < sizeof channels / sizeof *channels; c++) {
            for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
                const int32_t side = sides[i];
                const li_conv_shape s = { side, side, channels[c][0], side, side, channels[c][1], 3, 3, 1, 1, 1, 1, 1, 0 };
                const li_layer_kernels *loops[LI_CONV_FORMS + 1] = { k->conv_s8 };
                double took[LI_CONV_FORMS + 1], fastest = 1e18;
                size_t count = 1;
                size_t chosen = 0;
                if ((double)side * side * s.in_c * s.out_c > 3e7) continue;
                for (size_t j = 0; j < LI_CONV_FORMS && k->conv_forms_s8[j] != NULL; j++) loops[count++] = k->conv_forms_s8[j];
                printf("%2d x %2d x %3d -> %3d ", side, side, s.in_c, s.out_c);
                for (size_t j = 0; j < count; j++) {
                    took[j] = least(loops[j], &s);
                    fastest = took[j] < fastest ? took[j] : fastest;
                    chosen = loops[j]->cost(loops[j]->loops, &s) < loops[chosen]->cost(loops[chosen]->loops, &s) / 32 * 31 ? j : chosen;
                    printf(" %9.0f (%9.0f)", took[j], unit * (double)loops[j]->cost(loops[j]->loops, &s));
                }
                printf("  takes %zu, loses %3.0f %%\n", chosen, (took[chosen] / fastest - 1) * 100);
            }
        }
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times every form of int8 convolutions, in turns, beside what the table of csrc/kernels/x86/li_x86_costs.c expects. Reads one layer
 * a line, the fields of li_conv_shape in order up to w_last; writes for each set and form a line
 *
 *     SET LAYER LOOP COST BYTES NANOSECONDS
 *
 * with the number of the layer, LI_LOOP_..., what the table says, packed bytes, and the least time of a call. tests/bench/loops.py builds
 * and runs it on the layers of networks.
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "li_internal.h"
#include "li_kernels.h"

enum { ROUNDS = 8, FORMS = LI_CONV_FORMS + 1 };
static const double ROUND_NS = 1.5e6;

typedef struct form {
    const li_layer_kernels *kernels;
    void *packed, *scratch;
    double least;
} form;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

/* The forms of a layer, the direct one first. */
static size_t forms_of(const li_kernels *k, const li_conv_shape *s, form *forms)
{
    size_t count = 0;
    for (size_t i = 0; i < FORMS; i++) {
        const li_layer_kernels *kernels = i == 0 ? k->conv_s8 : k->conv_forms_s8[i - 1];
        if (kernels != NULL && kernels->packed_bytes(kernels->loops, s) != 0) {
            forms[count++] = (form){ kernels, NULL, NULL, 1e18 };
        }
    }
    return count;
}

static void measure(const li_kernels *k, const li_conv_shape *s, int layer)
{
    const size_t in = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c, out = (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c;
    const size_t weights = (size_t)s->filter_h * (size_t)s->filter_w * (size_t)s->in_c * (size_t)s->out_c;
    const li_rescale_s8 rescale = { 3, -4, -128, 127 };
    int8_t *x = aligned(in), *w = aligned(weights), *y = aligned(out);
    float *multipliers = aligned((size_t)s->out_c * 4);
    form forms[FORMS];
    const size_t count = forms_of(k, s, forms);
    for (size_t i = 0; i < in; i++) x[i] = (int8_t)rand();
    for (size_t i = 0; i < weights; i++) w[i] = (int8_t)rand();
    for (int32_t i = 0; i < s->out_c; i++) multipliers[i] = 0.0001f;
    for (form *f = forms; f < forms + count; f++) {
        f->packed = aligned(f->kernels->packed_bytes(f->kernels->loops, s));
        f->scratch = aligned(f->kernels->scratch_bytes(f->kernels->loops, s));
        f->kernels->pack(f->kernels->loops, f->packed, s, w, NULL, multipliers, rescale.in_zero);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (form *f = forms; f < forms + count; f++) {
            for (double start = now(); now() < start + ROUND_NS;) {
                const double begin = now();
                for (int i = 0; i < 4; i++) f->kernels->run(f->kernels->loops, y, x, w, f->packed, f->scratch, s, &rescale, 0, s->out_h);
                const double took = (now() - begin) / 4;
                f->least = took < f->least ? took : f->least;
            }
        }
    }
    for (form *f = forms; f < forms + count; f++) {
        printf("%s %d %d %" PRIu64 " %zu %.1f\n", k->name, layer, f->kernels->loop, f->kernels->cost(f->kernels->loops, s),
               f->kernels->packed_bytes(f->kernels->loops, s), f->least);
        free(f->packed), free(f->scratch);
    }
    free(x), free(w), free(y), free(multipliers);
}

int main(void)
{
    static const int32_t sets[] = { LI_ISA_AVX2, LI_ISA_AVX_VNNI, LI_ISA_AVX512_VNNI };
    li_conv_shape s = { .dilation_w = 1 };
    for (int layer = 0;
         scanf("%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32 "%" SCNd32,
               &s.in_h, &s.in_w, &s.in_c, &s.out_h, &s.out_w, &s.out_c, &s.filter_h, &s.filter_w, &s.stride_h, &s.stride_w, &s.dilation_h,
               &s.pad_top, &s.pad_left, &s.w_last) == 14;
         layer++) {
        for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
            const li_kernels *k = li_kernels_choose(sets[set]);
            if (k != NULL) {
                measure(k, &s, layer);
            }
        }
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares every kernel of every set that this machine runs with a plain definition of its own, bit by bit: all lengths
 * 0..67 and some long ones, every misalignment, extreme values. Operands lie flush against pages that may not be
 * touched, results between canaries. Prints what failed, a touched page included, with the numbers that reproduce it;
 * exit 1.
 *
 *     checkkern [seed]
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "li_internal.h"

static const size_t long_lengths[] = { 96, 127, 128, 255, 511, 512, 513, 527, 528, 1023, 1040, 2000 };
static const size_t channel_counts[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 47, 63, 64 };

static void check_length(const li_kernels *k, size_t n, uint64_t seed)
{
    for (int at = -1; at < 16; at++) {
        for (int fill = 0; fill < FILLS; fill++) {
            shape s = { "", k->name, seed, n, 0, 0, at, fill };
            s.channels = channel_counts[below(sizeof channel_counts / sizeof *channel_counts)];
            s.stride = n + (below(2) != 0 ? 0 : below(40));
            run_check(check_dots_s8, "dots_s8", k, s);
            run_check(check_taps_s8, "taps_s8", k, s);
            run_check(check_requantize_s8, "requantize_s8", k, s);
            run_check(check_add_s8, "add_s8", k, s);
            run_check(check_max_s8, "max_s8", k, s);
            run_check(check_average_s8, "average_s8", k, s);
            run_check(check_taps_f32, "taps_f32", k, s);
            run_check(check_dots_f32, "dots_f32", k, s);
            if (k->pack_f32_bytes != NULL) {
                run_check(check_dots_f32_packed, "dots_f32_packed", k, s);
            }
            if (k->conv_f32 != NULL && n < 68) {
                run_check(check_conv_f32, "conv_f32", k, s);
            }
            if (k->depthwise_f32 != NULL && n < 68) {
                run_check(check_depthwise_f32, "depthwise_f32", k, s);
            }
            if (k->pair_f32 != NULL) {    /* a set has these four together */
                run_check(check_pair_f32, "pair_f32", k, s);
                run_check(check_limit_f32, "limit_f32", k, s);
                run_check(check_windows_f32, "average_f32 or max_f32", k, s);
                run_check(check_blend_f32, "blend_f32", k, s);
            }
            if (k->conv_s8 != NULL && n < 68) {
                run_check(check_conv_s8, "conv_s8", k, s);
            }
            if (k->dense_s8 != NULL) {
                run_check(check_dense_s8, "dense_s8", k, s);
            }
            if (k->depthwise_s8 != NULL && n < 68) {
                run_check(check_depthwise_s8, "depthwise_s8", k, s);
            }
        }
    }
}

static void check_set(const li_kernels *k, uint64_t seed)
{
    const int before = failures();
    seed_with(seed);
    for (size_t n = 0; n < 68; n++) {
        check_length(k, n, seed);
    }
    for (size_t i = 0; i < sizeof long_lengths / sizeof *long_lengths; i++) {
        check_length(k, long_lengths[i], seed);
    }
    printf("%s %s, seed %llu\n", failures() == before ? "ok" : "not ok", k->name, (unsigned long long)seed);
}

int main(int count, char **arguments)
{
    static const struct { int32_t isa; const char *name; } sets[] = {
        { LI_ISA_REF, "ref" },
        { LI_ISA_AVX2, "avx2" },
        { LI_ISA_AVX_VNNI, "avxvnni" },
        { LI_ISA_AVX512_VNNI, "avx512vnni" },
        { LI_ISA_NEON, "neon" },
        { LI_ISA_DOTPROD, "dotprod" },
    };
    const uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    make_regions();
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const li_kernels *const k = li_kernels_choose(sets[i].isa);
        if (k != NULL) {
            check_set(k, seed);
        } else {
            printf("skip %s: not on this machine\n", sets[i].name);
        }
    }
    return failures() != 0;
}

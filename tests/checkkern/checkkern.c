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

/* Sets that are done: what a later set shares with them is not checked again. */
static const li_kernels *done[8];
static size_t done_count;

/* Unless the set lacks it, or shares it. */
#define CHECK_NEW(member, check, name)                                                                                 \
    do {                                                                                                               \
        bool is_new = k->member != NULL;                                                                               \
        for (size_t i = 0; i < done_count; i++) {                                                                      \
            is_new = is_new && done[i]->member != k->member;                                                           \
        }                                                                                                              \
        if (is_new) {                                                                                                  \
            run_check(check, name, k, s);                                                                              \
        }                                                                                                              \
    } while (0)

static void check_length(const li_kernels *k, size_t n, uint64_t seed)
{
    for (int at = -1; at < 16; at++) {
        for (int fill = 0; fill < FILLS; fill++) {
            shape s = { "", k->name, seed, n, 0, 0, at, fill };
            s.channels = channel_counts[below(sizeof channel_counts / sizeof *channel_counts)];
            s.stride = n + (below(2) != 0 ? 0 : below(40));
            CHECK_NEW(dots_s8, check_dots_s8, "dots_s8");
            CHECK_NEW(taps_s8, check_taps_s8, "taps_s8");
            CHECK_NEW(dots_s16, check_dots_s16, "dots_s16");
            CHECK_NEW(taps_s16, check_taps_s16, "taps_s16");
            CHECK_NEW(requantize_s8, check_requantize_s8, "requantize_s8");
            CHECK_NEW(add_s8, check_add_s8, "add_s8");
            CHECK_NEW(max_s8, check_max_s8, "max_s8");
            CHECK_NEW(sums_s8, check_sums_s8, "sums_s8");
            CHECK_NEW(average_s8, check_average_s8, "average_s8");
            CHECK_NEW(blend_s8, check_blend_s8, "blend_s8");
            CHECK_NEW(quantize_s8, check_quantize_s8, "quantize_s8");
            CHECK_NEW(dequantize_s8, check_dequantize_s8, "dequantize_s8");
            CHECK_NEW(mul_s8, check_mul_s8, "mul_s8");
            CHECK_NEW(look_up_s8, check_look_up_s8, "look_up_s8");
            CHECK_NEW(softmax_s8, check_softmax_s8, "softmax_s8");
            CHECK_NEW(taps_f32, check_taps_f32, "taps_f32");
            CHECK_NEW(dots_f32, check_dots_f32, "dots_f32");
            CHECK_NEW(dots_f32_packed, check_dots_f32_packed, "dots_f32_packed");
            CHECK_NEW(pair_f32, check_pair_f32, "pair_f32");
            CHECK_NEW(limit_f32, check_limit_f32, "limit_f32");
            CHECK_NEW(hybrid, check_hybrid, "hybrid");
            CHECK_NEW(average_f32, check_windows_f32, "average_f32 or max_f32");
            CHECK_NEW(blend_f32, check_blend_f32, "blend_f32");
            CHECK_NEW(dense_s8, check_dense_s8, "dense_s8");
            if (n < 68) {
                CHECK_NEW(conv_f32, check_conv_f32, "conv_f32");
                CHECK_NEW(depthwise_f32, check_depthwise_f32, "depthwise_f32");
                CHECK_NEW(conv_s8, check_conv_s8, "conv_s8");
                if (at < 0 || (size_t)at == n % 16) {
                    CHECK_NEW(conv_forms_s8[0], check_winograd_s8, "winograd_s8");
                }
                CHECK_NEW(depthwise_s8, check_depthwise_s8, "depthwise_s8");
                CHECK_NEW(conv_zero_s8, check_conv_zero_s8, "conv_zero_s8");
                CHECK_NEW(depthwise_zero_s8, check_depthwise_zero_s8, "depthwise_zero_s8");
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
    done[done_count++] = k;
    printf("%s %s, seed %llu\n", failures() == before ? "ok" : "not ok", k->name, (unsigned long long)seed);
}

int main(int count, char **arguments)
{
    static const struct { int32_t isa; const char *name; } sets[] = {
        { LI_ISA_REF, "ref" },
        { LI_ISA_SSE41, "sse41" },
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requantization in integers against the definition in floats, on what can tell them apart: each of the three roundings at,
 * one below and one above its ties, carries out of the significand, and every exponent. Also products of sizes against the
 * compiler's own overflow check. Prints the number of comparisons. With the argument `all`: every sum, and every significand.
 */
#include "support.h"

#include "li_requantize.h"
#include "li_size.h"

static uint64_t compared;

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void compare(int32_t sum, float multiplier)
{
    static const int32_t limits[][3] = {{0, -128, 127}, {-3, -3, 100}, {-256, -256, 255}, {255, -256, 255}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const int32_t zero = limits[i][0], low = limits[i][1], high = limits[i][2];
        const int32_t expected = li_requantize_float(sum, multiplier, zero, low, high);
        const int32_t found = li_requantize_integer(sum, multiplier, zero, low, high);
        if (expected != found) {
            fprintf(stderr, "%d * %a + %d in [%d, %d]: %d, in integers %d\n", (int)sum, (double)multiplier, (int)zero,
                    (int)low, (int)high, (int)expected, (int)found);
            exit(1);
        }
    }
    compared++;
}

static void compare_signs(int64_t magnitude, float multiplier)
{
    if (magnitude <= INT32_MAX) {
        compare((int32_t)magnitude, multiplier);
    }
    if (magnitude <= -(int64_t)INT32_MIN) {
        compare((int32_t)-magnitude, multiplier);
    }
}

/* Significands whose low bits tie, and those beside them: a run of ones or zeros of every length from either end. */
static size_t edge_significands(uint32_t *found)
{
    size_t count = 0;
    for (int length = 0; length <= 23; length++) {
        const uint32_t run = (1u << length) - 1;
        const uint32_t ends[] = {run, 0x7fffffu & ~run, 1u << length, (1u << length) - 2, (1u << length) + 1};
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
            found[count++] = 0x800000u | (ends[i] & 0x7fffffu);
        }
    }
    found[count++] = 0xaaaaaau;
    found[count++] = 0xd55555u;
    return count;
}

/* The first rounding: every pattern of the bits that a sum of 25 to 32 bits loses and of the last two that stay. */
static void compare_long_sums(void)
{
    static const float multipliers[] = {0x1p-24f, 0x1.8p-24f, 0x1.fffffep-25f, 0x1.000002p-23f};
    static const uint32_t heads[] = {0x200000u, 0x200001u, 0x3fffffu, 0x3ffffeu, 0x2aaaaau};   /* the upper 22 bits */
    for (int lost = 1; lost <= 8; lost++) {
        for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
            for (uint32_t tail = 0; tail < 1u << (lost + 2); tail++) {
                const int64_t sum = ((int64_t)heads[h] << (lost + 2)) | tail;
                for (size_t m = 0; m < sizeof multipliers / sizeof *multipliers; m++) {
                    compare_signs(sum, multipliers[m]);
                    compare_signs(sum, multipliers[m] / (float)(1 << lost));
                }
            }
        }
    }
}

/* All pairs of edge significands, with sums of every length and multipliers of every exponent that matters, and beyond. */
static void compare_significands(void)
{
    uint32_t edges[128];
    const size_t count = edge_significands(edges);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            for (int length = 1; length <= 32; length += length < 20 ? 6 : 1) {
                const int64_t sum = length < 24 ? edges[i] >> (24 - length) : (int64_t)edges[i] << (length - 24);
                for (int target = -2; target <= 10; target += 1) {     /* log2 of the product, about */
                    const uint32_t exponent = (uint32_t)(127 + target - length + 1);
                    compare_signs(sum, float_of((exponent << 23) | (edges[j] & 0x7fffffu)));
                }
            }
        }
        for (uint32_t exponent = 0; exponent < 255; exponent++) {
            compare_signs(edges[i] >> (i % 24), float_of((exponent << 23) | (edges[i] & 0x7fffffu)));
            compare_signs((int64_t)1 << 31, float_of((exponent << 23) | (edges[i] & 0x7fffffu)));
        }
    }
}

/* The last rounding: products at and beside every n + 1/2, which the second rounding may make or hide. */
static void compare_ties(void)
{
    uint64_t random = 1;
    for (int round = 0; round < 600; round++) {
        const int64_t sum = 1 + (int64_t)(next_random(&random) >> (33 + round % 31));
        for (int32_t n = 0; n <= 260; n++) {
            const uint32_t bits = bits_of(((float)n + 0.5f) / (float)sum);
            for (uint32_t step = 0; step < 7; step++) {
                compare_signs(sum, float_of(bits - 3 + step));
            }
        }
    }
}

static void compare_random(void)
{
    uint64_t random = 7;
    for (int i = 0; i < 4000000; i++) {
        const uint64_t word = next_random(&random);
        const uint32_t exponent = 96 + (uint32_t)(word >> 58);
        compare((int32_t)(word >> 32) >> (word & 31), float_of((exponent << 23) | ((uint32_t)word & 0x7fffffu)));
    }
}

/* Every sum, and every significand of the multiplier with sums of all lengths. */
static void compare_all(void)
{
    const float multiplier = 0x1.6a09e6p-25f;
    for (int64_t sum = INT32_MIN; sum <= INT32_MAX; sum++) {
        if (li_requantize_float((int32_t)sum, multiplier, 0, -128, 127) != li_requantize_integer((int32_t)sum, multiplier, 0, -128, 127)) {
            compare((int32_t)sum, multiplier);
        }
        compared++;
    }
    for (uint32_t significand = 0; significand < 1u << 23; significand++) {
        for (uint32_t length = 1; length <= 31; length += 3) {
            const int32_t sum = (int32_t)(0x5a827999u >> (31 - length));
            compare(sum, float_of(((134 - length) << 23) | significand));
        }
    }
}

static void compare_sizes(void)
{
    uint64_t random = 3, values[400];
    size_t count = 0;
    for (int bit = 0; bit < 64; bit++) {
        for (uint64_t beside = 0; beside < 5; beside++) {
            values[count++] = (UINT64_C(1) << bit) + beside - 2;
        }
    }
    while (count < sizeof values / sizeof *values) {
        const uint64_t word = next_random(&random);
        values[count++] = word >> (word & 63);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            uint64_t product;
            const uint64_t expected = __builtin_mul_overflow(values[i], values[j], &product) ? LI_SIZE_MAX : product;
            CHECK(li_size_mul(values[i], values[j]) == expected);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "all") == 0) {
        compare_all();
    }
    compare_long_sums();
    compare_significands();
    compare_ties();
    compare_random();
    compare_sizes();
    printf("%llu\n", (unsigned long long)compared);
    return 0;
}

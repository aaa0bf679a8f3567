/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All arithmetic on sizes. Sums and products stick at LI_SIZE_MAX once they overflow, so a whole formula is computed
 * first and compared with a limit once: what exceeded it anywhere still exceeds it at the end.
 */
#ifndef LI_SIZE_H
#define LI_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define LI_SIZE_MAX UINT64_MAX

/* No tensor, memory part or file is larger: every offset fits an int32_t and a 32-bit size_t. */
#define LI_BYTES_MAX ((uint64_t)INT32_MAX)

static inline uint64_t li_size_add(uint64_t a, uint64_t b)
{
    return a > LI_SIZE_MAX - b ? LI_SIZE_MAX : a + b;
}

static inline uint64_t li_size_mul(uint64_t a, uint64_t b)
{
#if defined(__GNUC__)
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? LI_SIZE_MAX : product;
#else
    return b != 0 && a > LI_SIZE_MAX / b ? LI_SIZE_MAX : a * b;
#endif
}

/* The next multiple of `unit`, a power of two. */
static inline uint64_t li_size_round_up(uint64_t a, uint64_t unit)
{
    return a > LI_SIZE_MAX - (unit - 1) ? LI_SIZE_MAX : (a + (unit - 1)) & ~(unit - 1);
}

static inline bool li_size_fits(uint64_t a)
{
    return a <= LI_BYTES_MAX;
}

#endif

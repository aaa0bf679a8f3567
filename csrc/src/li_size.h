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

/* In halves: a division costs more, and compilers make a 128-bit product of it, for which some need a library function. */
static inline uint64_t li_size_mul(uint64_t a, uint64_t b)
{
    const uint64_t a_high = a >> 32, b_high = b >> 32, a_low = a & UINT32_MAX, b_low = b & UINT32_MAX;
    const uint64_t middle = a_high * b_low + a_low * b_high;     /* one of the two is 0 unless the product is too large */
    if ((a_high != 0 && b_high != 0) || middle >> 32 != 0) return LI_SIZE_MAX;
    return li_size_add(middle << 32, a_low * b_low);
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

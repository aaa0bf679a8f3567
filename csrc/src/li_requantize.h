/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an accumulator or a float to eight bits: docs/NUMERICS.md, "Rounding". Every function clamps before it converts,
 * so that no value, infinity and NaN included, leaves the range of the conversion.
 */
#ifndef LI_REQUANTIZE_H
#define LI_REQUANTIZE_H

#include <stdint.h>

#include "li_config.h"
#include "li_math.h"
#include "li_port.h"

/* Round to nearest, ties to even, for |x| <= 2^22: adding 1.5 * 2^23 leaves the integer in the low bits of the sum. */
static inline int32_t li_round_even(float x)
{
    const float sum = x + 12582912.0f;
    int32_t bits;
    li_copy(&bits, &sum, sizeof bits);
    return bits - 0x4b400000;
}

/* As roundf: to nearest, ties away from zero, for |x| <= 2^22. */
static inline int32_t li_round_away(float x)
{
    const int32_t whole = (int32_t)x;
    const float rest = x - (float)whole;         /* exact */
    return rest >= 0.5f ? whole + 1 : rest <= -0.5f ? whole - 1 : whole;
}

static inline int32_t li_clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* NaN passes: both comparisons are false. Written as maximum and minimum instructions choose, so that no branch is left. */
static inline float li_clamp_f32(float value, float low, float high)
{
    const float raised = low > value ? low : value;
    return high < raised ? high : raised;
}

/* clamp(round_even(float(sum) * multiplier) + zero_point, low, high); zero_point, low and high within [-256, 255]. */
static inline int32_t li_requantize_float(int32_t sum, float multiplier, int32_t zero_point, int32_t low, int32_t high)
{
    const float scaled = (float)sum * multiplier;
    return li_round_even(li_clamp_f32(scaled, (float)(low - zero_point), (float)(high - zero_point))) + zero_point;
}

/* value / 2^bits to nearest, ties to even; bits in [1, 31]. */
LI_INLINE uint32_t li_round_bits(uint32_t value, int32_t bits)
{
    const uint32_t whole = value >> bits, rest = value << (32 - bits);
    return whole + (rest + (whole & 1) > 0x80000000u);
}

/* Zero bits above the highest one bit; value is not 0. */
LI_INLINE int32_t li_leading_zeros(uint32_t value)
{
#if defined(__GNUC__)
    return __builtin_clz(value);
#else
    int32_t zeros = 0;
    for (; (value & 0x80000000u) == 0; value <<= 1) ++zeros;
    return zeros;
#endif
}

/* The upper 32 of 48 bits of a product, for a <= 2^24 and b < 2^24; the lowest also stands for all bits below it. */
LI_INLINE uint32_t li_upper_product(uint32_t a, uint32_t b)
{
#if LI_SHORT_PRODUCTS    /* in halves of 12 bits */
    const uint32_t a_high = a >> 12, a_low = a & 0xfffu, b_high = b >> 12, b_low = b & 0xfffu;
    const uint32_t low = a_low * b_low, middle = a_high * b_low + a_low * b_high + (low >> 12);
    return ((a_high * b_high << 8) + (middle >> 4)) | (((middle & 0xfu) | (low & 0xfffu)) != 0);
#else
    const uint64_t product = (uint64_t)a * b;
    return (uint32_t)(product >> 16) | ((product & 0xffffu) != 0);
#endif
}

/*
 * The same in integers, for cores without a float unit: equal for every sum and every finite multiplier that is not
 * negative. As the float form does, it rounds the sum to 24 bits, the product to 24 bits, then that to an integer.
 */
static inline int32_t li_requantize_integer(int32_t sum, float multiplier, int32_t zero_point, int32_t low, int32_t high)
{
    uint32_t bits, a, product;
    int32_t zeros, shift, value = 0;

    li_copy(&bits, &multiplier, sizeof bits);
    if (sum != 0 && bits >= 0x800000u) {         /* what a subnormal multiplier gives is below 1/2 */
        a = sum < 0 ? 0 - (uint32_t)sum : (uint32_t)sum;
        zeros = li_leading_zeros(a);
        a = li_round_bits(a << zeros, 8);        /* |sum| = a * 2^(8 - zeros), a in [2^23, 2^24] */
        product = li_upper_product(a, (bits & 0x7fffffu) | 0x800000u);
        shift = 118 + zeros - (int32_t)(bits >> 23);
        if (product < 0x80000000u) {
            product <<= 1;
            ++shift;
        }
        product = li_round_bits(product, 8);     /* |sum| * multiplier = product / 2^shift, product in [2^23, 2^24] */
        if (shift < 14) value = 1024;            /* at least 2^23 / 2^13: beyond every limit */
        else if (shift < 25) value = (int32_t)li_round_bits(product, shift);
        if (sum < 0) value = -value;
    }
    return li_clamp(value, low - zero_point, high - zero_point) + zero_point;
}

static inline int32_t li_requantize(int32_t sum, float multiplier, int32_t zero_point, int32_t low, int32_t high)
{
#if LI_SOFT_FLOAT
    return li_requantize_integer(sum, multiplier, zero_point, low, high);
#else
    return li_requantize_float(sum, multiplier, zero_point, low, high);
#endif
}

/* clamp(round_even(value) + zero_point, low, high) for any float; NaN gives the zero point. */
static inline int32_t li_quantize(float value, int32_t zero_point, int32_t low, int32_t high)
{
    if (value != value) return li_clamp(zero_point, low, high);
    return li_round_even(li_clamp_f32(value, (float)(low - zero_point), (float)(high - zero_point))) + zero_point;
}

/* value / 2^shift rounded down, for shift in [0, 31]; C leaves >> of negative numbers to the compiler. */
static inline int32_t li_shift_right(int32_t value, int32_t shift)
{
    return value >= 0 ? value >> shift : ~(~value >> shift);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an accumulator or a float to eight bits: docs/NUMERICS.md, "Rounding". Every function clamps before it converts,
 * so that no value, infinity and NaN included, leaves the range of the conversion.
 */
#ifndef LI_REQUANTIZE_H
#define LI_REQUANTIZE_H

#include <stdint.h>

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
static inline int32_t li_requantize(int32_t sum, float multiplier, int32_t zero_point, int32_t low, int32_t high)
{
    const float scaled = (float)sum * multiplier;
    return li_round_even(li_clamp_f32(scaled, (float)(low - zero_point), (float)(high - zero_point))) + zero_point;
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

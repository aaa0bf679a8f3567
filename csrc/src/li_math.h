/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that other runtimes take from libm, written in a fixed order of IEEE double operations: the same bits on
 * every machine. docs/NUMERICS.md, "Functions".
 */
#ifndef LI_MATH_H
#define LI_MATH_H

#include <stdint.h>

#if defined(__FAST_MATH__)
#error "results are defined to the bit: do not compile with -ffast-math"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* e^x, relative error below 1e-15 where the result is a normal number; 0 below -708, infinity above 709.78, NaN for NaN. */
double li_exp(double x);

/* 1 / (1 + e^-x), relative error below 1e-15; NaN for NaN. */
double li_logistic(double x);

/* e^x - 1, relative error below 1e-15 near 0 too; NaN for NaN. */
double li_expm1(double x);

/* tanh x, relative error below 1e-15; NaN for NaN. */
double li_tanh(double x);

/* 1 - erf x, relative error below 1e-13 where the result is a normal number; NaN for NaN. */
double li_erfc(double x);

/* Natural logarithm of a normal number, 0 or infinity, relative error below 1e-15; NaN below 0 and for NaN. */
double li_log(double x);

/* Square root of a normal number, 0 (with its sign) or infinity, relative error below 1e-15; NaN below 0 and for NaN. */
double li_sqrt(double x);

/* floor(log2(x)) for a finite x > 0, subnormal numbers included. */
int32_t li_floor_log2(float x);

/* 2^n for n in [-126, 127]. */
float li_power_of_two(int32_t n);

/* The value of an IEEE binary16 number. */
float li_half_to_float(uint16_t half);

/*
 * A positive factor as multiplier * 2^(shift - 31) with 31 bits of multiplier: the form in which TensorFlow Lite's own
 * (not delegated) kernels scale. They round twice: the product's upper half, ties upward, then the shift, ties away from
 * zero in their scalar code (li_fixed_multiply) and upward in their vector code (li_fixed_multiply_up).
 */
typedef struct li_fixed {
    int32_t multiplier;
    int32_t shift;
} li_fixed;

/* `factor` is finite and positive; below 2^-32 it becomes 0, above 2^30 it saturates. */
li_fixed li_fixed_from(double factor);
int32_t li_fixed_multiply(int32_t value, li_fixed factor);
int32_t li_fixed_multiply_up(int32_t value, li_fixed factor);

/* 1 / sqrt(value) for value >= 1 by five Newton steps in 28-bit fractions, as TensorFlow Lite computes it. */
li_fixed li_fixed_inverse_sqrt(int32_t value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "li_math.h"

#include "li_port.h"

static double li_double_from_bits(uint64_t bits)
{
    double value;
    li_copy(&value, &bits, sizeof value);
    return value;
}

static uint64_t li_double_bits(double value)
{
    uint64_t bits;
    li_copy(&bits, &value, sizeof bits);
    return bits;
}

static float li_float_from_bits(uint32_t bits)
{
    float value;
    li_copy(&value, &bits, sizeof value);
    return value;
}

static uint32_t li_float_bits(float value)
{
    uint32_t bits;
    li_copy(&bits, &value, sizeof bits);
    return bits;
}

/*
 * x = k ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 13 (the first term left out is below
 * 5e-18); then 2^k through the exponent field. ln 2 is split so that k * high is exact for |k| < 2^11.
 */
double li_exp(double x)
{
    static const double inverse[14] = {   /* 1 / n! */
        1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
    };
    const double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    const double log2_e = 1.44269504088896338700e+00, round = 6755399441055744.0;   /* 1.5 * 2^52 */
    double k, r, sum;
    int32_t power, i;

    if (x != x) return x;
    if (x > 709.782712893383973096) return li_double_from_bits(UINT64_C(0x7ff0000000000000));
    if (x < -708.0) return 0.0;
    k = (x * log2_e + round) - round;
    r = (x - k * ln2_high) - k * ln2_low;
    sum = inverse[13];
    for (i = 12; i >= 0; --i) sum = sum * r + inverse[i];
    power = (int32_t)k;
    /* Half the power twice: 2^1024 alone is not a number. */
    sum *= li_double_from_bits((uint64_t)(1023 + power / 2) << 52);
    return sum * li_double_from_bits((uint64_t)(1023 + power - power / 2) << 52);
}

double li_logistic(double x)
{
    double e;
    if (x >= 0.0) return 1.0 / (1.0 + li_exp(-x));
    e = li_exp(x);
    return e / (1.0 + e);
}

/* Near 0, e^x's polynomial without its 1; elsewhere the subtraction cancels less than two bits. */
double li_expm1(double x)
{
    double sum = 1.0;
    int32_t i;
    if (!(x > -0.35 && x < 0.35)) return li_exp(x) - 1.0;
    for (i = 14; i > 1; --i) sum = 1.0 + sum * x / (double)i;
    return sum * x;
}

double li_tanh(double x)
{
    const double magnitude = x < 0.0 ? -x : x;
    double e;
    if (x != x) return x;
    if (magnitude > 20.0) return x < 0.0 ? -1.0 : 1.0;
    e = li_expm1(2.0 * magnitude);
    e = e / (e + 2.0);
    return x < 0.0 ? -e : e;
}

/*
 * Below 2: erf x = 2/sqrt(pi) x e^(-x^2) (1 + 2x^2/3 (1 + 2x^2/5 (1 + ...))), 40 terms of one sign. From 2 on, erfc x =
 * e^(-x^2) / sqrt(pi) / (x + (1/2)/(x + (2/2)/(x + (3/2)/(x + ...)))), 60 levels.
 */
double li_erfc(double x)
{
    const double two_over_sqrt_pi = 1.1283791670955126, sqrt_pi = 1.7724538509055160;
    const double magnitude = x < 0.0 ? -x : x, square = x * x;
    double value;
    int32_t i;
    if (x != x) return x;
    if (magnitude < 2.0) {
        value = 1.0;
        for (i = 40; i > 0; --i) value = 1.0 + value * (2.0 * square) / (double)(2 * i + 1);
        return 1.0 - two_over_sqrt_pi * x * li_exp(-square) * value;
    }
    value = magnitude;
    for (i = 60; i > 0; --i) value = magnitude + 0.5 * (double)i / value;
    value = li_exp(-square) / (sqrt_pi * value);
    return x < 0.0 ? 2.0 - value : value;
}

/*
 * x = 2^k m with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh s with s = (m - 1) / (m + 1), |s| < 0.1716, by its series up to
 * s^23 (the first term left out is below 1e-18 s); k ln 2 in two parts, as in li_exp.
 */
double li_log(double x)
{
    const double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    const uint64_t bits = li_double_bits(x);
    int32_t power = (int32_t)((bits >> 52) & 0x7ffu) - 1023, i;
    double m, s, sum;

    if (x != x) return x;
    if (x < 0.0) return li_double_from_bits(UINT64_C(0x7ff8000000000000));
    if (x == 0.0) return li_double_from_bits(UINT64_C(0xfff0000000000000));
    if (power == 1024) return x;
    m = li_double_from_bits((bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000));
    if (m > 1.4142135623730951) {
        m *= 0.5;
        ++power;
    }
    s = (m - 1.0) / (m + 1.0);
    sum = 1.0 / 23;
    for (i = 21; i >= 3; i -= 2) sum = sum * (s * s) + 1.0 / (double)i;
    sum = 2.0 * s + 2.0 * s * (s * s) * sum;
    return (double)power * ln2_high + ((double)power * ln2_low + sum);
}

/* A first guess within 4 % by halving the exponent, then Newton steps: each squares the relative error. */
double li_sqrt(double x)
{
    const uint64_t bits = li_double_bits(x);
    double root;
    int32_t i;

    if (x != x || x == 0.0) return x;
    if (x < 0.0) return li_double_from_bits(UINT64_C(0x7ff8000000000000));
    if ((bits >> 52) == 0x7ffu) return x;
    root = li_double_from_bits((bits >> 1) + UINT64_C(0x1ff7a3bea91d9b1b));
    for (i = 0; i < 4; ++i) root = 0.5 * (root + x / root);
    return root;
}

int32_t li_floor_log2(float x)
{
    uint32_t bits = li_float_bits(x);
    int32_t exponent = (int32_t)(bits >> 23) - 127;
    if (exponent > -127) return exponent;
    exponent = -150;                             /* subnormal: a multiple of 2^-149 */
    for (bits &= 0x7fffffu; bits != 0; bits >>= 1) ++exponent;
    return exponent;
}

float li_power_of_two(int32_t n)
{
    return li_float_from_bits((uint32_t)(n + 127) << 23);
}

float li_half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu, fraction = half & 0x3ffu;
    float value;
    if (exponent == 0x1fu) return li_float_from_bits(sign | 0x7f800000u | (fraction << 13));
    if (exponent != 0) return li_float_from_bits(sign | ((exponent + 112u) << 23) | (fraction << 13));
    value = (float)fraction * li_power_of_two(-24);             /* subnormal or zero: exact */
    return li_float_from_bits(li_float_bits(value) | sign);
}

li_fixed li_fixed_from(double factor)
{
    const uint64_t bits = li_double_bits(factor);
    const uint64_t mantissa = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x10000000000000);   /* 2^52 .. 2^53 */
    li_fixed fixed;
    uint64_t rounded = (mantissa + (UINT64_C(1) << 21)) >> 22;                                   /* half up */
    fixed.shift = (int32_t)((bits >> 52) & 0x7ffu) - 1022;
    if (rounded == UINT64_C(0x80000000)) {
        rounded >>= 1;
        ++fixed.shift;
    }
    fixed.multiplier = (int32_t)rounded;
    if (fixed.shift < -31) {
        fixed.multiplier = 0;
        fixed.shift = 0;
    } else if (fixed.shift > 30) {
        fixed.multiplier = INT32_MAX;
        fixed.shift = 30;
    }
    return fixed;
}

/* value * 2^left * multiplier / 2^31, to nearest, ties upward; value * 2^left saturates at 32 bits. */
static int64_t li_fixed_upper(int32_t value, li_fixed factor)
{
    const int32_t left = factor.shift > 0 ? factor.shift : 0;
    int64_t product = (int64_t)value * ((int64_t)1 << left);
    if (product > INT32_MAX) product = INT32_MAX;
    if (product < INT32_MIN) product = INT32_MIN;
    product = product * factor.multiplier + (1 << 30);
    return product >= 0 ? product >> 31 : ~(~product >> 31);
}

int32_t li_fixed_multiply(int32_t value, li_fixed factor)
{
    const int32_t right = factor.shift > 0 ? 0 : -factor.shift;
    const int64_t upper = li_fixed_upper(value, factor), magnitude = upper < 0 ? -upper : upper;
    const int64_t rounded = right == 0 ? magnitude : (magnitude + ((int64_t)1 << (right - 1))) >> right;
    return (int32_t)(upper < 0 ? -rounded : rounded);
}

int32_t li_fixed_multiply_up(int32_t value, li_fixed factor)
{
    const int32_t right = factor.shift > 0 ? 0 : -factor.shift;
    const int64_t upper = li_fixed_upper(value, factor) + (right == 0 ? 0 : (int64_t)1 << (right - 1));
    return (int32_t)(upper >= 0 ? upper >> right : ~(~upper >> right));
}

/* a * b / 2^31, to nearest, ties upward; both are -2^31 nowhere. */
static int32_t li_high_product(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b + (1 << 30);
    return (int32_t)(product >= 0 ? product >> 31 : ~(~product >> 31));
}

static int32_t li_saturated(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

li_fixed li_fixed_inverse_sqrt(int32_t value)
{
    const int32_t half_three = (1 << 28) + (1 << 27), half_sqrt_2 = 1518500250;   /* 3 bits of integer; none */
    li_fixed result = { INT32_MAX, 0 };
    int32_t x = 1 << 28, half, right = 11, i;

    if (value <= 1) return result;
    while (value >= 1 << 29) {
        value /= 4;
        ++right;
    }
    while (value < 1 << 27) {
        value *= 4;
        --right;
    }
    half = (value / 2 + 1) / 2;                  /* of the value with 3 bits of integer */
    for (i = 0; i < 5; ++i) {
        const int32_t cube = li_saturated((int64_t)li_high_product(li_high_product(x, x), x) * 64);
        x = li_saturated(((int64_t)li_high_product(half_three, x) - li_high_product(half, cube)) * 8);
    }
    result.multiplier = li_high_product(x, half_sqrt_2);
    result.shift = -right;
    if (right < 0) {
        result.multiplier = li_saturated((int64_t)result.multiplier * ((int64_t)1 << -right));
        result.shift = 0;
    }
    return result;
}

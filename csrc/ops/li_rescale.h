/* SPDX-License-Identifier: Apache-2.0 */
/* From one int8 quantization to another: QUANTIZE of int8, and CONCATENATION of inputs that differ from the output. */
#ifndef LI_RESCALE_H
#define LI_RESCALE_H

#include "li_ops.h"

/*
 * out = clamp((bias + factor * x) >> 8), a factor of 8 fractional bits, when the scales' ratio lies in [2^-8, 2^7];
 * otherwise the two roundings of li_fixed. docs/NUMERICS.md, "QUANTIZE".
 */
typedef struct li_rescale {
    int32_t is_coarse;
    int32_t factor, bias;
    int32_t in_zero, out_zero;
    li_fixed fixed;
} li_rescale;

static inline li_rescale li_rescale_between(float in_scale, int32_t in_zero, float out_scale, int32_t out_zero)
{
    const float ratio = in_scale / out_scale;
    li_rescale r = { 0, 0, 0, in_zero, out_zero, { 0, 0 } };
    r.is_coarse = ratio >= 1.0f / 256 && ratio <= 128.0f;
    if (r.is_coarse) {
        r.factor = li_round_even(ratio * 256.0f);
        r.bias = out_zero * 256 - r.factor * in_zero + 128;
    } else {
        r.fixed = li_fixed_from((double)in_scale / (double)out_scale);
    }
    return r;
}

/* Before clamping. */
static inline int32_t li_rescale_one(const li_rescale *r, int32_t x)
{
    if (r->is_coarse) return li_shift_right(r->bias + r->factor * x, 8);
    return li_fixed_multiply(x - r->in_zero, r->fixed) + r->out_zero;
}

#endif

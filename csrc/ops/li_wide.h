/* SPDX-License-Identifier: Apache-2.0 */
/* int16 activations times int8 weights, summed in 64 bits by dots_s16 and taps_s16 of li_kernels.h: docs/NUMERICS.md, "16-bit activations". */
#ifndef LI_WIDE_H
#define LI_WIDE_H

#include "li_weights.h"

/* Channels whose sums an operator keeps on the stack at a time. */
enum { LI_WIDE_BLOCK = LI_CHANNEL_BLOCK / 2 };

/* Sums stay below this, so that with a multiplier of 15 bits no product leaves 64 bits. */
#define LI_WIDE_LIMIT (INT64_C(1) << 47)

static inline int li_weights_are_wide(const li_net *net, const li_node *node)
{
    return li_weights_input(net, node)->type == LI_INT16;
}

/* Scales, zero points of 0, sums below LI_WIDE_LIMIT, requantization scales below 128; `largest` is the bias's. */
li_status li_wide_check(li_net *net, const li_node *node, uint32_t channels, uint64_t taps, uint64_t largest);

/* One factor per output channel, multipliers of 15 bits; of 31 for FULLY_CONNECTED. */
void li_wide_prepare(const li_net *net, const li_node *node, uint32_t channels, li_fixed *factors);

/* The start of `count` sums: the bias, int64 in the file, or zeros without one (NULL). */
void li_wide_start(int64_t *sums, const void *bias, uint32_t first, uint32_t count);

/* out[first + c] = clamp(sums[c] * factor, low, high), to nearest, ties upward. */
void li_wide_finish(int16_t *out, const int64_t *sums, const li_fixed *factors, uint32_t first, uint32_t count,
                    const li_epilogue *e);

/* The same for FULLY_CONNECTED: ties away from zero. */
void li_wide_finish_away(int16_t *out, const int64_t *sums, const li_fixed *factors, uint32_t first, uint32_t count,
                         const li_epilogue *e);

#endif

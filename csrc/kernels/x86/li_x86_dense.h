/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 fully connected layers on the weights where they are: eight channels at a time, one register of sums each, added
 * across at the end. What is packed is 8 bytes a channel: the bias less the zero point's share, and the multipliers.
 */
#ifndef LI_X86_DENSE_H
#define LI_X86_DENSE_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

enum {
    LI_DENSE_BLOCK = 64,         /* channels whose sums wait for requantization */
    LI_DENSE_AHEAD = 512         /* rows at least so long have the next eight fetched ahead: they come from far memory */
};

/* sums[i] = sum over k < n of the elements of `x`, as the set holds them, times w[i * n + k], for i < 8; the rows from
   `channels` on repeat the last one. Bytes of w up to `end` may be read. */
typedef void (*li_dense_eight)(int32_t *sums, const void *x, const int8_t *w, size_t n, size_t channels, const int8_t *end);

/* Of li_layer_kernels; `loops` is not used. */
size_t li_x86_dense_packed_bytes(const void *loops, const li_conv_shape *shape);
/* `zero` is the input's zero point as the set holds elements. */
void li_x86_dense_pack(const void *loops, void *packed, const li_conv_shape *shape, const int8_t *w, const int32_t *bias,
                       const float *multipliers, int32_t zero);
/* One row of x, as the set holds it. */
void li_x86_dense_row(li_dense_eight eight, int8_t *out, const void *x, const int8_t *w, const void *packed,
                      const li_conv_shape *shape, const li_rescale_s8 *rescale);

#endif

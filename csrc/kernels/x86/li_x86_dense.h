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
    LI_DENSE_UNIT = 64,          /* channels of a unit of one row, a line of the cache; several rows are one unit */
    LI_DENSE_BLOCK = LI_DENSE_UNIT,         /* channels whose sums wait for requantization */
    LI_DENSE_AHEAD = 512         /* rows at least so long have the next eight fetched ahead: they come from far memory */
};

/* What a set gives the walk. */
typedef struct li_dense_loops {
    size_t element_bytes, step;                  /* of the elements of a row as the set holds them; a row ends with whole steps */
    int32_t shift;                               /* added to every element when it is spread */
    void (*spread)(void *to, const int8_t *x, size_t n);
    /* sums[i] = sum over k < n of the elements of `x`, as the set holds them, times w[i * n + k], for i < 8; the rows from
       `channels` on repeat the last one. Bytes of w up to `end` may be read; x is 0 from n to the end of the step. */
    void (*eight)(int32_t *sums, const void *x, const int8_t *w, size_t n, size_t channels, const int8_t *end);
    void (*requantize)(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low, int32_t high,
                       size_t n);                /* li_kernels' */
} li_dense_loops;

/* `n` bytes from p, of which those from `end` on may not be read: then zeros stand for them, in `some`. */
static inline const int8_t *li_dense_rest(int8_t *some, const int8_t *p, const int8_t *end, size_t n)
{
    if ((size_t)(end - p) >= n) return p;
    li_fill(some, 0, n);
    li_copy(some, p, (size_t)(end - p));
    return some;
}

/* Of li_layer_kernels; `loops` is a li_dense_loops. */
size_t li_x86_dense_packed_bytes(const void *loops, const li_conv_shape *shape);
size_t li_x86_dense_scratch_bytes(const void *loops, const li_conv_shape *shape);
void li_x86_dense_pack(const void *loops, void *packed, const li_conv_shape *shape, const int8_t *w, const int32_t *bias,
                       const float *multipliers, int32_t in_zero);
int32_t li_x86_dense_units(const void *loops, const li_conv_shape *shape);
void li_x86_dense_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *w, const void *packed, void *scratch,
                      const li_conv_shape *shape, const li_rescale_s8 *rescale, int32_t first, int32_t count);

#endif

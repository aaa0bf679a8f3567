/* SPDX-License-Identifier: Apache-2.0 */
/* Where a window of a convolution or pooling operator lies over the image: shared geometry of four operators. */
#ifndef LI_WINDOW_H
#define LI_WINDOW_H

#include "li_ops.h"

typedef struct li_window {
    int32_t batches, in_h, in_w, out_h, out_w;
    int32_t filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_top, pad_left;
} li_window;

/*
 * Checks filter, stride and dilation (each at least 1, products inside 2^30) and computes the output's height and
 * width. The caller has filled filter_*, stride_* and dilation_*; `input` is NHWC.
 *   SAME:   out = ceil(in / stride); padding is split evenly, the odd pixel goes to the end
 *   VALID:  out = ceil((in - (filter - 1) * dilation) / stride), at least one
 */
li_status li_window_place(li_net *net, const li_node *node, const li_tensor *input, int32_t padding, li_window *w);

/* Taps of one axis that fall inside the image: k in [begin, end) are those with 0 <= start + k * dilation < size. */
typedef struct li_taps { int32_t begin, end; } li_taps;

static inline li_taps li_taps_inside(int32_t start, int32_t size, int32_t filter, int32_t dilation)
{
    li_taps taps = { 0, filter };
    if (start >= 0 && size - start > (filter - 1) * dilation) return taps;      /* the usual case, without a division */
    taps.end = 0;
    if (start < 0) taps.begin = (dilation - 1 - start) / dilation;
    if (size > start) taps.end = (size - 1 - start) / dilation + 1;
    if (taps.end > filter) taps.end = filter;
    if (taps.begin > taps.end) taps.begin = taps.end;
    return taps;
}

#endif

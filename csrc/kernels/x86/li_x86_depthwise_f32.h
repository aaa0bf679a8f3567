/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float32 depthwise convolution on the file's weights, for every x86 set: the walk over rows, and over the columns whose
 * windows lie inside the image, eight or four at a time, and those at the edges, one at a time, whose taps outside are left
 * out. There is nothing to copy or to pack: a vector is neighbouring channels of one pixel, the loops of a set
 * (li_x86_tile_f32.h) keep one sum per pixel in a register over all taps, and a weight is loaded once for all its pixels.
 */
#ifndef LI_X86_DEPTHWISE_F32_H
#define LI_X86_DEPTHWISE_F32_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

/* Neighbouring output pixels with the same taps. */
typedef struct li_x86_window_f32 {
    const float *x, *w, *bias;   /* the first tap; bias may be NULL */
    float *out;
    li_tap_grid grid;
    size_t pixels, x_step, out_step;             /* a multiple of what the loop takes at a time; floats from pixel to pixel */
    size_t channels;
    float low, high;
} li_x86_window_f32;

typedef void (*li_x86_window_loop)(const li_x86_window_f32 *window);
typedef struct li_x86_windows_f32 { li_x86_window_loop one, four, eight; } li_x86_windows_f32;

void li_x86_depthwise_f32(const li_x86_windows_f32 *loops, float *out, const float *x, const float *w, const float *bias,
                          const li_layer_f32 *layer, int32_t first, int32_t rows);

#endif

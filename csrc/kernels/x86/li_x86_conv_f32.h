/* SPDX-License-Identifier: Apache-2.0 */
/*
 * float32 convolution on packed weights, for every x86 set: the walk over bands of rows and panels of channels, around
 * loops per set that compute a few pixels by a panel. li_x86_tile_f32.h makes those loops.
 *
 * The input rows of a band are read where they are, or copied with zeros around them where the filter leaves the image.
 * There the taps of one filter row are neighbours, so k runs along the row, and a pixel is an offset: no window is copied,
 * whatever the stride. A 1x1 filter without stride and padding sees a list of pixels. Dilation along a row and groups
 * take one run of k per tap. The pixels of a band are one list, so a tile may take the end of one row and the start of
 * the next; the last tile of a list moves back over pixels that are done.
 */
#ifndef LI_X86_CONV_F32_H
#define LI_X86_CONV_F32_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

enum { LI_X86_TILE_F32 = 16 };   /* no tile has more pixels */

/* What one panel of channels needs. */
typedef struct li_x86_panel_f32 {
    const float *image;          /* of the group's first input channel */
    const uint32_t *offsets;     /* of each pixel's first tap, in elements; at least LI_X86_TILE_F32 of them */
    size_t pixels;
    int single;                  /* a layer of a pixel or two: loops that sum even and odd k apart, whatever band this is */
    size_t rows, row_step, columns, column_step, length;     /* length: floats that follow each other, of rows * columns runs */
    size_t block;                /* 0, or as in li_layer_f32; then there is one run */
    const float *w;              /* [k][lane of the panel] */
    const float *bias;           /* of the panel's first channel, or NULL */
    float *out;
    size_t out_step, width, channels;            /* between pixels; lanes of the panel; channels that it stores */
    float low, high;
} li_x86_panel_f32;

typedef struct li_x86_tiles_f32 {
    size_t (*width)(size_t channels, int single);        /* lanes of the next panel when so many channels are left; single: a
                                                            layer of one or two pixels */
    void (*fast)(const li_x86_panel_f32 *panel);
    void (*exact)(const li_x86_panel_f32 *panel);
} li_x86_tiles_f32;

/* AVX2's loops, which AVX-512 takes for few channels. */
void li_avx2_fast_panel_f32(const li_x86_panel_f32 *panel);
void li_avx2_exact_panel_f32(const li_x86_panel_f32 *panel);

/* Of li_layer_kernels_f32; `loops` is a li_x86_tiles_f32. */
size_t li_x86_conv_f32_packed_bytes(const void *loops, const li_layer_f32 *layer);
size_t li_x86_conv_f32_scratch_bytes(const void *loops, const li_layer_f32 *layer);
void li_x86_conv_f32_pack(const void *loops, void *packed, const li_layer_f32 *layer, const float *w);
void li_x86_conv_f32_run(const void *loops, float *out, const float *x, const float *bias, const void *packed, void *scratch,
                         const li_layer_f32 *layer, int32_t first, int32_t rows);

#endif

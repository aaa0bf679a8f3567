/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 convolution on packed weights, for every x86 set: the walk over bands of rows and panels of channels, around one
 * loop per set that computes six pixels by a panel.
 *
 * The input rows of a band are spread into scratch with their padding, in the form that the loop multiplies (int16, or
 * bytes shifted to unsigned). There the taps of one filter row are neighbours, so k runs along the row, and a pixel is an
 * offset: no window is copied, whatever the stride. The pixels of a band are one list, so a tile may take the end of one
 * row and the start of the next; the last tile of a list moves back over pixels that are done.
 */
#ifndef LI_X86_CONV_H
#define LI_X86_CONV_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

enum { LI_X86_TILE = 6 };        /* pixels of a tile: 6 x 16 sums in 12 registers leave 4 for weights and a product */
enum { LI_X86_OFFSETS = 8 };     /* of a panel's pixels at least; what is missing repeats the last one */

/* The first pixel of a tile: the last tile of a list starts early, over pixels that are done. */
static inline size_t li_x86_tile_start(size_t pixel, size_t pixels)
{
    return pixel + LI_X86_TILE <= pixels ? pixel : pixels > LI_X86_TILE ? pixels - LI_X86_TILE : 0;
}

/* What one panel of channels needs. */
typedef struct li_x86_panel {
    const void *image;           /* spread rows */
    const uint32_t *offsets;     /* of each pixel's first tap, in elements; at least LI_X86_OFFSETS of them */
    size_t pixels;
    size_t segments, segment_step, groups;       /* filter rows, elements between them, groups of k in each */
    size_t run;                  /* pixels that follow each other in a row at stride 1, else 1 */
    size_t column, taps;         /* elements of a spread pixel, columns of the filter */
    const void *w;               /* [segment][group][lane of the panel][k of the group], as the set packs them */
    const int32_t *bias;         /* less the share of the zero point; in lane order, as multipliers */
    const float *multipliers;
    int8_t *out;
    size_t out_step, width, channels;            /* between pixels; lanes of the panel; channels that it stores */
    const li_rescale_s8 *rescale;
} li_x86_panel;

typedef struct li_x86_tiles {
    size_t element_bytes, group;                 /* of spread elements; k's that one lane sums in a step */
    size_t weight_bytes;                         /* of packed weights: 1, or 2 */
    int32_t shift;                               /* added to every element when it is spread */
    size_t (*width)(size_t channels);            /* lanes of the next panel when so many channels are left */
    size_t (*lane)(size_t width, size_t lane);   /* channel of a lane */
    void (*spread)(void *to, const int8_t *x, size_t n);
    void (*widen)(void *to, const int8_t *x, size_t pixels);    /* spreads pixels of three channels to four; or NULL */
    void (*panel)(const li_x86_panel *panel);
    int32_t costs;                               /* LI_X86_COSTS_... of li_x86_costs.h */
} li_x86_tiles;

/* Of li_layer_kernels; `loops` is a li_x86_tiles. */
uint64_t li_x86_conv_cost(const void *loops, const li_conv_shape *shape);      /* in li_x86_costs.c */
size_t li_x86_conv_packed_bytes(const void *loops, const li_conv_shape *shape);
size_t li_x86_conv_scratch_bytes(const void *loops, const li_conv_shape *shape);
int32_t li_x86_conv_units(const void *loops, const li_conv_shape *shape);
void li_x86_conv_pack(const void *loops, void *packed, const li_conv_shape *shape, const int8_t *w, const int32_t *bias,
                      const float *multipliers, int32_t in_zero);
void li_x86_conv_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                     const li_conv_shape *shape, const li_rescale_s8 *rescale, int32_t first, int32_t units);

#endif

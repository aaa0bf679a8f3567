/* SPDX-License-Identifier: Apache-2.0 */
/* What both halves of int8 convolutions know: li_x86_conv.c decides and packs, li_x86_conv_run.c runs. */
#ifndef LI_X86_CONV_WALK_H
#define LI_X86_CONV_WALK_H

#include "li_x86_conv.h"

#if LI_X86_KERNELS

#include "../../src/li_size.h"

/* Zeros behind the last row: a group may reach past a segment, where its weights are 0. */
enum { LI_X86_SLACK = 64 };

/* How a layer is walked. A 1x1 filter without stride and padding sees pixels, each of which is then a row. */
typedef struct li_x86_walk {
    size_t out_w, in_w, filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w;
    size_t in_c, out_c, apart;   /* channels of one group; elements of all groups' input pixels */
    size_t pixel;                /* elements of a spread pixel: in_c, or 4 where three channels are widened */
    size_t row_step;             /* input rows from one spread row to the next: under filters of one row, only those that count */
    size_t padded_w, row;        /* pixels and elements of a spread row, where each dilation_w-th pixel is followed by the next such */
    size_t segment, groups;      /* elements and groups of a filter row */
    size_t band;                 /* output rows of a band */
    uint64_t rows_bytes;         /* of a band's spread rows */
} li_x86_walk;

static inline int li_x86_is_pointwise(const li_conv_shape *s)
{
    return s->filter_h == 1 && s->filter_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 && s->pad_left == 0 && s->out_w == s->in_w;
}

static inline uint64_t li_x86_band_rows(const li_x86_walk *w, uint64_t band)
{
    return (band - 1) * (w->stride_h / w->row_step) + (uint64_t)(w->filter_h - 1) * w->dilation_h + 1;
}

static inline size_t li_x86_panel_bytes(const li_x86_walk *w, const li_x86_tiles *tiles, size_t width)
{
    return (width * (4 + 4 + w->filter_h * w->groups * tiles->group * tiles->weight_bytes) + 63) / 64 * 64;
}

static inline size_t li_x86_offsets(const li_x86_walk *w)
{
    const size_t pixels = w->band * w->out_w;
    return (pixels < LI_X86_OFFSETS ? LI_X86_OFFSETS : pixels) + 3;  /* they are written in fours */
}

/* False when something is too large. */
int li_x86_walk_of(const li_x86_tiles *tiles, const li_conv_shape *s, li_x86_walk *w);

#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What both halves of int8 depthwise convolutions know: li_x86_depthwise_walk.c decides and packs, li_x86_depthwise.c runs. */
#ifndef LI_X86_DEPTHWISE_WALK_H
#define LI_X86_DEPTHWISE_WALK_H

#include "li_x86_depthwise.h"

#if LI_X86_KERNELS

#include "../../src/li_size.h"

enum { LI_DEPTHWISE_SPAN = 16 };         /* channels that are spread at a time, in one block or two; a larger block's own */

static inline size_t li_depthwise_span(const li_depthwise_tiles *tiles)
{
    return tiles->lanes > LI_DEPTHWISE_SPAN ? tiles->lanes : LI_DEPTHWISE_SPAN;
}

/* Groups of rows that a band of `rows` takes: one begins at every second row. */
static inline uint64_t li_depthwise_band_groups(const li_depthwise_walk *w, uint64_t rows)
{
    const uint64_t own = (w->groups - 1) * w->apart + 1;
    return w->paired ? (rows + 1) / 2 - 1 + own : (rows - 1) * (w->stride_h / 2) + own;
}

/* Samples that `outputs` of a signal take, and what lies behind them since a tile may begin at the last one. */
static inline uint64_t li_depthwise_samples(const li_depthwise_walk *w, uint64_t outputs)
{
    return li_size_add(li_size_mul(outputs - 1, w->stride_h), (w->groups - 1) * w->padded_w + 1);
}
static inline uint64_t li_depthwise_samples_room(const li_depthwise_walk *w, uint64_t outputs)
{
    return li_depthwise_samples(w, outputs + 3);
}

/* Channels [first, end) of a layer in one pair of loops. */
typedef struct li_depthwise_part {
    const li_depthwise_tiles *tiles;
    li_depthwise_walk walk;
    size_t first, end, packed;   /* packed: bytes ahead of the part's own */
} li_depthwise_part;
enum { LI_DEPTHWISE_PARTS = 2 };

/* Bytes of a block: bias, multipliers, and for each column and group one or two vectors of weights. */
static inline size_t li_depthwise_block_bytes(const li_depthwise_tiles *tiles, const li_depthwise_walk *w)
{
    return tiles->lanes * (8 + w->filter_w * w->groups * (w->paired ? 8 : 4));
}

/* Bytes of the rows of a group as they are repeated for a multiplier, in any phase. */
static inline size_t li_depthwise_repeated_bytes(const li_depthwise_tiles *tiles, const li_depthwise_walk *w, const li_conv_shape *s)
{
    const size_t pixels = (size_t)(w->exchanged ? s->in_h : s->in_w);
    return w->multiplier == 1 ? 0 : (tiles->tall * pixels * li_depthwise_span(tiles) + 63) / 64 * 64;
}

/* A phase of the layer as an image, or with its axes exchanged. */
li_depthwise_walk li_depthwise_axes(const li_conv_shape *s, const li_depthwise_axis *v, const li_depthwise_axis *h, int exchanged);

/* Whole blocks of the wide loops, then the others; how many parts there are, 0 when the layer is not taken. */
size_t li_depthwise_divide(const li_depthwise_tiles *tiles, const li_conv_shape *s, li_depthwise_part *parts);

#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 depthwise convolution on packed weights, for every x86 set: the walk over bands of rows and blocks of channels,
 * around two loops per set: one that spreads input rows, one that computes two output rows, four pixels at a time.
 *
 * Sixteen channels at a time, input rows are spread into scratch in groups of 2 (as int16) or 4 (as bytes), one beginning
 * at every second row: the elements of neighbouring rows side by side, [block of 8 or 16 channels][group][pixel][channel]
 * [row], with the zero point around the image. A product step then sums as many taps of a column, exactly. At stride 1 both
 * output rows read the same groups, with weights of their own, 0 where a group reaches past the filter; at even strides
 * they read groups of their own with the same weights. Where
 * the map is narrow the axes are exchanged, so that fewer pixels of a tile are void.
 *
 * A signal, an image whose rows are one pixel, has its taps along itself: every sample is spread with those that follow it,
 * so a step sums as many taps as a group is tall, and two halves of the output are what two rows of an image are.
 *
 * A dilated layer is as many layers without dilation as there are phases, dilation_h times dilation_w: each takes every
 * dilation-th pixel of the image and writes every dilation-th one of the output, on the same packed weights.
 *
 * A layer with a multiplier is one without over an image whose channels are repeated. Rows of such an image are made as
 * they are spread, so the loops know nothing of it; signals among them are walked as images.
 *
 * A set may have a second pair of loops for blocks of 64 channels, which the walk gives as many channels as fill such
 * blocks, and layers whose rows it may take as they lie, pixel behind pixel.
 */
#ifndef LI_X86_DEPTHWISE_H
#define LI_X86_DEPTHWISE_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

/* The layer as it is walked: rows and columns of the image, or exchanged. */
typedef struct li_depthwise_walk {
    size_t in_h, in_w, out_h, out_w, filter_h, filter_w, stride_h, stride_w;
    int64_t pad_top, pad_left;
    size_t in_row, in_pixel, out_row, out_pixel;     /* bytes */
    size_t multiplier;           /* output channels of an input channel */
    int exchanged, paired;       /* paired: stride 1, two weights for two rows on the same groups */
    int signal;                  /* rows of one pixel: two halves of them are walked as two rows */
    size_t flat;                 /* 0, or the channels of a layer whose rows are taken as they lie, a block of elements at a time */
    size_t groups, apart;        /* groups of input rows that an output row (or two of them) takes; from one to the next */
    size_t padded_w;             /* spread pixels of a row: a tile may begin at the last output, and take a block behind it */
    size_t band;                 /* output rows, even */
} li_depthwise_walk;

/* Two output rows of one block of channels. */
typedef struct li_depthwise_rows {
    const int16_t *a, *b;        /* the first group of each; equal where the second row is not there */
    const char *block;           /* bias, multipliers and weights */
    int8_t *out;                 /* the first channel of column 0 of the first row */
    size_t first, end;           /* columns */
    size_t channels;
    int both;                    /* the second row is stored */
} li_depthwise_rows;

/* A tile of n columns: the last one of [first, end) starts early, over columns that are done. */
static inline size_t li_depthwise_start(size_t x, size_t first, size_t end, size_t n)
{
    return x + n <= end ? x : end >= first + n ? end - n : first;
}

/* One axis of a phase of a dilated layer: every dilation-th output from `phase` on takes every dilation-th input from `first`. */
typedef struct li_depthwise_axis {
    size_t in, out, first;
    int64_t pad;
} li_depthwise_axis;

static inline size_t li_depthwise_every(int32_t size, int32_t phase, int32_t dilation)
{
    return size > phase ? (size_t)((size - phase - 1) / dilation) + 1 : 0;
}

static inline li_depthwise_axis li_depthwise_axis_of(int32_t in, int32_t out, int32_t pad, int32_t dilation, int32_t phase)
{
    const int32_t over = (pad - phase) % dilation, first = over > 0 ? dilation - over : -over;
    const li_depthwise_axis axis = { li_depthwise_every(in, first, dilation), li_depthwise_every(out, phase, dilation),
                                     (size_t)first, (pad - phase + first) / dilation };
    return axis;
}

/* Channels of a spread pixel. */
static inline size_t li_depthwise_width(size_t lanes, const li_depthwise_walk *w)
{
    return w->flat != 0 ? w->flat : lanes;
}

/* Channels of one group of input rows, up to 16 or a block of more; a row is NULL where it lies outside the image. */
typedef struct li_depthwise_group {
    int16_t *to;
    size_t next;                 /* elements from one block's spread group to the next block's */
    const int8_t *rows[4];       /* as many as the group is tall */
    size_t channels;
    int32_t zero;
    size_t before, inside;       /* pixels of padding in front, pixels of the image */
} li_depthwise_group;

/* As many channels of samples [from, end) of a signal of `length`, each beside those that follow it, as many as a group is
   tall; the zero point outside. */
typedef struct li_depthwise_samples_of {
    int16_t *to;
    size_t next, step;           /* elements from one block to the next one's; from one sample to the next one of x */
    const int8_t *x;             /* sample 0 */
    int64_t from, end, length;
    size_t channels;
    int32_t zero;
} li_depthwise_samples_of;

typedef struct li_depthwise_tiles li_depthwise_tiles;
struct li_depthwise_tiles {
    const li_depthwise_tiles *wide;           /* for blocks of more channels, which come first; NULL: none */
    size_t lanes;                /* channels of a block: 8, 16, or 64 */
    size_t tall;                 /* input rows of a group: 2 of int16 or 4 of bytes */
    int32_t shift;               /* added to every element when it is spread */
    void (*spread)(const li_depthwise_walk *w, const li_depthwise_group *group);
    void (*slide)(const li_depthwise_samples_of *samples);       /* NULL: signals are walked as images */
    void (*two_rows)(const li_depthwise_walk *w, const li_depthwise_rows *rows, const li_rescale_s8 *rescale);
};

/* Channels [first, first + channels) of pixels whose channels are each repeated `multiplier` times, 16 bytes at a time; `step`
   is between pixels of x, and nothing from `end` on is read. */
typedef struct li_depthwise_repeat {
    const int8_t *x, *end;
    size_t step, pixels, first, channels, multiplier;
} li_depthwise_repeat;
void li_sse41_repeat(int8_t *to, size_t to_step, const li_depthwise_repeat *from);

extern const li_depthwise_tiles li_vnni_depthwise_wide;      /* in li_avx512_vnni_depthwise_wide.c */

/* Of li_layer_kernels; `loops` is a li_depthwise_tiles. */
size_t li_x86_depthwise_packed_bytes(const void *loops, const li_conv_shape *shape);
size_t li_x86_depthwise_scratch_bytes(const void *loops, const li_conv_shape *shape);
void li_x86_depthwise_pack(const void *loops, void *packed, const li_conv_shape *shape, const int8_t *weights,
                           const int32_t *bias, const float *multipliers, int32_t in_zero);
void li_x86_depthwise_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed, void *scratch,
                          const li_conv_shape *shape, const li_rescale_s8 *rescale, int32_t first, int32_t rows);

#endif

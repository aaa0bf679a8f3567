/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 convolution with 3x3 filters at stride 1 by Winograd's minimal filtering, exact in integers, for every x86 set: the
 * walk over bands and blocks of tiles, around four loops per set.
 *
 * F(m x m, 3 x 3), m = 2 or 4: a tile of m x m outputs reads (m + 2) x (m + 2) inputs and takes one product per channel for
 * each of these positions instead of nine for each output: 2.25 or 4 times fewer. Y = A'[(G g G') * (B' d B)]A, Lavin and
 * Gray, "Fast algorithms for convolutional neural networks", 2015, after Winograd, 1980. B and A hold integers. G does not;
 * scaled by 2 or 24 per axis it does, so transformed weights are integers and sums come out 4 or 576 times too large, exactly:
 *
 *   F(2x2): rows of 2 G are (2,0,0) (1,1,1) (1,-1,1) (0,0,2); 4 * sum, less than 2^31 while |sum| < 2^29.
 *   F(4x4): rows of 24 G are (6,0,0) (-4,-4,-4) (-4,4,-4) (1,2,4) (1,-2,4) (0,0,24), the last of which is kept as (0,0,8) and
 *           the output's share of it tripled. 576 * sum = 64 * 9 * sum modulo 2^32; times the inverse of 9 it is 64 * sum,
 *           less than 2^31 while |sum| < 2^25, and a shift gives the sum. What wraps in between does no harm.
 *
 * Both hold where 128 * (sum of the weights' magnitudes) of every channel is below the limit, which planning checks. Inputs
 * are at most 100 * 128 after B, weights 144 * 128 after G: int16, whose products of two are added in int32 exactly.
 *
 * A block of tiles is transformed to v[position][tile][channel]; for each panel of channels every position is one small
 * matrix product into sums[tile][position][lane], and these become outputs. The transform of the input runs in two steps.
 * Down the columns it is the same for every element of m + 2 input rows, whatever pixel and channel it is, so rows are taken
 * where they lie, and a row outside the image is one of zero points. Tiles past the edge of the image are computed in full
 * and stored in part.
 */
#ifndef LI_X86_WINOGRAD_H
#define LI_X86_WINOGRAD_H

#include "../../src/li_kernels.h"
#include "../../src/li_port.h"

enum { LI_WINOGRAD_TILES = 16 };  /* of a block: its inputs, a panel's weights and sums stay in a second-level cache */
enum { LI_WINOGRAD_FEW = 8 };     /* tiles of a layer that are not worth dividing: products take six at a time */
enum { LI_WINOGRAD_SPARE = 12 };  /* tiles behind the last one that a loop may compute and store too */

/* Matrix products of one panel: sums[t][position][lane] = over k: v[position][t][k] * w[position][k / 2][lane][k % 2]. */
typedef struct li_winograd_products {
    const int16_t *v, *w;
    int32_t *sums;
    size_t positions, v_step, v_tile;            /* elements from position to position, from tile to tile */
    size_t tiles, pairs, width;                  /* pairs of channels; lanes of the panel */
} li_winograd_products;

/* A row of tiles of one panel, from sums to bytes. */
typedef struct li_winograd_end {
    const int32_t *sums, *bias;                  /* bias and multipliers in lane order */
    const float *multipliers;
    size_t width, tiles;
    int8_t *out;
    size_t out_step, row_step;                   /* between pixels, between rows */
    size_t rows, columns, channels;              /* that are stored: rows up to m, columns of all tiles */
    const li_rescale_s8 *rescale;
} li_winograd_end;

/* Something for each of the inputs of a tile along an axis. */
#define LI_WINO_EACH4(M) M(0) M(1) M(2) M(3)
#define LI_WINO_EACH6(M) LI_WINO_EACH4(M) M(4) M(5)

typedef struct li_winograd_loops {
    int32_t m;                                   /* 2 or 4: outputs of a tile along an axis */
    int32_t costs;                               /* LI_X86_COSTS_... of li_x86_costs.h */
    size_t (*width)(size_t channels);            /* lanes of the next panel when so many channels are left: no more than of those before */
    size_t (*lane)(size_t width, size_t lane);   /* channel of a lane */
    /* to[i * step + k] = sum over j of B'[i][j] * rows[j][k], for k < n; up to 32 elements behind may be written. */
    void (*down)(int16_t *to, size_t step, const int8_t *const *rows, size_t n);
    /* The same along each of m + 2 rows of pixels of `channels` elements: v[(i * (m + 2) + j) * v_step + t * v_tile + c]. */
    void (*along)(int16_t *v, size_t v_step, size_t v_tile, const int16_t *rows, size_t step, size_t channels, size_t tiles);
    void (*products)(const li_winograd_products *products);
    void (*end)(const li_winograd_end *end);
} li_winograd_loops;

/* Of F(m x m): sums of magnitudes of a channel's weights from here on could leave the range. */
enum { LI_WINOGRAD2_LIMIT = 1 << 22, LI_WINOGRAD4_LIMIT = 1 << 18 };

/* What li_layer_kernels has of them; `loops` are li_winograd_loops. */
uint64_t li_x86_winograd_cost(const void *loops, const li_conv_shape *shape);      /* in li_x86_costs.c */
size_t li_x86_winograd_packed_bytes(const void *loops, const li_conv_shape *shape);
size_t li_x86_winograd_scratch_bytes(const void *loops, const li_conv_shape *shape);
void li_x86_winograd_pack(const void *loops, void *packed, const li_conv_shape *shape, const int8_t *w, const int32_t *bias,
                          const float *multipliers, int32_t in_zero);
int32_t li_x86_winograd_units(const void *loops, const li_conv_shape *shape);
void li_x86_winograd_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *weights, const void *packed,
                         void *scratch, const li_conv_shape *shape, const li_rescale_s8 *rescale, int32_t first, int32_t units);

/* The layer's kernels around a set's loops. */
#define LI_X86_WINOGRAD(set, name, limit)                                                                              \
    {                                                                                                                  \
        .loops = &(set), .loop = (name), .weights_below = (limit), .cost = li_x86_winograd_cost,                          \
        .packed_bytes = li_x86_winograd_packed_bytes, .scratch_bytes = li_x86_winograd_scratch_bytes,                    \
        .pack = li_x86_winograd_pack, .units = li_x86_winograd_units, .run = li_x86_winograd_run,                       \
    }

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * About how long the loops of a convolution take: the table that planning chooses by. Its numbers are 64ths of a cycle, fitted
 * to times of layers by tests/bench/loops.py; only ratios matter, within the rows of a set. Caches are left out: they
 * make the direct loop slower than expected before they touch the others.
 */
#include "li_x86_conv.h"
#include "li_x86_costs.h"

#if LI_X86_KERNELS && !defined(LI_WITHOUT_AVX2)

#include "../../src/li_size.h"
#include "li_x86_winograd.h"

typedef struct li_x86_cost_row {
    uint16_t product;            /* direct: a step of 6 pixels by 16 channels */
    uint16_t tile;               /* direct: the end of such a tile */
    uint16_t input[2];           /* F(2x2), F(4x4): transform of a tile's 16 input channels */
    uint16_t pair;               /* one pair of channels of 6 tiles at one position by 16 channels */
    uint16_t position;           /* start and store of those sums */
    uint16_t output[2];          /* 16 output channels of a tile, to bytes */
    uint16_t apart;              /* a pixel of a tile past the edge, 16 channels, which is stored by itself */
    uint16_t weights;            /* reading one pair's weights for a block of tiles, at one position by 16 channels */
} li_x86_cost_row;

static const li_x86_cost_row li_x86_cost_rows[LI_X86_COSTS] = {
    [LI_X86_COSTS_AVX2] = { 500, 2800, { 3900, 9100 }, 420, 930, { 2900, 9700 }, 395, 30 },
    [LI_X86_COSTS_AVX2_WIDE] = { .product = 460, .tile = 2800 },
    [LI_X86_COSTS_AVX_VNNI] = { 450, 3300, { 3500, 9800 }, 395, 1100, { 2200, 5100 }, 900, 50 },
    [LI_X86_COSTS_AVX512_VNNI] = { 200, 1600, { 3100, 6200 }, 160, 1000, { 2000, 5300 }, 50, 60 },
};

static uint64_t li_x86_blocks(uint64_t n, uint64_t of)
{
    return (n + of - 1) / of;
}

/* Dimensions are those of tensors, so their products fit 64 bits; what saturates is never chosen. */
uint64_t li_x86_conv_cost(const void *loops, const li_conv_shape *s)
{
    const li_x86_tiles *set = loops;
    const li_x86_cost_row *row = &li_x86_cost_rows[set->costs];
    const uint64_t in_c = (uint64_t)(s->in_c / s->groups), out_c = (uint64_t)(s->out_c / s->groups);
    const uint64_t steps = (uint64_t)s->filter_h * li_x86_blocks((uint64_t)s->filter_w * in_c, set->group);
    const uint64_t tiles = li_x86_blocks((uint64_t)s->out_h * (uint64_t)s->out_w, LI_X86_TILE);
    const size_t rest = (size_t)out_c % 16;      /* a set may have narrow panels for the last channels */
    const uint64_t lanes = (out_c - rest + (rest != 0 ? set->width(rest) : 0)) * (uint64_t)s->groups;
    return li_size_mul(tiles * lanes, li_size_add(li_size_mul(steps, row->product), row->tile)) / 16;
}

uint64_t li_x86_winograd_cost(const void *loops, const li_conv_shape *s)
{
    const li_winograd_loops *set = loops;
    const li_x86_cost_row *row = &li_x86_cost_rows[set->costs];
    const uint64_t m = (uint64_t)set->m, large = m == 4, panels = li_x86_blocks((uint64_t)s->out_c, 16);
    const uint64_t tiles = li_x86_blocks((uint64_t)s->out_h, m) * li_x86_blocks((uint64_t)s->out_w, m);
    const uint64_t computed = tiles <= 4 ? 4 : li_x86_blocks(tiles, 2) * 2;      /* in fours and sixes */
    const uint64_t transforms = li_x86_blocks((uint64_t)s->in_c, 16) * row->input[large] + panels * row->output[large];
    const uint64_t pairs = li_x86_blocks((uint64_t)s->in_c, 2), positions = panels * (m + 2) * (m + 2);
    const uint64_t whole = (uint64_t)s->out_h / m * ((uint64_t)s->out_w / m);
    const uint64_t products = li_size_mul(computed * positions, pairs * row->pair + row->position) / 6;
    const uint64_t weights = li_size_mul(li_x86_blocks(tiles, LI_WINOGRAD_TILES) * positions, pairs * row->weights);
    const uint64_t apart = li_size_mul((tiles - whole) * panels * m * m, row->apart);
    return li_size_add(li_size_add(li_size_mul(tiles, transforms), apart), li_size_add(products, weights));
}

#else
typedef int li_x86_costs_is_left_out;      /* an empty translation unit is not C */
#endif

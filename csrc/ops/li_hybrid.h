/* SPDX-License-Identifier: Apache-2.0 */
/* Hybrid arithmetic: float activations that every run quantizes, under weights of 8 bits. NUMERICS.md, "Hybrid". */
#ifndef LI_HYBRID_H
#define LI_HYBRID_H

#include "li_layers.h"

/*
 * n numbers that are quantized together become int8 codes, by a scale and zero point of their own, which
 * go to `row`, a copy of the layer's epilogue. The codes lie in scratch, whose bytes plan sets.
 */
const int8_t *li_hybrid_row(const li_net *net, const float *x, size_t n, const li_epilogue *layer, li_epilogue *row);

/* Bytes of scratch for the codes of one of the input's images. */
static inline uint32_t li_hybrid_bytes(const li_tensor *input)
{
    return li_tensor_elements(input) != 0 ? li_dims_product(input, 1, input->rank) : 0;
}

/*
 * A whole convolution through the float loops: codes less their zero point and weights are integers, and so are their sums, which
 * float32 holds exactly below 2^24. Plan takes it, by packed_bytes, where no sum can reach that and the weights are known.
 * `by_pixel`: every pixel is quantized by itself.
 */
#if LI_PACKS
void li_hybrid_plan(li_net *net, li_node *node, const li_layer_f32 *shape, int by_pixel);
void li_hybrid_prepare(li_net *net, const li_node *node, const li_layer_f32 *shape);
void li_hybrid_run(const li_net *net, const li_node *node, const li_layer_f32 *shape, int by_pixel, int32_t images, const li_epilogue *end,
                   const float *multipliers);
#else
static inline void li_hybrid_plan(li_net *net, li_node *node, const li_layer_f32 *shape, int by_pixel)
{
    (void)net, (void)node, (void)shape, (void)by_pixel;
}
static inline void li_hybrid_prepare(li_net *net, const li_node *node, const li_layer_f32 *shape) { (void)net, (void)node, (void)shape; }
static inline void li_hybrid_run(const li_net *net, const li_node *node, const li_layer_f32 *shape, int by_pixel, int32_t images,
                                 const li_epilogue *end, const float *multipliers)
{
    (void)net, (void)node, (void)shape, (void)by_pixel, (void)images, (void)end, (void)multipliers;
}
#endif

#endif

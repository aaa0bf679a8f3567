/* SPDX-License-Identifier: Apache-2.0 */
/* Runs whole layers on packed weights: image by image, each in bands of rows on the net's threads. */
#ifndef LI_LAYERS_H
#define LI_LAYERS_H

#include "li_weights.h"

/* `layer` on every image of the input. Bands and their results do not depend on each other, so neither do results on the
   number of threads. */
#if LI_PACKS
void li_run_layer_s8(const li_net *net, const li_node *node, const li_layer_kernels *layer, const li_conv_shape *shape,
                     const li_epilogue *end, int32_t images);
void li_run_layer_f32(const li_net *net, const li_node *node, const li_layer_f32 *shape, int32_t images);
/* One image, whose pixels are not those of the operand, without its bias: on the node's packed weights. */
void li_run_image_f32(const li_net *net, const li_node *node, const li_layer_f32 *shape, const float *x, float *out);
#else
static inline void li_run_layer_s8(const li_net *net, const li_node *node, const li_layer_kernels *layer,
                                   const li_conv_shape *shape, const li_epilogue *end, int32_t images)
{
    (void)net, (void)node, (void)layer, (void)shape, (void)end, (void)images;
}
static inline void li_run_layer_f32(const li_net *net, const li_node *node, const li_layer_f32 *shape, int32_t images)
{
    (void)net, (void)node, (void)shape, (void)images;
}
#endif

#endif

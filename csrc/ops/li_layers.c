/* SPDX-License-Identifier: Apache-2.0 */
#include "li_layers.h"
#include "li_bands.h"

#if LI_PACKS

/* One image of one layer, int8 where `layer` is given. */
typedef struct li_layer_job {
    li_bands bands;
    const li_net *net;
    const li_node *node;
    const li_layer_kernels *layer;
    const li_layer_kernels_f32 *layer_f32;
    const void *packed, *x;
    const float *bias;           /* of a float layer */
    void *scratch, *out;         /* scratch of the first band */
    union {
        struct {
            li_conv_shape s8;
            li_rescale_s8 rescale;
        };
        li_layer_f32 f32;
    } shape;
} li_layer_job;

static void li_layer_band(const li_bands *bands, int32_t first, int32_t rows, int32_t band)
{
    const li_layer_job *job = (const li_layer_job *)bands;
    const li_net *net = job->net;
    void *scratch = (char *)job->scratch + (size_t)net->scratch_bytes * (size_t)band;
    if (job->layer != NULL)
        job->layer->run(job->layer->loops, job->out, job->x, li_tensor_data(li_node_input(net, job->node, 1)), job->packed, scratch,
                        &job->shape.s8, &job->shape.rescale, first, rows);
    else
        job->layer_f32->run(job->layer_f32->loops, job->out, job->x, job->bias, job->packed, scratch,
                            &job->shape.f32, first, rows);
}

static void li_layer_images(li_layer_job *job, int32_t images, size_t in_bytes, size_t out_bytes, uint64_t work)
{
    const li_net *net = job->net;
    const char *x = li_tensor_data(li_node_input(net, job->node, 0));
    char *out = li_tensor_data(li_node_output(net, job->node, 0));
    int32_t b;
    for (b = 0; b < images; ++b, x += in_bytes, out += out_bytes) {
        job->x = x;
        job->out = out;
        li_bands_run(net, job->node, &job->bands, work);
    }
}

/* Products of an image; only their order of magnitude matters, so they may saturate. */
static uint64_t li_layer_work(uint64_t outputs, int32_t filter_h, int32_t filter_w, int32_t channels)
{
    return li_size_mul(outputs, li_size_mul((uint64_t)filter_h * (uint64_t)filter_w, (uint64_t)channels));
}

void li_run_layer_s8(const li_net *net, const li_node *node, const li_layer_kernels *layer, const li_conv_shape *s,
                     const li_epilogue *end, int32_t images)
{
    const size_t in_bytes = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    const size_t out_bytes = (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c;
    const int32_t channels = layer->loop == LI_LOOP_DEPTHWISE ? LI_BAND_DEPTHWISE : s->in_c / s->groups;
    const li_rescale_s8 rescale = { end->in_zero, end->out_zero, end->low, end->high };
    li_layer_job job = { { .band = li_layer_band, .units = li_layer_units(layer, s) }, net, node, layer, NULL, li_node_packed(net, node),
                         NULL, NULL, li_scratch(net), NULL, { .s8 = *s, .rescale = rescale } };
    li_layer_images(&job, images, in_bytes, out_bytes, li_layer_work(out_bytes, s->filter_h, s->filter_w, channels));
}

/* The packed weights, and in *scratch what the kernel works in: both are there where the run has to pack. */
static const void *li_layer_packed_f32(const li_net *net, const li_node *node, const li_layer_f32 *layer, void **scratch)
{
    const li_layer_kernels_f32 *kernels = li_kernels_of(net)->conv_f32;
    char *const own = li_scratch(net);
    *scratch = own;
    if (node->packed_bytes != 0) return li_node_packed(net, node);
    kernels->pack(kernels->loops, own, layer, li_tensor_data(li_node_input(net, node, 1)));
    *scratch = own + kernels->packed_bytes(kernels->loops, layer);
    return own;
}

void li_run_layer_f32(const li_net *net, const li_node *node, const li_layer_f32 *s, int32_t images)
{
    const size_t in_floats = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    const size_t out_floats = (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c;
    void *scratch;
    const void *packed = li_layer_packed_f32(net, node, s, &scratch);
    li_layer_job job = { { .band = li_layer_band, .units = s->out_h }, net, node, NULL, li_kernels_of(net)->conv_f32, packed, NULL,
                         li_optional_data(net, node, 2), scratch, NULL, { .f32 = *s } };
    li_layer_images(&job, images, in_floats * sizeof(float), out_floats * sizeof(float),
                    li_layer_work(out_floats, s->filter_h, s->filter_w, s->in_c / s->groups));
}

void li_run_image_f32(const li_net *net, const li_node *node, const li_layer_f32 *s, const float *x, float *out)
{
    const size_t outputs = (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c;
    li_layer_job job = { { .band = li_layer_band, .units = s->out_h }, net, node, NULL, li_kernels_of(net)->conv_f32, li_node_packed(net, node), x,
                         NULL, li_scratch(net), out, { .f32 = *s } };
    /* The other threads have to fetch what this one has just written, and this one what they write: small layers are done sooner. */
    li_bands_run(net, node, &job.bands, li_layer_work(outputs, s->filter_h, s->filter_w, s->in_c / s->groups) / 8);
}

#else
typedef int li_layers_are_left_out;      /* an empty translation unit is not C */
#endif

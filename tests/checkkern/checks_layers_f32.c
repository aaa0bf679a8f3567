/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of whole float layers against plain definitions: small random shapes, both modes, every part of exactly its size. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* Of `fast`: this times the sum of the products' magnitudes. */
static const double nearness = 1e-6;

void accept_near(const result *r, size_t i, float expected, double magnitude)
{
    float got;
    memcpy(&got, r->got + i * 4, 4);
    const int near = fabs((double)got - (double)expected) <= nearness * magnitude + 1e-37;
    memcpy(r->expected + i * 4, near || (isnan(got) && isnan(expected)) ? &got : &expected, 4);
}

static int32_t up_to(size_t limit)
{
    return 1 + (int32_t)below(limit);
}

/* One side: outputs of a filter that may begin before the image and end behind it. */
static int32_t place_window(int32_t in, int32_t filter, int32_t stride, int32_t dilation, int32_t *before)
{
    const int32_t extent = (filter - 1) * dilation + 1;
    int32_t behind;
    *before = extent > in || below(2) != 0 ? extent / 2 : 0;
    behind = extent > in + *before ? extent - in - *before : *before;
    return (in + *before + behind - extent) / stride + 1;
}

static li_layer_f32 draw_layer(size_t channels)
{
    li_layer_f32 l = { up_to(9), up_to(9), 0, 0, 0, 0, up_to(4), up_to(4), up_to(3), up_to(3), up_to(2), up_to(2), 0, 0, 1, 0, 0, 0, 0, 0 };
    if (below(4) == 0) {    /* a dense layer, sometimes of one row */
        l.in_h = l.filter_h = l.filter_w = l.stride_h = l.stride_w = l.dilation_h = l.dilation_w = 1;
        l.block = below(2) != 0 ? up_to(70) : 0;
    }
    if (l.block == 0 && below(4) == 0) {
        l.groups = up_to(3);
    }
    l.in_c = (channels == 0 ? 1 : (int32_t)channels) * l.groups;
    l.out_c = up_to(70) * l.groups;
    l.out_h = place_window(l.in_h, l.filter_h, l.stride_h, l.dilation_h, &l.pad_top);
    l.out_w = place_window(l.in_w, l.filter_w, l.stride_w, l.dilation_w, &l.pad_left);
    if (l.block == 0 && below(4) == 0) {    /* a piece of a transposed convolution: outputs that may see nothing of the image */
        l.stride_h = l.stride_w = l.dilation_h = l.dilation_w = 1;
        l.in_h = (int32_t)below(6);
        l.pad_top = (int32_t)below((size_t)l.filter_h);
        l.pad_left = (int32_t)below((size_t)l.filter_w);
        l.out_h = up_to(8);
        l.out_w = up_to(30);
    }
    l.exact = below(2) != 0;
    l.low = below(2) != 0 ? 0.0f : -INFINITY;
    l.high = below(2) != 0 ? 1.5f : INFINITY;
    return l;
}

/* Output (y, x, n) in the definition's order, each operation stored; w: of channel n, w_step: from tap to tap. *magnitude: the sum of what was added. */
static float expected_of(const li_layer_f32 *l, const float *x, const float *w, size_t w_step, const float *bias, int32_t y,
                         int32_t at_x, int32_t n, double *magnitude)
{
    const int32_t filter_c = l->in_c / l->groups, first = n / (l->out_c / l->groups) * filter_c;
    volatile float product, part = 0, total = 0;
    *magnitude = 0;
    for (int32_t i = 0; i < l->filter_h; i++) {
        for (int32_t j = 0; j < l->filter_w; j++) {
            const int32_t from_y = y * l->stride_h - l->pad_top + i * l->dilation_h;
            const int32_t from_x = at_x * l->stride_w - l->pad_left + j * l->dilation_w;
            for (int32_t c = 0; c < filter_c; c++, w += w_step) {
                if (from_y < 0 || from_x < 0 || from_y >= l->in_h || from_x >= l->in_w) {
                    continue;
                }
                if (l->block != 0 && c % l->block == 0) {
                    total = total + part;
                    part = 0;
                }
                product = x[(from_y * l->in_w + from_x) * l->in_c + first + c] * *w;
                part = part + product;
                *magnitude += fabs((double)product);
            }
        }
    }
    total = total + part;
    if (bias != NULL) {
        total = total + bias[n];
        *magnitude += fabs((double)bias[n]);
    }
    return total < l->low ? l->low : total > l->high ? l->high : total;
}

/* Every output; w_channel and w_step: floats from channel to channel and from tap to tap. */
static void compare_layer(const shape *s, const li_layer_f32 *l, const result *r, const float *x, const float *w, size_t w_channel,
                          size_t w_step, const float *bias)
{
    size_t at = 0;
    for (int32_t y = 0; y < l->out_h; y++) {
        for (int32_t from_x = 0; from_x < l->out_w; from_x++) {
            for (int32_t n = 0; n < l->out_c; n++, at++) {
                double magnitude;
                const float expected = expected_of(l, x, w + (size_t)n * w_channel, w_step, bias, y, from_x, n, &magnitude);
                accept_near(r, at, expected, l->exact && !isnan(expected) ? -1.0 : magnitude);
            }
        }
    }
    compare(s, r);
}

void check_conv_f32(const li_kernels *k, shape s)
{
    li_layer_f32 l = draw_layer(s.n);
    l.w_last = l.in_c == l.groups && below(2) != 0;
    const size_t taps = (size_t)(l.filter_h * l.filter_w * (l.in_c / l.groups)), out_c = (size_t)l.out_c;
    const size_t x_floats = (size_t)(l.in_h * l.in_w * l.in_c), out_floats = (size_t)(l.out_h * l.out_w) * out_c;
    float *x = place(0, x_floats * 4, s.at, 4), *w = place(1, taps * out_c * 4, s.at, 4);
    float *bias = below(4) == 0 ? NULL : place(2, out_c * 4, s.at, 4);
    const li_layer_kernels_f32 *kernels = k->conv_f32;
    const size_t packed_bytes = kernels->packed_bytes(kernels->loops, &l), scratch_bytes = kernels->scratch_bytes(kernels->loops, &l);
    char *packed = place(4, packed_bytes, s.at < 0 ? -1 : s.at % 2 * 16, 1), *scratch = place(5, (scratch_bytes + 15) / 16 * 16, -1, 1);
    const int32_t split = (int32_t)below((size_t)l.out_h + 1);
    const result r = make_result(out_floats * 4, s.at, 4);
    s.channels = out_c;
    if (packed_bytes == 0 || packed_bytes % 64 != 0) {
        fail(&s, "packed bytes are no multiple of 64\n");
        return;
    }
    fill_f32(x, x_floats);
    fill_f32(w, taps * out_c);
    if (below(8) == 0) {
        w[below(taps * out_c)] = INFINITY;    /* meets no tap outside the image */
    }
    if (bias != NULL) {
        fill_f32(bias, out_c);
    }
    memset(packed, 0xff, packed_bytes);
    memset(scratch, 0xff, scratch_bytes);
    kernels->pack(kernels->loops, packed, &l, w);
    kernels->run(kernels->loops, (float *)(void *)r.got, x, bias, packed, scratch, &l, 0, l.out_h);
    void *const whole = malloc(out_floats * 4 + 1);
    memcpy(whole, r.got, out_floats * 4);
    kernels->run(kernels->loops, (float *)(void *)r.got, x, bias, packed, scratch, &l, 0, split);
    kernels->run(kernels->loops, (float *)(void *)r.got, x, bias, packed, scratch, &l, split, l.out_h - split);
    if (memcmp(whole, r.got, out_floats * 4) != 0) {
        fail(&s, "depends on how rows are divided\n");
    }
    free(whole);
    compare_layer(&s, &l, &r, x, w, l.w_last ? 1 : taps, l.w_last ? out_c : 1, bias);
}

void check_depthwise_f32(const li_kernels *k, shape s)
{
    li_layer_f32 l = draw_layer(s.n);
    l.out_c = l.groups = l.in_c;
    l.block = 0;
    l.in_w += below(2) != 0 ? 14 : 0;    /* room for tiles between the edges */
    l.out_w = place_window(l.in_w, l.filter_w, l.stride_w, l.dilation_w, &l.pad_left);
    const size_t taps = (size_t)(l.filter_h * l.filter_w), c = (size_t)l.in_c;
    const size_t x_floats = (size_t)(l.in_h * l.in_w) * c, out_floats = (size_t)(l.out_h * l.out_w) * c;
    float *x = place(0, x_floats * 4, s.at, 4), *w = place(1, taps * c * 4, s.at, 4);
    float *bias = below(4) == 0 ? NULL : place(2, c * 4, s.at, 4);
    const int32_t split = (int32_t)below((size_t)l.out_h + 1);
    const result r = make_result(out_floats * 4, s.at, 4);
    s.channels = c;
    fill_f32(x, x_floats);
    fill_f32(w, taps * c);
    if (below(8) == 0) {
        w[below(taps * c)] = INFINITY;
    }
    if (bias != NULL) {
        fill_f32(bias, c);
    }
    k->depthwise_f32((float *)(void *)r.got, x, w, bias, &l, 0, split);
    k->depthwise_f32((float *)(void *)r.got, x, w, bias, &l, split, l.out_h - split);
    compare_layer(&s, &l, &r, x, w, 1, c, bias);
}

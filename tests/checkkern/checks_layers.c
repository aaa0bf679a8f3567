/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of whole int8 layers against plain definitions: small random shapes, every part of exactly its size. */
#include <math.h>
#include <string.h>

#include "harness.h"

typedef struct layer {
    li_conv_shape shape;
    li_rescale_s8 rescale;
    int8_t *x, *w;
    int32_t *bias;               /* NULL in some */
    float *multipliers;
    size_t x_bytes, out_bytes;
} layer;

static int32_t up_to(size_t limit)
{
    return 1 + (int32_t)below(limit);
}

/* Geometry as SAME and VALID padding and odd ones in between give it; every window touches the image. */
static li_conv_shape draw_shape(size_t channels, size_t most_out)
{
    li_conv_shape s = { up_to(12), up_to(12), (int32_t)channels, 0, 0, up_to(most_out), up_to(4), up_to(4), up_to(3), up_to(3), up_to(2), 0, 0, 0, 1, 1, 0 };
    if (below(3) == 0) {
        s.filter_h = s.filter_w = s.stride_h = s.stride_w = s.dilation_h = 1;
    }
    const int32_t extent = (s.filter_h - 1) * s.dilation_h + 1;
    const int32_t least_top = extent > s.in_h ? extent - s.in_h : 0, least_left = s.filter_w > s.in_w ? s.filter_w - s.in_w : 0;
    s.pad_top = least_top != 0 || below(2) != 0 ? (extent - 1) / 2 : 0;
    s.pad_left = least_left != 0 || below(2) != 0 ? (s.filter_w - 1) / 2 : 0;
    const int32_t bottom = least_top > s.pad_top ? least_top - s.pad_top : s.pad_top;
    const int32_t right = least_left > s.pad_left ? least_left - s.pad_left : s.pad_left;
    s.out_h = (s.in_h + s.pad_top + bottom - extent) / s.stride_h + 1;
    s.out_w = (s.in_w + s.pad_left + right - s.filter_w) / s.stride_w + 1;
    return s;
}

/* An image of rows of one pixel, or of one row, of any length, padded or not. */
static void draw_signal(li_conv_shape *s)
{
    const int32_t filter = up_to(17), pad = (int32_t)below((size_t)filter), length = filter + (int32_t)below(60), stride = up_to(4);
    const int32_t out = (length + pad + (int32_t)below((size_t)pad + 1) - filter) / stride + 1;
    const li_conv_shape down = { length, 1, s->in_c, out, 1, s->in_c, filter, 1, stride, up_to(3), 1, pad, 0, 0, 1, 1, 0 };
    const li_conv_shape along = { 1, length, s->in_c, 1, out, s->in_c, 1, filter, up_to(3), stride, 1, 0, pad, 0, 1, 1, 0 };
    *s = below(2) != 0 ? down : along;
}

/* Rows of many pixels under three columns, for loops that share columns: whole groups of channels, or three. */
static void draw_run(li_conv_shape *s)
{
    s->in_c = below(3) == 0 ? 3 : (s->in_c + 3) / 4 * 4;
    s->out_c = up_to(20);
    s->filter_w = 3;
    s->stride_w = 1;
    s->in_h = up_to(6) + s->filter_h * s->dilation_h;
    s->in_w = 12 + up_to(40);
    s->pad_left = (int32_t)below(2);
    s->out_w = s->in_w + s->pad_left + (int32_t)below(2) - 2;
    s->out_h = (s->in_h + s->pad_top - ((s->filter_h - 1) * s->dilation_h + 1)) / s->stride_h + 1;
}

/* Rows of few channels that are long enough for loops that take them as they lie: channels that divide 64, and others. */
static void draw_flat(li_conv_shape *s)
{
    const int32_t across = s->filter_w - 1;
    s->in_c = below(4) == 0 ? up_to(40) : 1 << below(6);
    s->stride_w = 1;
    s->in_w = across + up_to(below(3) == 0 ? 150 : 30);
    s->pad_left = (int32_t)below((size_t)across / 2 + 1);
    s->out_w = s->in_w + s->pad_left + (int32_t)below((size_t)s->pad_left + 1) - across;
}

/* One long row, which is divided by columns: under the filter's first, or any, of its rows. */
static void draw_row(li_conv_shape *s)
{
    s->filter_w = up_to(below(2) != 0 ? 40 : 4);
    s->dilation_w = below(3) == 0 ? up_to(4) : 1;
    const int32_t width = (s->filter_w - 1) * s->dilation_w + 1;
    s->in_h = s->out_h = 1;
    s->filter_h = up_to(3);
    s->pad_top = (int32_t)below((size_t)s->filter_h);
    s->pad_left = (int32_t)below((size_t)width);
    s->in_w = width + (int32_t)below(150);
    s->out_w = (s->in_w + s->pad_left + (int32_t)below((size_t)s->pad_left + 1) - width) / s->stride_w + 1;
}

/* Any dilation both ways, padding up to a window's reach, down to images that some phases do not have. */
static void draw_dilated(li_conv_shape *s)
{
    s->stride_h = s->stride_w = 1;
    s->dilation_h = up_to(5);
    s->dilation_w = up_to(5);
    const int32_t reach_h = (s->filter_h - 1) * s->dilation_h, reach_w = (s->filter_w - 1) * s->dilation_w;
    s->pad_top = (int32_t)below((size_t)reach_h + 1);
    s->pad_left = (int32_t)below((size_t)reach_w + 1);
    s->in_h = up_to(30);
    s->in_w = up_to(below(3) == 0 ? 150 : 30);
    s->out_h = s->in_h + s->pad_top;
    s->out_w = s->in_w + s->pad_left;
}

/* A piece of a transposed convolution: outputs that see little of the image or nothing, which may have no rows. */
static void draw_piece(li_conv_shape *s)
{
    s->stride_h = s->stride_w = s->dilation_h = 1;
    s->in_h = (int32_t)below(6);
    s->pad_top = (int32_t)below((size_t)s->filter_h);
    s->pad_left = (int32_t)below((size_t)s->filter_w);
    s->out_h = up_to(8);
    s->out_w = up_to(30);
}

static layer make_layer(const shape *s, li_conv_shape shape, size_t taps)
{
    const size_t out_c = (size_t)shape.out_c;
    layer l = { .shape = shape };
    l.rescale.in_zero = s->fill == LOWEST ? 127 : s->fill == HIGHEST ? -128 : (int32_t)below(256) - 128;
    l.rescale.out_zero = (int32_t)below(256) - 128;
    l.rescale.low = below(2) != 0 ? -128 : l.rescale.out_zero;
    l.rescale.high = below(2) != 0 ? 127 : l.rescale.low + (int32_t)below((size_t)(128 - l.rescale.low));
    l.x_bytes = (size_t)shape.in_h * (size_t)shape.in_w * (size_t)shape.in_c;
    l.out_bytes = (size_t)shape.out_h * (size_t)shape.out_w * out_c;
    l.x = place(0, l.x_bytes, s->at, 1);
    l.w = place(1, taps * out_c, s->at, 1);
    l.multipliers = place(2, out_c * 4, s->at, 4);
    l.bias = below(4) == 0 ? NULL : place(3, out_c * 4, s->at, 4);
    fill_s8(l.x, l.x_bytes, s->fill);
    fill_s8(l.w, taps * out_c, s->fill == ALTERNATING ? LOWEST : s->fill);
    for (size_t c = 0; c < out_c; c++) {
        l.multipliers[c] = below(16) == 0 ? 0x1.fffffep7f : ldexpf(1.0f + (float)draw() / 4294967296.0f, -(int)below(20) - 3);
        if (l.bias != NULL) {
            l.bias[c] = (int32_t)draw() >> (4 + below(20));
        }
    }
    return l;
}

/* Input element (y, x, c), or the zero point outside. */
static int32_t element(const layer *l, int32_t y, int32_t x, int32_t c)
{
    const li_conv_shape *s = &l->shape;
    const int inside = y >= 0 && x >= 0 && y < s->in_h && x < s->in_w;
    return inside ? l->x[((size_t)y * (size_t)s->in_w + (size_t)x) * (size_t)s->in_c + (size_t)c] : l->rescale.in_zero;
}

static char rescaled(const layer *l, int32_t sum, int32_t channel)
{
    const li_rescale_s8 *r = &l->rescale;
    const float value = rintf((float)sum * l->multipliers[channel]);
    const float low = (float)(r->low - r->out_zero), high = (float)(r->high - r->out_zero);
    return (char)((int32_t)(value < low ? low : value > high ? high : value) + r->out_zero);
}

/* In two calls over bands of units, rows or channels, on weights packed between their pages. */
static void run_layer(const li_layer_kernels *kernels, const layer *l, shape s, const result *r)
{
    const int32_t units = li_layer_units(kernels, &l->shape);
    const size_t packed_bytes = kernels->packed_bytes(kernels->loops, &l->shape);
    const size_t scratch_bytes = kernels->scratch_bytes(kernels->loops, &l->shape);
    const int32_t split = (int32_t)below((size_t)units + 1);
    char *packed = place(4, packed_bytes, s.at < 0 ? -1 : s.at % 2 * 16, 1), *scratch = place(5, (scratch_bytes + 15) / 16 * 16, -1, 1);
    if (packed_bytes == 0 || packed_bytes % 64 != 0) {
        fail(&s, "packed bytes are no multiple of 64\n");
        return;
    }
    memset(packed, 0xff, packed_bytes);
    memset(scratch, 0xff, scratch_bytes);
    kernels->pack(kernels->loops, packed, &l->shape, l->w, l->bias, l->multipliers, l->rescale.in_zero);
    kernels->run(kernels->loops, (int8_t *)r->got, l->x, l->w, packed, scratch, &l->shape, &l->rescale, 0, split);
    kernels->run(kernels->loops, (int8_t *)r->got, l->x, l->w, packed, scratch, &l->shape, &l->rescale, split, units - split);
    compare(&s, r);
}

/* The definition of a convolution. */
static void convolve(const layer *l, const result *r)
{
    const li_conv_shape c = l->shape;
    const size_t w_step = c.w_last ? (size_t)c.out_c : 1;
    const int32_t in_c = c.in_c / c.groups, out_c = c.out_c / c.groups;      /* of a group */
    size_t at = 0;
    for (int32_t y = 0; y < c.out_h; y++) {
        for (int32_t x = 0; x < c.out_w; x++) {
            for (int32_t n = 0; n < c.out_c; n++) {
                const int8_t *w = l->w + (size_t)n * (c.w_last ? 1 : (size_t)c.filter_h * (size_t)c.filter_w * (size_t)in_c);
                int32_t sum = l->bias != NULL ? l->bias[n] : 0;
                for (int32_t i = 0; i < c.filter_h; i++) {
                    for (int32_t j = 0; j < c.filter_w; j++) {
                        for (int32_t m = n / out_c * in_c; m < n / out_c * in_c + in_c; m++) {
                            sum += (element(l, y * c.stride_h - c.pad_top + i * c.dilation_h, x * c.stride_w - c.pad_left + j * c.dilation_w, m) - l->rescale.in_zero) * (*w - c.w_zero);
                            w += w_step;
                        }
                    }
                }
                r->expected[at++] = rescaled(l, sum, n);
            }
        }
    }
}

/* A zero point of weights, often an extreme one. */
static int32_t draw_zero(void)
{
    const size_t kind = below(4);
    return kind == 0 ? -128 : kind == 1 ? 127 : (int32_t)below(256) - 128;
}

static void check_direct_s8(const li_layer_kernels *kernels, shape s, int32_t w_zero)
{
    li_conv_shape c = draw_shape(s.n == 0 ? 1 : s.n, 70);
    c.w_zero = w_zero;
    if (below(4) == 0) draw_run(&c);
    if (below(4) == 0) draw_piece(&c);
    if (below(4) == 0 && s.n < 40) draw_row(&c);
    c.w_last = c.in_c == 1 && below(2) != 0;
    const size_t taps = (size_t)c.filter_h * (size_t)c.filter_w * (size_t)c.in_c;
    if (below(4) == 0) {
        draw_dilated(&c);
        c.stride_w = up_to(2);
        c.out_w = (c.out_w - 1) / c.stride_w + 1;
    }
    if (!c.w_last && c.in_c < 100 && below(3) == 0) {
        c.groups = up_to(c.in_c < 20 ? 7 : 3);
        c.in_c *= c.groups;
        c.out_c *= c.groups;
    }
    const layer l = make_layer(&s, c, taps);
    const result r = make_result(l.out_bytes, s.at, 1);
    s.channels = (size_t)c.out_c;
    convolve(&l, &r);
    run_layer(kernels, &l, s, &r);
}

void check_conv_zero_s8(const li_kernels *k, shape s)
{
    check_direct_s8(k->conv_zero_s8, s, draw_zero());
}

/* In every form that takes any weights; check_winograd_s8 has the others. */
void check_conv_s8(const li_kernels *k, shape s)
{
    check_direct_s8(k->conv_s8, s, 0);
    for (size_t i = 0; i < LI_CONV_FORMS && k->conv_forms_s8[i] != NULL; i++) {
        if (k->conv_forms_s8[i]->weights_below == 0) {
            check_direct_s8(k->conv_forms_s8[i], s, 0);
        }
    }
}

/* Lets weights of the largest magnitude go until every channel's sum of magnitudes is below the limit, by as little as they allow. */
static void lower_weights(const layer *l, size_t taps, uint32_t limit)
{
    for (int32_t n = 0; n < l->shape.out_c; n++) {
        int8_t *w = l->w + (size_t)n * taps;
        uint32_t sum = 0;
        for (size_t i = 0; i < taps; i++) {
            sum += (uint32_t)(w[i] < 0 ? -w[i] : w[i]);
        }
        for (size_t i = 0; sum >= limit; i++) {
            const uint32_t magnitude = (uint32_t)(w[i] < 0 ? -w[i] : w[i]), rest = sum - magnitude < limit ? limit - 1 - (sum - magnitude) : 0;
            w[i] = (int8_t)(w[i] < 0 ? -(int32_t)rest : (int32_t)rest);
            sum -= magnitude - rest;
        }
    }
}

/* 3x3 at stride 1, SAME, VALID and in between, up to several blocks of tiles; with n == 0 as many channels as it takes to reach
   the edge of what is exact. */
void check_winograd_s8(const li_kernels *k, shape s)
{
    for (size_t i = 0; i < LI_CONV_FORMS && k->conv_forms_s8[i] != NULL; i++) {
        const li_layer_kernels *kernels = k->conv_forms_s8[i];
        if (kernels->weights_below == 0) {
            continue;
        }
        const int edge = s.n == 0, wide = !edge && below(8) == 0;
        const int32_t in_c = edge ? (int32_t)(kernels->weights_below / (9 * 128)) + 1 : (int32_t)s.n;
        li_conv_shape c = { up_to(edge ? 3 : 20), up_to(edge ? 3 : wide ? 120 : 20), in_c, 0, 0, up_to(edge ? 3 : wide ? 5 : 40), 3, 3, 1, 1, 1, 0, 0, 0, 1, 1, 0 };
        c.pad_top = c.in_h < 3 || below(2) != 0;
        c.pad_left = c.in_w < 3 || below(2) != 0;
        c.out_h = c.in_h + c.pad_top + (c.in_h < 3 || below(2) != 0) - 2;
        c.out_w = c.in_w + c.pad_left + (c.in_w < 3 || below(2) != 0) - 2;
        const size_t taps = 9 * (size_t)in_c;
        const layer l = make_layer(&s, c, taps);
        const result r = make_result(l.out_bytes, s.at, 1);
        s.channels = (size_t)c.out_c;
        lower_weights(&l, taps, kernels->weights_below);
        convolve(&l, &r);
        run_layer(kernels, &l, s, &r);
    }
}

static void check_depthwise(const li_layer_kernels *kernels, shape s, int32_t w_zero)
{
    li_conv_shape d = draw_shape(s.n == 0 ? 1 : s.n, 1);
    const size_t kind = below(12);
    if (kind == 0) {
        d.in_c += 64 * up_to(2);
    }
    if (kind < 4) {
        draw_signal(&d);
    } else if (kind < 6) {
        draw_flat(&d);
    } else if (kind < 10) {
        d.in_c += below(3) == 0 ? 64 * up_to(2) : 0;
        if (kind > 6) {
            draw_dilated(&d);
        }
    }
    const int32_t multiplier = below(3) == 0 && d.in_c < 100 ? up_to(d.in_c < 8 ? 40 : 5) : 1;
    d.out_c = d.in_c * multiplier;
    d.w_zero = w_zero;
    const layer l = make_layer(&s, d, (size_t)d.filter_h * (size_t)d.filter_w);
    const result r = make_result(l.out_bytes, s.at, 1);
    size_t at = 0;
    s.channels = (size_t)d.out_c;
    if (kernels->packed_bytes(kernels->loops, &d) == 0) {    /* the set leaves it to taps_s8: an odd stride both ways, a stride beside dilation, few outputs of each phase */
        if ((d.dilation_h == 1 || (d.stride_h == 1 && 4 * d.dilation_h <= d.out_h)) && (d.dilation_w == 1 || (d.stride_w == 1 && 4 * d.dilation_w <= d.out_w))
            && (d.stride_h != 3 || d.stride_w != 3)) {
            fail(&s, "is not taken\n");
        }
        return;
    }
    for (int32_t y = 0; y < d.out_h; y++) {
        for (int32_t x = 0; x < d.out_w; x++) {
            for (int32_t n = 0; n < d.out_c; n++) {
                int32_t sum = l.bias != NULL ? l.bias[n] : 0;
                for (int32_t t = 0; t < d.filter_h * d.filter_w; t++) {
                    const int32_t i = t / d.filter_w, j = t % d.filter_w;
                    sum += (element(&l, y * d.stride_h - d.pad_top + i * d.dilation_h, x * d.stride_w - d.pad_left + j * d.dilation_w, n / multiplier) - l.rescale.in_zero)
                         * (l.w[(size_t)t * (size_t)d.out_c + (size_t)n] - d.w_zero);
                }
                r.expected[at++] = rescaled(&l, sum, n);
            }
        }
    }
    run_layer(kernels, &l, s, &r);
}

void check_depthwise_s8(const li_kernels *k, shape s)
{
    check_depthwise(k->depthwise_s8, s, 0);
}

void check_depthwise_zero_s8(const li_kernels *k, shape s)
{
    check_depthwise(k->depthwise_zero_s8, s, draw_zero());
}

void check_dense_s8(const li_kernels *k, shape s)
{
    const int32_t rows = up_to(3), in_c = s.n == 0 ? 1 : (int32_t)s.n;
    const int32_t out_c = (s.channels == 0 ? 1 : (int32_t)s.channels) + (int32_t)below(3) * 128;     /* more than the widest panels */
    const li_conv_shape d = { 1, rows, in_c, 1, rows, out_c, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0 };
    const layer l = make_layer(&s, d, (size_t)in_c);
    const result r = make_result(l.out_bytes, s.at, 1);
    size_t at = 0;
    for (int32_t row = 0; row < rows; row++) {
        for (int32_t n = 0; n < out_c; n++) {
            int32_t sum = l.bias != NULL ? l.bias[n] : 0;
            for (int32_t c = 0; c < in_c; c++) {
                sum += (element(&l, 0, row, c) - l.rescale.in_zero) * l.w[(size_t)n * (size_t)in_c + (size_t)c];
            }
            r.expected[at++] = rescaled(&l, sum, n);
        }
    }
    run_layer(k->dense_s8, &l, s, &r);
}

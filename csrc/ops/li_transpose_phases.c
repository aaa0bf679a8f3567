/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TRANSPOSE_CONV on the loops of convolutions. Output rows whose number has the same rest modulo the stride meet the same rows of
 * the filter, one input row further with each of them; columns likewise. So the outputs of such a phase are a convolution of
 * stride 1 over the input with some of the taps, the last one first: Dumoulin and Visin, "A guide to convolution arithmetic for
 * deep learning", 2016, chapter 4. There are stride_h * stride_w phases, each with its own packed weights. Where the filter is as
 * large as the stride and nothing is cut off in front, all phases see the same pixel and are one 1x1 convolution of as many
 * times more channels.
 *
 * Outputs come in pieces of rows, in scratch, and are copied to where they lie: the loops write pixels side by side. Pieces
 * do not depend on the number of threads, so neither does which loop a float32 pixel takes.
 *
 * Left to the plain way: filters shorter than the stride, strides above 8, outputs smaller than the stride, a phase whose first
 * window would begin behind the first pixel, int8 that is scaled by integers, and float32 in `exact` mode where several taps
 * meet, whose order is the definition's.
 */
#include "li_bands.h"
#include "li_transpose_conv.h"
#include "li_view.h"

#if LI_PACKS

/* One dimension of a phase, as a convolution sees it. */
typedef struct li_phase_axis { int32_t first, taps, pad, out; } li_phase_axis;

typedef struct li_phases {
    const li_transpose_conv_state *s;
    const li_layer_kernels *s8;          /* one of the two */
    const li_layer_kernels_f32 *f32;
    int32_t down, across;                /* phases along rows and columns; both 1 where all are one */
    int32_t channels;                    /* of a phase's pixel */
    int32_t exact;
    size_t element;
} li_phases;

enum {
    LI_PHASES_LIMIT = 8,                 /* strides that are taken */
    LI_PHASE_BYTES = 16 * 1024,          /* of a piece at most, if it has more than a row: it stays in a first-level cache */
    LI_PHASE_PIXELS = 24,                /* at least, so that most tiles are full */
    LI_PHASE_PIECES = 8                  /* of an image at least, if they have so many pixels: the threads divide them */
};

static li_phase_axis li_phase_axis_of(const li_spread *d, int32_t rest)
{
    const int32_t at = rest + d->before, first = at % d->stride;
    const int32_t taps = first < d->filter ? (d->filter - first - 1) / d->stride + 1 : 0;
    const li_phase_axis axis = { first, taps, taps - 1 - at / d->stride, (int32_t)(((int64_t)d->out - rest + d->stride - 1) / d->stride) };
    return axis;
}

/* Outputs that share a phase's window are not cut off in front. */
static int li_phases_are_one(const li_spread *d) { return d->filter == d->stride && d->before == 0; }

static int li_phases_are_taken(const li_spread *d)
{
    int32_t rest;
    if (d->stride > LI_PHASES_LIMIT || d->out < d->stride) return 0;
    for (rest = 0; rest < d->stride; ++rest) {
        const li_phase_axis axis = li_phase_axis_of(d, rest);
        if (axis.taps < 1 || axis.pad < 0) return 0;
    }
    return 1;
}

/* How the node is taken; 0 when it is not. */
static int li_phases_of(const li_net *net, const li_node *node, const li_transpose_conv_state *s, li_phases *p)
{
    const li_kernels *kernels = li_kernels_of(net);
    const li_tensor *bias = li_weights_bias(net, node);
    const int is_int8 = li_weights_input(net, node)->type == LI_INT8;
    const int one = li_phases_are_one(&s->rows) && li_phases_are_one(&s->columns) && (bias == NULL || li_is_known_at_open(bias));
    p->s = s;
    p->s8 = is_int8 ? li_weights_kernels(net, node, kernels->conv_s8, NULL) : NULL;
    p->f32 = is_int8 ? NULL : kernels->conv_f32;
    p->down = one ? 1 : s->rows.stride;
    p->across = one ? 1 : s->columns.stride;
    p->channels = one ? s->out_c * s->rows.stride * s->columns.stride : s->out_c;
    p->exact = (net->flags & LI_EXACT) != 0;
    p->element = is_int8 ? 1 : sizeof(float);
    if (!li_phases_are_taken(&s->rows) || !li_phases_are_taken(&s->columns) || s->is_fixed || s->out_c > INT32_MAX / 64 / 64) return 0;
    if (is_int8) return li_weights_may_pack_s8(net, node, p->s8);
    return p->f32 != NULL && li_weights_input(net, node)->type == LI_FLOAT32 && li_weights_may_pack(net, node)
        && (!p->exact || (s->rows.filter <= s->rows.stride && s->columns.filter <= s->columns.stride));
}

/* A piece of a phase: `rows` rows of its output from `first` on, as an image of its own. */
typedef struct li_phase_piece {
    int32_t skipped;                     /* input rows above it */
    li_conv_shape shape;
} li_phase_piece;

static li_phase_piece li_phase_piece_of(const li_phases *p, const li_phase_axis *v, const li_phase_axis *h, int32_t first, int32_t rows)
{
    const li_transpose_conv_state *s = p->s;
    const int32_t above = first > v->pad ? first - v->pad : 0, skipped = above < s->rows.in ? above : s->rows.in;
    const li_phase_piece piece = {
        skipped, { s->rows.in - skipped, s->columns.in, s->in_c, rows, h->out, p->channels, v->taps, h->taps, 1, 1, 1,
                   first < v->pad ? v->pad - first : 0, h->pad, 0, 1, 1, 0 }
    };
    return piece;
}

static li_layer_f32 li_phase_layer(const li_phases *p, const li_conv_shape *c)
{
    const li_range_f32 limits = li_range_of_f32(p->s->activation);
    const li_layer_f32 layer = { c->in_h, c->in_w, c->in_c, c->out_h, c->out_w, c->out_c, c->filter_h, c->filter_w, 1, 1, 1, 1, c->pad_top,
                                 c->pad_left, 1, p->exact, 0, limits.low, limits.high, 0 };
    return layer;
}

static uint64_t li_phase_packed_bytes(const li_phases *p, const li_conv_shape *c)
{
    const li_layer_f32 layer = li_phase_layer(p, c);
    return p->s8 != NULL ? p->s8->packed_bytes(p->s8->loops, c) : p->f32->packed_bytes(p->f32->loops, &layer);
}

/* Of the piece and of those behind it, which may reach below the image: then float loops copy rows that they read in place here. */
static uint64_t li_phase_scratch_bytes(const li_phases *p, const li_conv_shape *c)
{
    li_layer_f32 layer = li_phase_layer(p, c);
    uint64_t inside, outside;
    if (p->s8 != NULL) return p->s8->scratch_bytes(p->s8->loops, c);
    inside = p->f32->scratch_bytes(p->f32->loops, &layer);
    layer.in_h = 0;
    outside = p->f32->scratch_bytes(p->f32->loops, &layer);
    return inside > outside ? inside : outside;
}

/* Rows of a piece, from those of the first phase, which has the most. All of them where a row is so short that a piece could
   have fewer pixels than the loops of single pixels are for. */
static int32_t li_phase_rows(const li_phases *p)
{
    const li_phase_axis v = li_phase_axis_of(&p->s->rows, 0), h = li_phase_axis_of(&p->s->columns, p->across - 1);
    const uint64_t row = li_size_mul((uint64_t)h.out, (uint64_t)p->channels * p->element);
    const int32_t least = (LI_PHASE_PIXELS + h.out - 1) / h.out, share = (v.out + LI_PHASE_PIECES - 1) / LI_PHASE_PIECES;
    int32_t rows = row < LI_PHASE_BYTES ? (int32_t)(LI_PHASE_BYTES / row) : 1;
    if (h.out <= 2) return v.out;
    rows = rows < share ? rows : share;
    rows = rows > least ? rows : least;
    return rows < v.out ? rows : v.out;
}

/* The first piece of a phase, whose packed weights all have. */
static li_phase_piece li_phase_first(const li_phases *p, const li_phase_axis *v, const li_phase_axis *h)
{
    const int32_t rows = li_phase_rows(p);
    return li_phase_piece_of(p, v, h, 0, rows < v->out ? rows : v->out);
}

/* Bytes of the outputs of a piece, in front of what the loops work in. */
static uint64_t li_phase_outputs(const li_phases *p)
{
    const li_phase_axis h = li_phase_axis_of(&p->s->columns, 0);
    const uint64_t pixels = li_size_mul((uint64_t)li_phase_rows(p), (uint64_t)h.out);
    return li_size_add(li_size_mul(pixels, (uint64_t)p->channels * p->element), 63) / 64 * 64;
}

/* Of the bias of phases that are one, in float32: behind the packed weights. */
static uint64_t li_phase_bias_bytes(const li_net *net, const li_node *node, const li_phases *p)
{
    const int repeated = p->channels != p->s->out_c && p->f32 != NULL && li_weights_bias(net, node) != NULL;
    return repeated ? ((uint64_t)p->channels * sizeof(float) + 63) / 64 * 64 : 0;
}

void li_transpose_phases_plan(li_net *net, li_node *node, const li_transpose_conv_state *s)
{
    uint64_t packed, scratch = 0, filter = 0;
    li_phases p;
    int32_t y, x;
    if (!li_phases_of(net, node, s, &p)) return;
    packed = li_phase_bias_bytes(net, node, &p);
    for (y = 0; y < p.down; ++y)
        for (x = 0; x < p.across; ++x) {
            const li_phase_axis v = li_phase_axis_of(&s->rows, y), h = li_phase_axis_of(&s->columns, x);
            const li_phase_piece piece = li_phase_first(&p, &v, &h);
            const uint64_t own = li_phase_packed_bytes(&p, &piece.shape), work = li_phase_scratch_bytes(&p, &piece.shape);
            const uint64_t weights = li_size_mul((uint64_t)v.taps * (uint64_t)h.taps, (uint64_t)s->in_c * p.element) + 8;
            if (own == 0) return;
            packed = li_size_add(packed, own);
            scratch = work > scratch ? work : scratch;
            filter = weights > filter ? weights : filter;
        }
    scratch = li_size_add(scratch, li_phase_outputs(&p));
    filter = li_size_mul(filter, (uint64_t)p.channels);                  /* prepare puts a phase's filter together there */
    scratch = scratch > filter ? scratch : filter;
    if (scratch > INT32_MAX / 2 || !li_weights_keep(net, node, packed)) return;      /* too large: used in place */
    node->scratch_bytes = (uint32_t)scratch;
    node->divided = LI_DIVIDED_BANDS;
    node->loop = (uint8_t)(p.s8 != NULL ? p.s8->loop : p.f32->loop);
}

/* A phase's filter, OHWI: of each output channel every stride-th tap, from the last one on. */
static void li_phase_filter(const li_phases *p, const li_phase_axis *v, const li_phase_axis *h, char *to, const char *filter)
{
    const li_transpose_conv_state *s = p->s;
    const size_t pixel = (size_t)s->in_c * p->element, whole = li_transpose_conv_taps(s) * p->element;
    int32_t c, y, x;
    for (c = 0; c < s->out_c; ++c, filter += whole)
        for (y = v->taps - 1; y >= 0; --y)
            for (x = h->taps - 1; x >= 0; --x, to += pixel) {
                const size_t row = (size_t)(v->first + y * s->rows.stride), column = (size_t)(h->first + x * s->columns.stride);
                li_copy(to, filter + (row * (size_t)s->columns.filter + column) * pixel, pixel);
            }
}

/* `count` elements of four bytes, repeated until there are `channels` of them. */
static void li_phase_repeat(void *to, const void *from, size_t count, size_t channels)
{
    size_t c;
    for (c = 0; c < channels; c += count) li_copy((char *)to + c * 4, from, count * 4);
}

/* Packs one phase, whose filter is put together in scratch; bias and multipliers stand behind it. */
static void li_phase_pack(const li_net *net, const li_node *node, const li_phases *p, int32_t y, int32_t x, void *packed)
{
    const li_transpose_conv_state *s = p->s;
    const li_phase_axis v = li_phase_axis_of(&s->rows, y), h = li_phase_axis_of(&s->columns, x);
    const li_phase_piece piece = li_phase_first(p, &v, &h);
    const size_t out_c = (size_t)s->out_c, channels = (size_t)p->channels, one = (size_t)v.taps * (size_t)h.taps * (size_t)s->in_c * p->element;
    int32_t *const bias = li_scratch(net);
    float *const multipliers = (float *)(void *)(bias + channels);
    char *const filter = (char *)(multipliers + channels), *to = filter;
    const void *given = li_optional_data(net, node, 3);
    int32_t i, j;
    for (i = y; i < (p->down == 1 ? s->rows.stride : y + 1); ++i)
        for (j = x; j < (p->across == 1 ? s->columns.stride : x + 1); ++j, to += one * out_c) {
            const li_phase_axis row = li_phase_axis_of(&s->rows, i), column = li_phase_axis_of(&s->columns, j);
            li_phase_filter(p, &row, &column, to, li_tensor_data(li_node_input(net, node, 1)));
        }
    if (p->s8 == NULL) {
        const li_layer_f32 layer = li_phase_layer(p, &piece.shape);
        p->f32->pack(p->f32->loops, packed, &layer, (const float *)(const void *)filter);
        return;
    }
    if (given != NULL) li_phase_repeat(bias, given, out_c, channels);
    li_phase_repeat(multipliers, s + 1, out_c, channels);
    p->s8->pack(p->s8->loops, packed, &piece.shape, (const int8_t *)filter, given != NULL ? bias : NULL, multipliers, s->end.in_zero);
}

void li_transpose_phases_prepare(const li_net *net, const li_node *node, const li_transpose_conv_state *s)
{
    char *packed = li_node_packed(net, node);
    li_phases p;
    int32_t y, x;
    if (!li_phases_of(net, node, s, &p)) return;
    for (y = 0; y < p.down; ++y)
        for (x = 0; x < p.across; ++x) {
            const li_phase_axis v = li_phase_axis_of(&s->rows, y), h = li_phase_axis_of(&s->columns, x);
            const li_phase_piece piece = li_phase_first(&p, &v, &h);
            li_phase_pack(net, node, &p, y, x, packed);
            packed += li_phase_packed_bytes(&p, &piece.shape);
        }
    if (li_phase_bias_bytes(net, node, &p) == 0) return;
    li_fill(packed, 0, (size_t)li_phase_bias_bytes(net, node, &p));
    li_phase_repeat(packed, li_optional_data(net, node, 3), (size_t)s->out_c, (size_t)p.channels);
}

/* Rows [first, first + rows) of a phase to the image; `y` and `x` are its rests. */
static void li_phase_place(const li_phases *p, char *out, const char *from, int32_t y, int32_t x, int32_t first, int32_t rows, int32_t columns)
{
    const li_transpose_conv_state *s = p->s;
    const int one = p->channels != s->out_c;
    const size_t pixel = (size_t)s->out_c * p->element, step = (size_t)s->columns.stride * pixel;
    const size_t of_phase = (size_t)p->channels * p->element, run = one ? step : pixel, row = (size_t)s->columns.out * pixel;
    const size_t last = one && s->columns.out % s->columns.stride != 0 ? (size_t)(s->columns.out % s->columns.stride) * pixel : run;
    const size_t before = (size_t)columns - (last < run ? 1 : 0);
    int32_t q, i;
    for (q = first; q < first + rows; ++q, from += (size_t)columns * of_phase)
        for (i = y; i < (one ? s->rows.stride : y + 1) && (int64_t)q * s->rows.stride + i < s->rows.out; ++i) {
            char *const to = out + ((size_t)q * (size_t)s->rows.stride + (size_t)i) * row + (size_t)x * pixel;
            const char *const part = from + (one ? (size_t)i * step : 0);
            li_copy_runs(to, step, part, of_phase, run, before);
            if (last < run) li_copy(to + before * step, part + before * of_phase, last);
        }
}

/* One image. */
typedef struct li_phase_job {
    li_bands bands;
    const li_net *net;
    const li_node *node;
    const char *x;
    char *out;
    li_phases phases;
} li_phase_job;

/* Rows [first, first + rows) of a phase into `outputs`. */
static void li_phase_compute(const li_phase_job *job, const li_phase_piece *piece, const char *packed, const void *bias, char *outputs, void *scratch)
{
    const li_phases *p = &job->phases;
    const li_epilogue *end = &p->s->end;
    const void *x = job->x + (size_t)piece->skipped * (size_t)p->s->columns.in * (size_t)p->s->in_c * p->element;
    const li_layer_f32 layer = li_phase_layer(p, &piece->shape);
    const li_rescale_s8 rescale = { end->in_zero, end->out_zero, end->low, end->high };
    if (p->s8 != NULL)
        p->s8->run(p->s8->loops, (int8_t *)outputs, x, NULL, packed, scratch, &piece->shape, &rescale, 0,
                   li_layer_units(p->s8, &piece->shape));
    else
        p->f32->run(p->f32->loops, (float *)(void *)outputs, x, bias, packed, scratch, &layer, 0, piece->shape.out_h);
}

/* Pieces [first, first + count) of every phase. */
static void li_phase_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_phase_job *job = (const li_phase_job *)bands;
    const li_phases *p = &job->phases;
    const int32_t rows = li_phase_rows(p);
    const char *packed = li_node_packed(job->net, job->node);
    char *const outputs = (char *)li_scratch(job->net) + (size_t)job->net->scratch_bytes * (size_t)band;
    const uint64_t repeated = li_phase_bias_bytes(job->net, job->node, p);
    const void *bias = repeated != 0 ? packed + job->node->packed_bytes - repeated : li_optional_data(job->net, job->node, 3);
    int32_t y, x, at;
    for (y = 0; y < p->down; ++y)
        for (x = 0; x < p->across; ++x) {
            const li_phase_axis v = li_phase_axis_of(&p->s->rows, y), h = li_phase_axis_of(&p->s->columns, x);
            li_phase_piece piece = li_phase_first(p, &v, &h);
            const uint64_t bytes = li_phase_packed_bytes(p, &piece.shape);
            for (at = first * rows; at < (first + count) * rows && at < v.out; at += rows) {
                piece = li_phase_piece_of(p, &v, &h, at, v.out - at < rows ? v.out - at : rows);
                li_phase_compute(job, &piece, packed, bias, outputs, outputs + li_phase_outputs(p));
                li_phase_place(p, job->out, outputs, y, x, at, piece.shape.out_h, h.out);
            }
            packed += bytes;
        }
}

void li_transpose_phases_run(const li_net *net, const li_node *node, const li_transpose_conv_state *s)
{
    li_phase_job job = { { .band = li_phase_band }, net, node, li_tensor_data(li_weights_input(net, node)), li_tensor_data(li_node_output(net, node, 0)), { 0 } };
    int32_t b, rows, most;
    if (!li_phases_of(net, node, s, &job.phases)) return;
    rows = li_phase_rows(&job.phases);
    most = li_phase_axis_of(&s->rows, 0).out;
    job.bands.units = (most + rows - 1) / rows;
    for (b = 0; b < s->batches; ++b) {
        li_bands_run(net, node, &job.bands, li_size_mul((uint64_t)s->rows.in * (uint64_t)s->columns.in, li_size_mul(li_transpose_conv_taps(s), (uint64_t)s->out_c)));
        job.x += (size_t)s->rows.in * (size_t)s->columns.in * (size_t)s->in_c * job.phases.element;
        job.out += (size_t)s->rows.out * (size_t)s->columns.out * (size_t)s->out_c * job.phases.element;
    }
}

#else
typedef int li_transpose_phases_are_left_out;      /* an empty translation unit is not C */
#endif

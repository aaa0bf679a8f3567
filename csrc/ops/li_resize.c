/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR on NHWC. Where each row and column of the output comes from is worked out
 * once, when the model is opened. Formulas: docs/NUMERICS.md, "Resizing".
 */
#include "li_bands.h"
#include "li_ops.h"

typedef struct li_resize_state {  /* out_h points and out_w points follow */
    int32_t batches, in_h, in_w, out_h, out_w, channels;
} li_resize_state;

/* How output positions map to input positions along one dimension. */
typedef struct li_resize_map {
    float scale, offset;          /* input = output * scale + offset, in this order of roundings */
    int32_t last;                 /* of the input */
} li_resize_map;

enum { LI_RESIZE_ONE = 2048, LI_RESIZE_ONE_S16 = 1024 };    /* weight of a whole element */

static li_status li_resize_decode(li_net *net, const li_node *node, li_resize_state *s)
{
    const li_tensor *input = li_node_input(net, node, 0), *size = li_node_input(net, node, 1);
    int64_t values[2];
    uint32_t count, i;

    LI_TRY(li_need_rank(net, node, input, 4));
    LI_TRY(li_known_ints(net, node, size, values, 2, &count));
    if (count != 2) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, size, 2, count);
    for (i = 0; i < 2; ++i) {
        if (values[i] < 1 || values[i] > INT32_MAX)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, size, 1, values[i]);
        if (input->dims[1 + i] < 1)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, 1, input->dims[1 + i]);
    }
    s->batches = input->dims[0];
    s->in_h = input->dims[1];
    s->in_w = input->dims[2];
    s->channels = input->dims[3];
    s->out_h = (int32_t)values[0];
    s->out_w = (int32_t)values[1];
    return LI_OK;
}

static li_status li_resize_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    li_resize_state s;
    int64_t dims[4];
    uint64_t bytes;

    LI_TRY(li_resize_decode(net, node, &s));
    dims[0] = s.batches;
    dims[1] = s.out_h;
    dims[2] = s.out_w;
    dims[3] = s.channels;
    LI_TRY(li_set_shape(net, node, output, 4, dims));
    LI_TRY(li_need_same_codes(net, node, input, output));
    bytes = li_size_mul(li_size_add((uint64_t)s.out_h, (uint64_t)s.out_w), sizeof(li_blend_point));
    bytes = li_size_add(li_tensor_elements(output) == 0 ? 0 : bytes, sizeof s);
    if (!li_size_fits(bytes))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_PART_LIMIT, node, output, (int64_t)LI_BYTES_MAX, (int64_t)(bytes & INT64_MAX));
    node->state_bytes = (uint32_t)bytes;
    return LI_OK;
}

static li_resize_map li_resize_map_of(int32_t in, int32_t out, int align_corners)
{
    const int32_t less = align_corners && out != 1 ? 1 : 0;
    li_resize_map map = { 0.0f, 0.0f, 0 };
    map.scale = (float)(in - less) / (float)(out - less);
    map.last = in - 1;
    return map;
}

/* ---- RESIZE_BILINEAR ---- */

li_status li_resize_bilinear_plan(li_net *net, li_node *node)
{
    const int align = li_option_i8(net, node, LI_SLOT_ResizeBilinearOptions_align_corners, 0) != 0;
    const int half = li_option_i8(net, node, LI_SLOT_ResizeBilinearOptions_half_pixel_centers, 0) != 0;
    if (align && half)       /* they contradict each other; no engine defines it */
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPTION_RANGE, node, li_node_input(net, node, 0), 0, 1);
    return li_resize_plan(net, node);
}

static void li_resize_bilinear_points(li_blend_point *points, int32_t count, li_resize_map map)
{
    int32_t i;
    for (i = 0; i < count; ++i) {
        const float scaled = (float)i * map.scale;
        const float at = li_clamp_f32(scaled + map.offset, 0.0f, (float)map.last);
        const int inside = at < (float)map.last;
        points[i].low = inside ? (int32_t)at : map.last;
        points[i].distance = inside ? at - (float)points[i].low : 0.0f;
        points[i].weight = li_round_even(points[i].distance * (float)LI_RESIZE_ONE);
    }
}

/* LiteRT's own code, which int16 has: positions with 10 bits of fraction. */
static void li_resize_bilinear_fixed(li_blend_point *points, int32_t count, int32_t in, int align_corners, int half_pixel)
{
    const int32_t less = align_corners && count > 1 ? 1 : 0;
    const int64_t scale = ((int64_t)LI_RESIZE_ONE_S16 * (in - less) + (count - less) / 2) / (count - less);
    int32_t i;
    for (i = 0; i < count; ++i) {
        const int64_t at = i * scale + (half_pixel ? scale / 2 - LI_RESIZE_ONE_S16 / 2 : 0);
        const int inside = at > 0 && at / LI_RESIZE_ONE_S16 < in - 1;
        points[i].low = inside ? (int32_t)(at / LI_RESIZE_ONE_S16) : at > 0 ? in - 1 : 0;
        points[i].weight = inside ? (int32_t)(at % LI_RESIZE_ONE_S16) : 0;
    }
}

void li_resize_bilinear_prepare(li_net *net, const li_node *node)
{
    const int align = li_option_i8(net, node, LI_SLOT_ResizeBilinearOptions_align_corners, 0) != 0;
    const int half = li_option_i8(net, node, LI_SLOT_ResizeBilinearOptions_half_pixel_centers, 0) != 0;
    li_resize_state *s = li_node_state(net, node);
    li_blend_point *points = (li_blend_point *)(s + 1);
    li_resize_map rows, columns;

    if (li_resize_decode(net, node, s) != LI_OK || li_tensor_elements(li_node_output(net, node, 0)) == 0) return;
    if (li_node_input(net, node, 0)->type == LI_INT16) {
        li_resize_bilinear_fixed(points, s->out_h, s->in_h, align, half);
        li_resize_bilinear_fixed(points + s->out_h, s->out_w, s->in_w, align, half);
        return;
    }
    rows = li_resize_map_of(s->in_h, s->out_h, align);
    columns = li_resize_map_of(s->in_w, s->out_w, align);
    if (half) {
        const float half_row = 0.5f * rows.scale, half_column = 0.5f * columns.scale;
        rows.offset = half_row - 0.5f;
        columns.offset = half_column - 0.5f;
    }
    li_resize_bilinear_points(points, s->out_h, rows);
    li_resize_bilinear_points(points + s->out_h, s->out_w, columns);
}

/* The four neighbours of an output pixel, as offsets of their first channel. */
typedef struct li_resize_corners { size_t top_left, top_right, bottom_left, bottom_right; } li_resize_corners;

static li_resize_corners li_resize_corners_of(const li_resize_state *s, const li_blend_point *row, const li_blend_point *column)
{
    const size_t channels = (size_t)s->channels, line = (size_t)s->in_w * channels;
    const size_t top = (size_t)row->low * line, left = (size_t)column->low * channels;
    const size_t bottom = row->low + 1 < s->in_h ? top + line : top;
    const size_t right = column->low + 1 < s->in_w ? left + channels : left;
    const li_resize_corners corners = { top + left, top + right, bottom + left, bottom + right };
    return corners;
}

/* `flip` is 0x80 for uint8, whose codes are int8's plus 128: the weights add up to 1, so the result is shifted as well. */
static void li_resize_pixel_8(uint8_t *out, const uint8_t *x, li_resize_corners at, int32_t down, int32_t across, int32_t channels,
                              uint8_t flip)
{
    int32_t c;
    for (c = 0; c < channels; ++c) {
        const int32_t top_left = (int8_t)(x[at.top_left + (size_t)c] ^ flip), top_right = (int8_t)(x[at.top_right + (size_t)c] ^ flip);
        const int32_t bottom_left = (int8_t)(x[at.bottom_left + (size_t)c] ^ flip);
        const int32_t bottom_right = (int8_t)(x[at.bottom_right + (size_t)c] ^ flip);
        const int32_t top = top_left * LI_RESIZE_ONE + (top_right - top_left) * across;
        const int32_t bottom = bottom_left * LI_RESIZE_ONE + (bottom_right - bottom_left) * across;
        const int32_t sum = top * LI_RESIZE_ONE + (bottom - top) * down;
        out[c] = (uint8_t)((uint8_t)li_shift_right(sum + (1 << 21), 22) ^ flip);
    }
}

/* To nearest, ties away from zero. */
static void li_resize_pixel_s16(int16_t *out, const int16_t *x, li_resize_corners at, int32_t down, int32_t across, int32_t channels)
{
    const int64_t up = LI_RESIZE_ONE_S16 - down, back = LI_RESIZE_ONE_S16 - across;
    int32_t c;
    for (c = 0; c < channels; ++c) {
        const int64_t top = up * (x[at.top_left + (size_t)c] * back + (int64_t)x[at.top_right + (size_t)c] * across);
        const int64_t bottom = down * (x[at.bottom_left + (size_t)c] * back + (int64_t)x[at.bottom_right + (size_t)c] * across);
        const int64_t sum = top + bottom;
        out[c] = (int16_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
}

static void li_resize_pixel_f32(float *out, const float *x, li_resize_corners at, float down, float across, int32_t channels)
{
    int32_t c;
    for (c = 0; c < channels; ++c) {
        const float *p = x + c;
        const float top_step = (p[at.top_right] - p[at.top_left]) * across;
        const float bottom_step = (p[at.bottom_right] - p[at.bottom_left]) * across;
        const float top = p[at.top_left] + top_step, bottom = p[at.bottom_left] + bottom_step;
        const float step = (bottom - top) * down;
        out[c] = top + step;
    }
}

/* All images: rows of the output are divided. */
typedef struct li_resize_job {
    li_bands bands;
    const li_kernels *kernels;
    const char *x;
    char *out;
    const li_resize_state *s;
    int32_t type;
    size_t element;              /* bytes */
} li_resize_job;

static li_resize_job li_resize_job_of(const li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_resize_state *s = li_node_state_const(net, node);
    const li_resize_job job = {
        { .units = s->batches * s->out_h }, li_kernels_of(net), li_tensor_data(input),
        li_tensor_data(li_node_output(net, node, 0)), s, input->type, li_type_bytes(input->type),
    };
    return job;
}

/* The image of an output row, counted over all images, and where the row is written. */
static const char *li_resize_image(const li_resize_job *job, int32_t row)
{
    const li_resize_state *s = job->s;
    return job->x + (size_t)(row / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->channels * job->element;
}

static char *li_resize_out(const li_resize_job *job, int32_t row)
{
    return job->out + (size_t)row * (size_t)job->s->out_w * (size_t)job->s->channels * job->element;
}

/* A row through the kernels: pixels that have a neighbour behind them, then those that have not. */
static void li_resize_row_s8(const li_kernels *kernels, const li_resize_state *s, int8_t *out, const int8_t *x, const li_blend_point *row,
                             const li_blend_point *columns)
{
    const size_t channels = (size_t)s->channels, line = (size_t)s->in_w * channels;
    const int8_t *top = x + (size_t)row->low * line, *bottom = row->low + 1 < s->in_h ? top + line : top;
    size_t inside = (size_t)s->out_w;
    while (inside > 0 && columns[inside - 1].low + 1 >= s->in_w) --inside;
    kernels->blend_s8(out, top, bottom, row->weight, columns, inside, channels, channels);
    kernels->blend_s8(out + inside * channels, top, bottom, row->weight, columns + inside, (size_t)s->out_w - inside, channels, 0);
}

static void li_resize_pixel(const li_resize_job *job, char *out, const char *x, const li_blend_point *row, const li_blend_point *column)
{
    const li_resize_corners at = li_resize_corners_of(job->s, row, column);
    const int32_t channels = job->s->channels;
    if (job->type == LI_FLOAT32 && channels >= 4 && job->kernels->blend_f32 != NULL) {
        const float *image = (const float *)(const void *)x;
        const float *const corners[4] = { image + at.top_left, image + at.top_right, image + at.bottom_left, image + at.bottom_right };
        job->kernels->blend_f32((float *)(void *)out, corners, column->distance, row->distance, (size_t)channels);
    } else if (job->type == LI_FLOAT32)
        li_resize_pixel_f32((float *)(void *)out, (const float *)(const void *)x, at, row->distance, column->distance, channels);
    else if (job->type == LI_INT16)
        li_resize_pixel_s16((int16_t *)(void *)out, (const int16_t *)(const void *)x, at, row->weight, column->weight, channels);
    else
        li_resize_pixel_8((uint8_t *)out, (const uint8_t *)x, at, row->weight, column->weight, channels, job->type == LI_UINT8 ? 0x80 : 0);
}

static void li_resize_bilinear_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_resize_job *job = (const li_resize_job *)bands;
    const li_resize_state *s = job->s;
    const li_blend_point *rows = (const li_blend_point *)(s + 1), *columns = rows + s->out_h;
    const size_t pixel = (size_t)s->channels * job->element;
    int32_t i, ox;

    (void)band;
    for (i = first; i < first + count; ++i) {
        const li_blend_point *row = &rows[i % s->out_h];
        const char *x = li_resize_image(job, i);
        char *out = li_resize_out(job, i);
        if (job->type == LI_INT8 && job->kernels->blend_s8 != NULL)
            li_resize_row_s8(job->kernels, s, (int8_t *)out, (const int8_t *)x, row, columns);
        else
            for (ox = 0; ox < s->out_w; ++ox, out += pixel) li_resize_pixel(job, out, x, row, &columns[ox]);
    }
}

li_status li_resize_bilinear_run(li_net *net, const li_node *node)
{
    const uint64_t elements = li_tensor_elements(li_node_output(net, node, 0));
    li_resize_job job;
    if (elements == 0) return LI_OK;     /* the other dimensions may be huge */
    job = li_resize_job_of(net, node);
    job.bands.band = li_resize_bilinear_band;
    li_bands_run(net, node, &job.bands, li_size_mul(elements, LI_BAND_LOOK_UP));
    return LI_OK;
}

/* ---- RESIZE_NEAREST_NEIGHBOR ---- */

li_status li_resize_nearest_neighbor_plan(li_net *net, li_node *node)
{
    return li_resize_plan(net, node);
}

static void li_resize_nearest_points(li_blend_point *points, int32_t count, li_resize_map map, int round_away)
{
    int32_t i;
    for (i = 0; i < count; ++i) {
        const float at = ((float)i + map.offset) * map.scale;
        int32_t low = map.last;
        if (at < (float)map.last) {
            low = (int32_t)at;
            if (round_away && at - (float)low >= 0.5f) ++low;
        }
        points[i].low = low > map.last ? map.last : low;
    }
}

/* LiteRT's own code for uint8 without options: positions with 16 bits of fraction. */
static void li_resize_nearest_fixed(li_blend_point *points, int32_t count, int32_t in)
{
    const int64_t scale = ((int64_t)in << 16) / count + 1;
    int32_t i;
    for (i = 0; i < count; ++i) {
        const int64_t at = i * scale >> 16;
        points[i].low = at < in ? (int32_t)at : in - 1;
    }
}

void li_resize_nearest_neighbor_prepare(li_net *net, const li_node *node)
{
    const int align = li_option_i8(net, node, LI_SLOT_ResizeNearestNeighborOptions_align_corners, 0) != 0;
    const int half = li_option_i8(net, node, LI_SLOT_ResizeNearestNeighborOptions_half_pixel_centers, 0) != 0;
    li_resize_state *s = li_node_state(net, node);
    li_blend_point *points = (li_blend_point *)(s + 1);
    li_resize_map rows, columns;

    if (li_resize_decode(net, node, s) != LI_OK || li_tensor_elements(li_node_output(net, node, 0)) == 0) return;
    if (li_node_input(net, node, 0)->type == LI_UINT8 && !align && !half) {
        li_resize_nearest_fixed(points, s->out_h, s->in_h);
        li_resize_nearest_fixed(points + s->out_h, s->out_w, s->in_w);
        return;
    }
    rows = li_resize_map_of(s->in_h, s->out_h, align);
    columns = li_resize_map_of(s->in_w, s->out_w, align);
    rows.offset = columns.offset = half ? 0.5f : 0.0f;
    li_resize_nearest_points(points, s->out_h, rows, align);
    li_resize_nearest_points(points + s->out_h, s->out_w, columns, align);
}

static void li_resize_nearest_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_resize_job *job = (const li_resize_job *)bands;
    const li_resize_state *s = job->s;
    const li_blend_point *rows = (const li_blend_point *)(s + 1), *columns = rows + s->out_h;
    const size_t pixel = (size_t)s->channels * job->element, line = pixel * (size_t)s->in_w;
    int32_t i, ox;

    (void)band;
    for (i = first; i < first + count; ++i) {
        const char *row = li_resize_image(job, i) + (size_t)rows[i % s->out_h].low * line;
        char *out = li_resize_out(job, i);
        for (ox = 0; ox < s->out_w; ++ox, out += pixel) li_copy(out, row + (size_t)columns[ox].low * pixel, pixel);
    }
}

li_status li_resize_nearest_neighbor_run(li_net *net, const li_node *node)
{
    const uint64_t elements = li_tensor_elements(li_node_output(net, node, 0));
    li_resize_job job;
    if (elements == 0) return LI_OK;     /* the other dimensions may be huge */
    job = li_resize_job_of(net, node);
    job.bands.band = li_resize_nearest_band;
    li_bands_run(net, node, &job.bands, li_size_mul(elements, LI_BAND_COPY * job.element));
    return LI_OK;
}

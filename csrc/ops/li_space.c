/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEPTH_TO_SPACE, SPACE_TO_DEPTH, SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: the same elements elsewhere, and padding.
 * Elements are bytes of a size, whatever their type. Definitions: docs/NUMERICS.md, "Data movement".
 */
#include "li_ops.h"

/* The image whose rows and columns are spread or gathered; [batches, rows, columns, channels]. */
typedef struct li_space_state {
    int32_t batches, rows, columns;      /* of the side with the larger image */
    int32_t block_h, block_w;
    int32_t before_h, before_w;          /* padding or cropping at the start */
    int32_t blocks_h, blocks_w;          /* rows and columns of the side with the smaller image */
    uint32_t pixel;                      /* bytes of one pixel of the larger image */
    int32_t fill;                        /* the byte to pad with */
} li_space_state;

/* ---- DEPTH_TO_SPACE and SPACE_TO_DEPTH ---- */

static li_status li_depth_block(li_net *net, const li_node *node, int32_t block)
{
    const li_tensor *input = li_node_input(net, node, 0);

    LI_TRY(li_need_rank(net, node, input, 4));
    if (block < 1) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_STRIDE, node, input, 1, block);
    if (block > INT16_MAX) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, input, INT16_MAX, block);
    return LI_OK;
}

static li_status li_depth_finish(li_net *net, li_node *node, const int64_t *dims)
{
    LI_TRY(li_set_shape(net, node, li_node_output(net, node, 0), 4, dims));
    node->state_bytes = sizeof(li_space_state);
    return li_need_same_codes(net, node, li_node_input(net, node, 0), li_node_output(net, node, 0));
}

/* `image`: the tensor with more rows and columns; `deep`: the other one. */
static void li_depth_prepare(li_net *net, const li_node *node, const li_tensor *image, const li_tensor *deep, int32_t block)
{
    li_space_state *s = li_node_state(net, node);

    li_fill(s, 0, sizeof *s);
    s->batches = image->dims[0];
    s->rows = image->dims[1];
    s->columns = image->dims[2];
    s->block_h = s->block_w = block;
    s->blocks_h = deep->dims[1];
    s->blocks_w = deep->dims[2];
    s->pixel = (uint32_t)((size_t)image->dims[3] * li_type_bytes(image->type));
}

li_status li_depth_to_space_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const int32_t block = li_option_i32(net, node, LI_SLOT_DepthToSpaceOptions_block_size, 0);
    int64_t dims[4];

    LI_TRY(li_depth_block(net, node, block));
    if (input->dims[3] % (block * block) != 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, block * block, input->dims[3]);
    dims[0] = input->dims[0];
    dims[1] = (int64_t)input->dims[1] * block;
    dims[2] = (int64_t)input->dims[2] * block;
    dims[3] = input->dims[3] / (block * block);
    return li_depth_finish(net, node, dims);
}

void li_depth_to_space_prepare(li_net *net, const li_node *node)
{
    li_depth_prepare(net, node, li_node_output(net, node, 0), li_node_input(net, node, 0),
                     li_option_i32(net, node, LI_SLOT_DepthToSpaceOptions_block_size, 0));
}

li_status li_space_to_depth_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const int32_t block = li_option_i32(net, node, LI_SLOT_SpaceToDepthOptions_block_size, 0);
    int64_t dims[4];
    uint32_t i;

    LI_TRY(li_depth_block(net, node, block));
    for (i = 1; i < 3; ++i)
        if (input->dims[i] % block != 0)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, block, input->dims[i]);
    dims[0] = input->dims[0];
    dims[1] = input->dims[1] / block;
    dims[2] = input->dims[2] / block;
    dims[3] = (int64_t)input->dims[3] * block * block;
    return li_depth_finish(net, node, dims);
}

void li_space_to_depth_prepare(li_net *net, const li_node *node)
{
    li_depth_prepare(net, node, li_node_input(net, node, 0), li_node_output(net, node, 0),
                     li_option_i32(net, node, LI_SLOT_SpaceToDepthOptions_block_size, 0));
}

/* A row of a block lies together on both sides: in the image side by side, in the depth one after the other. */
static void li_depth_run(const li_space_state *s, char *image, char *deep, int to_image)
{
    const size_t run = (size_t)s->block_w * s->pixel, block = run * (size_t)s->block_h, line = block * (size_t)s->blocks_w;
    const int32_t rows = s->batches * s->rows;
    int32_t row, x;

    for (row = 0; row < rows; ++row)
        for (x = 0; x < s->blocks_w; ++x, image += run) {
            char *part = deep + (size_t)(row / s->block_h) * line + (size_t)x * block + (size_t)(row % s->block_h) * run;
            if (to_image) li_copy(image, part, run);
            else li_copy(part, image, run);
        }
}

li_status li_depth_to_space_run(li_net *net, const li_node *node)
{
    const li_tensor *output = li_node_output(net, node, 0);
    if (li_tensor_elements(output) != 0)
        li_depth_run(li_node_state_const(net, node), li_tensor_data(output), li_tensor_data(li_node_input(net, node, 0)), 1);
    return LI_OK;
}

li_status li_space_to_depth_run(li_net *net, const li_node *node)
{
    const li_tensor *output = li_node_output(net, node, 0);
    if (li_tensor_elements(output) != 0)
        li_depth_run(li_node_state_const(net, node), li_tensor_data(li_node_input(net, node, 0)), li_tensor_data(output), 0);
    return LI_OK;
}

/* ---- SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND ---- */

/* What the operands say, with a width of 1 where the input has three dimensions. */
typedef struct li_batch_blocks { int64_t block[2], before[2], after[2]; } li_batch_blocks;

static li_status li_batch_decode(li_net *net, const li_node *node, li_batch_blocks *b)
{
    const li_tensor *input = li_node_input(net, node, 0), *block = li_node_input(net, node, 1), *ends = li_node_input(net, node, 2);
    int64_t values[4];
    uint32_t spatial, count, i;

    if (input->rank != 3 && input->rank != 4)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_RANK, node, input, 4, input->rank);
    spatial = input->rank - 2u;
    b->block[1] = 1;
    b->before[1] = b->after[1] = 0;
    LI_TRY(li_known_ints(net, node, block, values, 2, &count));
    if (count != spatial) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, block, spatial, count);
    for (i = 0; i < spatial; ++i) {
        b->block[i] = values[i];
        if (values[i] < 1 || values[i] > INT32_MAX)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, block, 1, values[i]);
    }
    LI_TRY(li_known_ints(net, node, ends, values, 4, &count));
    if (count != spatial * 2 || ends->rank != 2 || ends->dims[1] != 2)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, ends, spatial * 2, count);
    for (i = 0; i < spatial; ++i) {
        b->before[i] = values[2 * i];
        b->after[i] = values[2 * i + 1];
        if (b->before[i] < 0 || b->before[i] > INT32_MAX || b->after[i] < 0 || b->after[i] > INT32_MAX)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, ends, 0, b->before[i] < 0 ? b->before[i] : b->after[i]);
    }
    return LI_OK;
}

/* A spatial dimension of a tensor of three or four. */
static int32_t li_batch_dim(const li_tensor *t, uint32_t i)
{
    return i + 2u < t->rank ? t->dims[1 + i] : 1;
}

static li_status li_batch_finish(li_net *net, li_node *node, int64_t *dims)
{
    const li_tensor *input = li_node_input(net, node, 0);
    dims[input->rank - 1] = input->dims[input->rank - 1];
    LI_TRY(li_set_shape(net, node, li_node_output(net, node, 0), input->rank, dims));
    node->state_bytes = sizeof(li_space_state);
    return li_need_same_codes(net, node, input, li_node_output(net, node, 0));
}

/* `image`: the tensor with more rows and columns; `batched`: the one with more images. */
static void li_batch_prepare(li_net *net, const li_node *node, const li_tensor *image, const li_tensor *batched)
{
    li_space_state *s = li_node_state(net, node);
    li_batch_blocks b;

    if (li_batch_decode(net, node, &b) != LI_OK) return;
    s->batches = image->dims[0];
    s->rows = li_batch_dim(image, 0);
    s->columns = li_batch_dim(image, 1);
    s->block_h = (int32_t)b.block[0];
    s->block_w = (int32_t)b.block[1];
    s->before_h = (int32_t)b.before[0];
    s->before_w = (int32_t)b.before[1];
    s->blocks_h = li_batch_dim(batched, 0);
    s->blocks_w = li_batch_dim(batched, 1);
    s->pixel = (uint32_t)((size_t)image->dims[image->rank - 1] * li_type_bytes(image->type));
    s->fill = image->type == LI_INT8 || image->type == LI_UINT8 ? li_tensor_zero_point(net, image, 0) : 0;
}

li_status li_space_to_batch_nd_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    int64_t dims[4];
    li_batch_blocks b;
    uint32_t i;

    LI_TRY(li_batch_decode(net, node, &b));
    dims[0] = (int64_t)(li_size_mul(li_size_mul((uint64_t)input->dims[0], (uint64_t)b.block[0]), (uint64_t)b.block[1]) & INT64_MAX);
    for (i = 0; i + 2u < input->rank; ++i) {
        const int64_t padded = input->dims[1 + i] + b.before[i] + b.after[i];
        if (padded % b.block[i] != 0)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, li_node_input(net, node, 2), b.block[i], padded);
        dims[1 + i] = padded / b.block[i];
    }
    return li_batch_finish(net, node, dims);
}

void li_space_to_batch_nd_prepare(li_net *net, const li_node *node)
{
    li_batch_prepare(net, node, li_node_input(net, node, 0), li_node_output(net, node, 0));
}

li_status li_batch_to_space_nd_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    int64_t dims[4], images;
    li_batch_blocks b;
    uint32_t i;

    LI_TRY(li_batch_decode(net, node, &b));
    images = b.block[0] * b.block[1];
    if (input->dims[0] % images != 0)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, images, input->dims[0]);
    dims[0] = input->dims[0] / images;
    for (i = 0; i + 2u < input->rank; ++i) {
        const int64_t whole = input->dims[1 + i] * b.block[i], left = whole - b.before[i] - b.after[i];
        if (left < 0)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, li_node_input(net, node, 2), whole, b.before[i] + b.after[i]);
        dims[1 + i] = left;
    }
    return li_batch_finish(net, node, dims);
}

void li_batch_to_space_nd_prepare(li_net *net, const li_node *node)
{
    li_batch_prepare(net, node, li_node_output(net, node, 0), li_node_input(net, node, 0));
}

/* Image (i * block_w + j) * batches + b of the batched side holds the pixels (y * block_h + i, x * block_w + j) of image b. */
li_status li_space_to_batch_nd_run(li_net *net, const li_node *node)
{
    const li_space_state *s = li_node_state_const(net, node);
    const li_tensor *output = li_node_output(net, node, 0);
    const char *image = li_tensor_data(li_node_input(net, node, 0));
    char *out = li_tensor_data(output);
    int32_t i, j, b, y, x;

    if (li_tensor_elements(output) == 0) return LI_OK;
    for (i = 0; i < s->block_h; ++i)
        for (j = 0; j < s->block_w; ++j)
            for (b = 0; b < s->batches; ++b)
                for (y = 0; y < s->blocks_h; ++y)
                    for (x = 0; x < s->blocks_w; ++x, out += s->pixel) {
                        const int32_t row = y * s->block_h + i - s->before_h, column = x * s->block_w + j - s->before_w;
                        if (row >= 0 && row < s->rows && column >= 0 && column < s->columns) {
                            const size_t at = ((size_t)b * (size_t)s->rows + (size_t)row) * (size_t)s->columns + (size_t)column;
                            li_copy(out, image + at * s->pixel, s->pixel);
                        } else {
                            li_fill(out, s->fill, s->pixel);
                        }
                    }
    return LI_OK;
}

li_status li_batch_to_space_nd_run(li_net *net, const li_node *node)
{
    const li_space_state *s = li_node_state_const(net, node);
    const li_tensor *output = li_node_output(net, node, 0);
    const char *batched = li_tensor_data(li_node_input(net, node, 0));
    char *out = li_tensor_data(output);
    int32_t b, y, x;

    if (li_tensor_elements(output) == 0) return LI_OK;
    for (b = 0; b < s->batches; ++b)
        for (y = s->before_h; y < s->before_h + s->rows; ++y)
            for (x = s->before_w; x < s->before_w + s->columns; ++x, out += s->pixel) {
                const size_t part = (size_t)(y % s->block_h) * (size_t)s->block_w + (size_t)(x % s->block_w);
                const size_t from = part * (size_t)s->batches + (size_t)b;
                const size_t at = (from * (size_t)s->blocks_h + (size_t)(y / s->block_h)) * (size_t)s->blocks_w + (size_t)(x / s->block_w);
                li_copy(out, batched + at * s->pixel, s->pixel);
            }
    return LI_OK;
}

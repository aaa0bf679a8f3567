/* SPDX-License-Identifier: Apache-2.0 */
/* BATCH_MATMUL: matrices [rows, depth] times [depth, columns], either stored with its dimensions exchanged (adj_x, adj_y); the
   leading dimensions broadcast. Formula: docs/NUMERICS.md, "BATCH_MATMUL". */
#include "li_ops.h"

typedef struct li_matmul_state {
    uint32_t batch_rank;
    int32_t batch_dims[LI_MAX_RANK];                          /* of the output, outermost first */
    int32_t steps_x[LI_MAX_RANK], steps_y[LI_MAX_RANK];       /* elements; 0 where the operand is broadcast */
    int32_t rows, depth, columns;
    int32_t row_x, deep_x;                                    /* steps in x to the next row, along the depth */
    int32_t deep_y, column_y;                                 /* steps in y along the depth, to the next column */
    int32_t zero_x, zero_y, zero_out;                         /* int8 from here on */
    int32_t direct;                                           /* zero_y is 0: one rounding, by `multiplier` */
    float multiplier;
    li_fixed factor;
} li_matmul_state;

/* Columns of one output row that are summed together, and terms of a float sum that are added among themselves first. */
enum { LI_MATMUL_COLUMNS = LI_CHANNEL_BLOCK / 2, LI_MATMUL_DEPTH = 64 };

/* The scale of sums. */
static float li_matmul_scale(const li_net *net, const li_node *node)
{
    return li_tensor_scale(net, li_node_input(net, node, 0), 0) * li_tensor_scale(net, li_node_input(net, node, 1), 0);
}

/* Matrix sizes and steps, from the last two dimensions of the operands and the options. */
static li_status li_matmul_decode(li_net *net, const li_node *node, li_matmul_state *s)
{
    const li_tensor *x = li_node_input(net, node, 0), *y = li_node_input(net, node, 1);
    const int adj_x = li_option_i8(net, node, LI_SLOT_BatchMatMulOptions_adj_x, 0) != 0;
    const int adj_y = li_option_i8(net, node, LI_SLOT_BatchMatMulOptions_adj_y, 0) != 0;
    const int32_t *matrix_x, *matrix_y;

    if (x->rank < 2) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_RANK, node, x, 2, x->rank);
    if (y->rank < 2) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_RANK, node, y, 2, y->rank);
    matrix_x = x->dims + x->rank - 2;
    matrix_y = y->dims + y->rank - 2;
    s->rows = matrix_x[adj_x];
    s->depth = matrix_x[!adj_x];
    s->columns = matrix_y[!adj_y];
    s->row_x = adj_x ? 1 : matrix_x[1];
    s->deep_x = adj_x ? matrix_x[1] : 1;
    s->deep_y = adj_y ? 1 : matrix_y[1];
    s->column_y = adj_y ? matrix_y[1] : 1;
    if (s->depth < 1) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, x, 1, s->depth);
    if (matrix_y[adj_y] != s->depth)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, y, s->depth, matrix_y[adj_y]);
    return LI_OK;
}

li_status li_batch_matmul_plan(li_net *net, li_node *node)
{
    const li_tensor *x = li_node_input(net, node, 0), *y = li_node_input(net, node, 1);
    li_tensor *output = li_node_output(net, node, 0);
    const uint32_t rank = x->rank > y->rank ? x->rank : y->rank;
    li_matmul_state s;
    int64_t dims[LI_MAX_RANK];
    uint32_t i;

    LI_TRY(li_matmul_decode(net, node, &s));
    for (i = 2; i < rank; ++i) {                     /* counted from the last dimension */
        const int32_t size_x = i < x->rank ? x->dims[x->rank - 1u - i] : 1, size_y = i < y->rank ? y->dims[y->rank - 1u - i] : 1;
        if (size_x != size_y && size_x != 1 && size_y != 1)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, y, size_x, size_y);
        dims[rank - 1 - i] = size_x == 1 ? size_y : size_x;
    }
    dims[rank - 2] = s.rows;
    dims[rank - 1] = s.columns;
    LI_TRY(li_set_shape(net, node, output, rank, dims));
    node->state_bytes = sizeof(li_matmul_state);
    if (x->type != LI_INT8) return LI_OK;
    for (i = 0; i < 2; ++i) LI_TRY(li_need_quantized(net, node, li_node_input(net, node, i)));
    LI_TRY(li_need_quantized(net, node, output));
    if (s.depth > INT32_MAX / (255 * 255))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_ACCUMULATOR_RANGE, node, y, INT32_MAX / (255 * 255), s.depth);
    if (!(li_matmul_scale(net, node) / li_tensor_scale(net, output, 0) < 256.0f))
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, output, 256, -1);
    return LI_OK;
}

void li_batch_matmul_prepare(li_net *net, const li_node *node)
{
    const li_tensor *x = li_node_input(net, node, 0), *y = li_node_input(net, node, 1), *output = li_node_output(net, node, 0);
    li_matmul_state *s = li_node_state(net, node);
    int32_t along_x, along_y;
    uint32_t i;

    if (li_matmul_decode(net, node, s) != LI_OK) return;
    s->batch_rank = output->rank - 2u;
    along_x = s->rows * s->depth;
    along_y = s->depth * s->columns;
    for (i = 2; i < output->rank; ++i) {             /* counted from the last dimension */
        const uint32_t d = output->rank - 1u - i;
        const int32_t size_x = i < x->rank ? x->dims[x->rank - 1u - i] : 1, size_y = i < y->rank ? y->dims[y->rank - 1u - i] : 1;
        s->batch_dims[d] = output->dims[d];
        s->steps_x[d] = size_x == 1 ? 0 : along_x;
        s->steps_y[d] = size_y == 1 ? 0 : along_y;
        along_x *= size_x;
        along_y *= size_y;
    }
    if (x->type == LI_INT8) {
        s->zero_x = li_tensor_zero_point(net, x, 0);
        s->zero_y = li_tensor_zero_point(net, y, 0);
        s->zero_out = li_tensor_zero_point(net, output, 0);
        s->direct = s->zero_y == 0;
        s->multiplier = li_matmul_scale(net, node) / li_tensor_scale(net, output, 0);
        s->factor = li_fixed_from((double)li_matmul_scale(net, node) / (double)li_tensor_scale(net, output, 0));
    }
}

/* Clamped before the zero point comes on top: a sum scaled up may fill 32 bits. */
static int32_t li_matmul_output(const li_matmul_state *s, int32_t sum)
{
    if (s->direct) return li_requantize(sum, s->multiplier, s->zero_out, -128, 127);
    return li_clamp(li_clamp(li_fixed_multiply(sum, s->factor), -1024, 1024) + s->zero_out, -128, 127);
}

/* One row of x times `n` columns of y, from the first of which y starts. */
static void li_matmul_row_s8(const li_matmul_state *s, int8_t *out, const int8_t *x, const int8_t *y, int32_t n)
{
    int32_t sums[LI_MATMUL_COLUMNS] = { 0 }, k, c;
    for (k = 0; k < s->depth; ++k) {
        const int32_t value = x[(size_t)k * (size_t)s->deep_x] - s->zero_x;
        const int8_t *row = y + (size_t)k * (size_t)s->deep_y;
        if (s->column_y == 1)
            for (c = 0; c < n; ++c) sums[c] += value * (row[c] - s->zero_y);
        else
            for (c = 0; c < n; ++c) sums[c] += value * (row[(size_t)c * (size_t)s->column_y] - s->zero_y);
    }
    for (c = 0; c < n; ++c) out[c] = (int8_t)li_matmul_output(s, sums[c]);
}

/* The same where both operands lie along the depth: sum of (x - zero_x) * y by the kernel, less zero_y times the sum of x. */
static void li_matmul_dots_s8(const li_kernels *kernels, const li_matmul_state *s, int8_t *out, const int8_t *x, const int8_t *y,
                              int32_t n)
{
    int32_t sums[LI_MATMUL_COLUMNS] = { 0 }, total = 0, k, c;
    kernels->dots_s8(sums, x, s->zero_x, y, (size_t)s->depth, (size_t)s->depth, (size_t)n);
    for (k = 0; s->zero_y != 0 && k < s->depth; ++k) total += x[k] - s->zero_x;
    for (c = 0; c < n; ++c) out[c] = (int8_t)li_matmul_output(s, sums[c] - s->zero_y * total);
}

static void li_matmul_row_f32(const li_matmul_state *s, float *out, const float *x, const float *y, int32_t n)
{
    float sums[LI_MATMUL_COLUMNS] = { 0 };
    int32_t first, k, c;
    for (first = 0; first < s->depth; first += LI_MATMUL_DEPTH) {
        const int32_t end = s->depth - first < LI_MATMUL_DEPTH ? s->depth : first + LI_MATMUL_DEPTH;
        float part[LI_MATMUL_COLUMNS] = { 0 };
        for (k = first; k < end; ++k) {
            const float value = x[(size_t)k * (size_t)s->deep_x];
            const float *row = y + (size_t)k * (size_t)s->deep_y;
            if (s->column_y == 1)
                for (c = 0; c < n; ++c) part[c] += value * row[c];
            else
                for (c = 0; c < n; ++c) part[c] += value * row[(size_t)c * (size_t)s->column_y];
        }
        for (c = 0; c < n; ++c) sums[c] = first == 0 ? part[c] : sums[c] + part[c];
    }
    li_copy(out, sums, (size_t)n * sizeof *sums);
}

/* One product of two matrices; offsets in elements. */
static void li_matmul_matrix(const li_kernels *kernels, const li_matmul_state *s, int is_int8, void *out, const void *x, const void *y,
                             size_t at_out, size_t at_x, size_t at_y)
{
    int32_t row, c, n;
    for (row = 0; row < s->rows; ++row, at_out += (size_t)s->columns, at_x += (size_t)s->row_x)
        for (c = 0; c < s->columns; c += n) {
            const size_t to = at_out + (size_t)c, from = at_y + (size_t)c * (size_t)s->column_y;
            n = s->columns - c < LI_MATMUL_COLUMNS ? s->columns - c : LI_MATMUL_COLUMNS;
            if (!is_int8) li_matmul_row_f32(s, (float *)out + to, (const float *)x + at_x, (const float *)y + from, n);
            else if (s->deep_x == 1 && s->deep_y == 1)
                li_matmul_dots_s8(kernels, s, (int8_t *)out + to, (const int8_t *)x + at_x, (const int8_t *)y + from, n);
            else li_matmul_row_s8(s, (int8_t *)out + to, (const int8_t *)x + at_x, (const int8_t *)y + from, n);
        }
}

li_status li_batch_matmul_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    const li_matmul_state *s = li_node_state_const(net, node);
    const void *x = li_tensor_data(input), *y = li_tensor_data(li_node_input(net, node, 1));
    void *out = li_tensor_data(output);
    int32_t index[LI_MAX_RANK] = { 0 };
    size_t at_x = 0, at_y = 0, at_out = 0;
    uint32_t d;

    if (li_tensor_elements(output) == 0) return LI_OK;
    for (;;) {
        li_matmul_matrix(li_kernels_of(net), s, input->type == LI_INT8, out, x, y, at_out, at_x, at_y);
        at_out += (size_t)s->rows * (size_t)s->columns;
        for (d = s->batch_rank; d-- > 0;) {
            at_x += (size_t)s->steps_x[d];
            at_y += (size_t)s->steps_y[d];
            if (++index[d] < s->batch_dims[d]) break;
            at_x -= (size_t)s->steps_x[d] * (size_t)s->batch_dims[d];
            at_y -= (size_t)s->steps_y[d] * (size_t)s->batch_dims[d];
            index[d] = 0;
        }
        if (d == UINT32_MAX) return LI_OK;
    }
}

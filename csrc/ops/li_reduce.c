/* SPDX-License-Identifier: Apache-2.0 */
/* MEAN, SUM, REDUCE_MAX and REDUCE_MIN over constant axes. Formulas: docs/NUMERICS.md, "MEAN, SUM". */
#include "li_range.h"

/*
 * The input's dimensions, neighbours of the same kind joined, as two loops: over what is kept (the outputs, in order)
 * and over what is reduced (in the input's order, which is the order of a float sum). When the last dimension is kept it
 * is the `run`: that many neighbouring outputs are summed together. Otherwise the run is the innermost loop over what is kept,
 * whose elements lie `run_step` apart.
 */
typedef struct li_reduce_state {
    uint32_t kept, reduced;              /* loops of each kind */
    int32_t kept_dims[LI_MAX_RANK], kept_steps[LI_MAX_RANK];          /* steps in elements of the input */
    int32_t reduced_dims[LI_MAX_RANK], reduced_steps[LI_MAX_RANK];
    int32_t run, run_step, count;        /* count: elements of one output */
    int32_t shift;                       /* li_tensor_shift: sums and results are rounded as codes of the file */
    float scale, offset;                 /* int8: out = round_even(fl32(sum * scale) + offset) */
    li_fixed factor;                     /* int16: out = clamp(sum * factor) */
} li_reduce_state;

/* Bit i: dimension i is reduced. No axes reduce nothing. */
static li_status li_reduce_axes(li_net *net, const li_node *node, uint32_t *mask)
{
    const li_tensor *input = li_node_input(net, node, 0);
    int64_t axes[LI_MAX_RANK * 2];
    uint32_t count, i, axis;

    *mask = 0;
    LI_TRY(li_known_ints(net, node, li_node_input(net, node, 1), axes, LI_MAX_RANK * 2, &count));
    for (i = 0; i < count; ++i) {
        LI_TRY(li_need_axis(net, node, input, axes[i], &axis));
        *mask |= 1u << axis;
    }
    return LI_OK;
}

static void li_reduce_loops(const li_tensor *input, uint32_t mask, li_reduce_state *s)
{
    int32_t step = 1;
    uint32_t i, d;
    int previous = -1;

    s->kept = s->reduced = 0;
    s->run = s->run_step = s->count = 1;
    for (i = 0; i < input->rank; ++i) {              /* from the last dimension to the first */
        const uint32_t axis = input->rank - 1u - i;
        const int32_t size = input->dims[axis];
        const int is_reduced = (mask >> axis & 1u) != 0;
        if (size == 1) continue;
        if (is_reduced) {
            s->count *= size;
            if (previous == 1) s->reduced_dims[s->reduced - 1] *= size;
            else {
                s->reduced_dims[s->reduced] = size;
                s->reduced_steps[s->reduced++] = step;
            }
        } else if (s->reduced == 0) {
            s->run *= size;                          /* nothing reduced behind it */
        } else if (previous == 0) {
            s->kept_dims[s->kept - 1] *= size;
        } else {
            s->kept_dims[s->kept] = size;
            s->kept_steps[s->kept++] = step;
        }
        previous = is_reduced;
        step *= size;
    }
    for (d = 0; d < s->reduced / 2; ++d) {           /* now outermost first, as the loops are written */
        const int32_t size = s->reduced_dims[d], along = s->reduced_steps[d];
        s->reduced_dims[d] = s->reduced_dims[s->reduced - 1 - d];
        s->reduced_steps[d] = s->reduced_steps[s->reduced - 1 - d];
        s->reduced_dims[s->reduced - 1 - d] = size;
        s->reduced_steps[s->reduced - 1 - d] = along;
    }
    for (d = 0; d < s->kept / 2; ++d) {
        const int32_t size = s->kept_dims[d], along = s->kept_steps[d];
        s->kept_dims[d] = s->kept_dims[s->kept - 1 - d];
        s->kept_steps[d] = s->kept_steps[s->kept - 1 - d];
        s->kept_dims[s->kept - 1 - d] = size;
        s->kept_steps[s->kept - 1 - d] = along;
    }
    if (s->run == 1 && s->kept != 0) {
        s->run = s->kept_dims[--s->kept];
        s->run_step = s->kept_steps[s->kept];
    }
}

static li_status li_reduce_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    const int keep = li_option_i8(net, node, LI_SLOT_ReducerOptions_keep_dims, 0) != 0;
    int64_t dims[LI_MAX_RANK], count = 1, most;
    uint32_t mask, rank = 0, i;

    LI_TRY(li_reduce_axes(net, node, &mask));
    for (i = 0; i < input->rank; ++i) {
        if ((mask >> i & 1u) != 0) {
            count *= input->dims[i];
            if (keep) dims[rank++] = 1;
        } else {
            dims[rank++] = input->dims[i];
        }
    }
    if (count == 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, 1, 0);
    LI_TRY(li_set_shape(net, node, output, rank, dims));
    node->state_bytes = sizeof(li_reduce_state);
    if (input->type == LI_FLOAT32) return LI_OK;
    LI_TRY(li_need_centred(net, node, input));
    LI_TRY(li_need_centred(net, node, output));
    most = INT32_MAX / (input->type == LI_INT16 ? 32768 : 128 + li_tensor_shift(input));
    if (count > most) return li_fail(net, LI_UNSUPPORTED, LI_RULE_ACCUMULATOR_RANGE, node, input, most, count);
    return LI_OK;
}

static void li_reduce_prepare(li_net *net, const li_node *node)
{
    uint32_t mask;
    if (li_reduce_axes(net, node, &mask) == LI_OK) li_reduce_loops(li_node_input(net, node, 0), mask, li_node_state(net, node));
}

/* What makes an int8 sum an output: its scale times 1 (SUM) or 1 / count (MEAN). */
static void li_reduced_sum_prepare(li_net *net, const li_node *node, int is_mean)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_reduce_state *s = li_node_state(net, node);

    li_reduce_prepare(net, node);
    if (input->type == LI_INT8) {
        const float ratio = li_tensor_scale(net, input, 0) / li_tensor_scale(net, output, 0);
        s->shift = li_tensor_shift(input);
        s->scale = is_mean ? ratio * (1.0f / (float)s->count) : ratio;
        s->offset = (float)(li_tensor_zero_point(net, output, 0) + s->shift)
                  - (float)(s->count * (li_tensor_zero_point(net, input, 0) + s->shift)) * s->scale;
    }
}

/* The scales' quotient over the count, as LiteRT divides it: in integers, keeping the highest bits that it can. */
static void li_wide_mean_prepare(li_net *net, const li_node *node)
{
    const double in_scale = (double)li_tensor_scale(net, li_node_input(net, node, 0), 0);
    li_reduce_state *s = li_node_state(net, node);
    li_fixed factor = li_fixed_from(in_scale / (double)li_tensor_scale(net, li_node_output(net, node, 0), 0));
    int32_t shift = 31 - li_leading_zeros((uint32_t)s->count);

    if (shift > 31 + factor.shift) shift = 31 + factor.shift;
    factor.multiplier = (int32_t)(((int64_t)factor.multiplier << shift) / s->count);
    factor.shift -= shift;
    s->factor = factor;
}

/* Moves to the next combination of indices; false after the last. `at` follows the element's position. */
static int li_reduce_next(uint32_t loops, const int32_t *dims, const int32_t *steps, int32_t *index, size_t *at)
{
    uint32_t d;
    for (d = loops; d-- > 0;) {
        *at += (size_t)steps[d];
        if (++index[d] < dims[d]) return 1;
        *at -= (size_t)steps[d] * (size_t)dims[d];
        index[d] = 0;
    }
    return 0;
}

/* The function of one kind of output: n neighbouring ones from the elements that start at x. */
typedef void (*li_reduce_block)(const li_reduce_state *s, void *out, const void *x, int32_t n);

static void li_reduced_sums_s8(const li_reduce_state *s, int8_t *out, const int32_t *sums, int32_t n)
{
    int32_t i;
    for (i = 0; i < n; ++i) {
        const float scaled = (float)(sums[i] + s->count * s->shift) * s->scale;
        out[i] = (int8_t)(li_quantize(scaled + s->offset, 0, s->shift - 128, s->shift + 127) - s->shift);
    }
}

static void li_reduce_block_s8(const li_reduce_state *s, void *out, const void *x, int32_t n)
{
    const int8_t *from = x;
    int32_t sums[LI_CHANNEL_BLOCK] = { 0 }, index[LI_MAX_RANK] = { 0 }, i;
    const size_t step = (size_t)s->run_step;
    size_t at = 0;
    do {
        for (i = 0; i < n; ++i) sums[i] += from[at + (size_t)i * step];
    } while (li_reduce_next(s->reduced, s->reduced_dims, s->reduced_steps, index, &at));
    li_reduced_sums_s8(s, out, sums, n);
}

static void li_mean_block_s16(const li_reduce_state *s, void *out, const void *x, int32_t n)
{
    const int16_t *from = x;
    int16_t *to = out;
    int32_t sums[LI_CHANNEL_BLOCK] = { 0 }, index[LI_MAX_RANK] = { 0 }, i;
    const size_t step = (size_t)s->run_step;
    size_t at = 0;
    do {
        for (i = 0; i < n; ++i) sums[i] += from[at + (size_t)i * step];
    } while (li_reduce_next(s->reduced, s->reduced_dims, s->reduced_steps, index, &at));
    for (i = 0; i < n; ++i) to[i] = (int16_t)li_clamp(li_fixed_multiply(sums[i], s->factor), -32768, 32767);
}

static void li_sum_block_f32(const li_reduce_state *s, void *out, const void *x, int32_t n)
{
    const float *from = x;
    float sums[LI_CHANNEL_BLOCK] = { 0 };
    int32_t index[LI_MAX_RANK] = { 0 }, i;
    const size_t step = (size_t)s->run_step;
    size_t at = 0;
    do {
        for (i = 0; i < n; ++i) sums[i] += from[at + (size_t)i * step];
    } while (li_reduce_next(s->reduced, s->reduced_dims, s->reduced_steps, index, &at));
    li_copy(out, sums, (size_t)n * sizeof *sums);
}

static void li_mean_block_f32(const li_reduce_state *s, void *out, const void *x, int32_t n)
{
    float *to = out;
    int32_t i;
    li_sum_block_f32(s, out, x, n);
    for (i = 0; i < n; ++i) to[i] /= (float)s->count;
}

/* The first element, replaced by each later one that compares `operator` it. */
#define LI_REDUCE_CHOICE(name, type, operator)                                                                         \
    static void name(const li_reduce_state *s, void *out, const void *x, int32_t n)                                    \
    {                                                                                                                  \
        const type *from = x;                                                                                          \
        type best[LI_CHANNEL_BLOCK];                                                                                   \
        int32_t index[LI_MAX_RANK] = { 0 }, i;                                                                         \
        const size_t step = (size_t)s->run_step;                                                                       \
        size_t at = 0;                                                                                                 \
        for (i = 0; i < n; ++i) best[i] = from[(size_t)i * step];                                                      \
        do {                                                                                                           \
            for (i = 0; i < n; ++i) best[i] = from[at + (size_t)i * step] operator best[i] ? from[at + (size_t)i * step] : best[i]; \
        } while (li_reduce_next(s->reduced, s->reduced_dims, s->reduced_steps, index, &at));                           \
        li_copy(out, best, (size_t)n * sizeof *best);                                                                  \
    }

LI_REDUCE_CHOICE(li_largest_block_s8, int8_t, >)
LI_REDUCE_CHOICE(li_largest_block_s16, int16_t, >)
LI_REDUCE_CHOICE(li_largest_block_f32, float, >)
LI_REDUCE_CHOICE(li_smallest_block_s8, int8_t, <)
LI_REDUCE_CHOICE(li_smallest_block_s16, int16_t, <)
LI_REDUCE_CHOICE(li_smallest_block_f32, float, <)

static void li_reduce_run(li_net *net, const li_node *node, li_reduce_block block_s8, li_reduce_block block_s16,
                          li_reduce_block block_f32)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    const li_reduce_state *s = li_node_state_const(net, node);
    const li_reduce_block block = input->type == LI_INT8 ? block_s8 : input->type == LI_INT16 ? block_s16 : block_f32;
    const size_t element = li_type_bytes(input->type);
    const uint8_t *x = li_tensor_data(input);
    uint8_t *out = li_tensor_data(output);
    int32_t index[LI_MAX_RANK] = { 0 }, c, n;
    size_t at = 0;

    if (li_tensor_elements(output) == 0) return;
    do {
        for (c = 0; c < s->run; c += n, out += (size_t)n * element) {
            n = s->run - c < LI_CHANNEL_BLOCK ? s->run - c : LI_CHANNEL_BLOCK;
            block(s, out, x + (at + (size_t)c * (size_t)s->run_step) * element, n);
        }
    } while (li_reduce_next(s->kept, s->kept_dims, s->kept_steps, index, &at));
}

/* What is reduced over one or two dimensions are windows of the kernels, one for each run of neighbouring outputs. */
static int li_reduce_has_windows(const li_net *net, const li_node *node, const li_reduce_state *s, int32_t least_run)
{
    return (s->reduced == 1 || s->reduced == 2) && s->run >= least_run && s->run_step == 1 && li_tensor_elements(li_node_output(net, node, 0)) != 0;
}

static li_tap_grid li_reduce_window(const li_reduce_state *s)
{
    const uint32_t inner = s->reduced - 1, outer = s->reduced - 2;
    const li_tap_grid grid = {
        s->reduced == 2 ? (size_t)s->reduced_dims[outer] : 1, (size_t)s->reduced_dims[inner],
        s->reduced == 2 ? (size_t)s->reduced_steps[outer] : 0, (size_t)s->reduced_steps[inner], 0, 0,
    };
    return grid;
}

static void li_mean_run_windows(const li_net *net, const li_node *node, const li_reduce_state *s)
{
    const li_range_f32 any = li_range_of_f32(LI_ACTIVATION_NONE);
    const li_tap_grid grid = li_reduce_window(s);
    const float *x = li_tensor_data(li_node_input(net, node, 0));
    float *out = li_tensor_data(li_node_output(net, node, 0));
    int32_t index[LI_MAX_RANK] = { 0 };
    size_t at = 0;
    do {
        li_kernels_of(net)->average_f32(out, x + at, &grid, any.low, any.high, (size_t)s->run);
        out += s->run;
    } while (li_reduce_next(s->kept, s->kept_dims, s->kept_steps, index, &at));
}

/* MEAN and SUM of int8. */
static void li_reduce_run_windows_s8(const li_net *net, const li_node *node, const li_reduce_state *s)
{
    const li_tap_grid grid = li_reduce_window(s);
    const int8_t *x = li_tensor_data(li_node_input(net, node, 0));
    int8_t *out = li_tensor_data(li_node_output(net, node, 0));
    int32_t index[LI_MAX_RANK] = { 0 }, sums[LI_CHANNEL_BLOCK], c, n;
    size_t at = 0;
    do {
        for (c = 0; c < s->run; c += n, out += n) {
            n = s->run - c < LI_CHANNEL_BLOCK ? s->run - c : LI_CHANNEL_BLOCK;
            li_kernels_of(net)->sums_s8(sums, x + at + (size_t)c, &grid, (size_t)n);
            li_reduced_sums_s8(s, out, sums, n);
        }
    } while (li_reduce_next(s->kept, s->kept_dims, s->kept_steps, index, &at));
}

static void li_reduce_run_sum(li_net *net, const li_node *node, li_reduce_block block_s16, li_reduce_block block_f32)
{
    const li_reduce_state *s = li_node_state_const(net, node);
    if (li_node_input(net, node, 0)->type == LI_INT8 && li_kernels_of(net)->sums_s8 != NULL && li_reduce_has_windows(net, node, s, 16))
        li_reduce_run_windows_s8(net, node, s);
    else
        li_reduce_run(net, node, li_reduce_block_s8, block_s16, block_f32);
}

li_status li_mean_plan(li_net *net, li_node *node)
{
    return li_reduce_plan(net, node);
}

void li_mean_prepare(li_net *net, const li_node *node)
{
    li_reduced_sum_prepare(net, node, 1);
    if (li_node_input(net, node, 0)->type == LI_INT16) li_wide_mean_prepare(net, node);
}

li_status li_mean_run(li_net *net, const li_node *node)
{
    const li_reduce_state *s = li_node_state_const(net, node);
    if (li_node_input(net, node, 0)->type == LI_FLOAT32 && li_kernels_of(net)->average_f32 != NULL && li_reduce_has_windows(net, node, s, 4))
        li_mean_run_windows(net, node, s);
    else
        li_reduce_run_sum(net, node, li_mean_block_s16, li_mean_block_f32);
    return LI_OK;
}

li_status li_sum_plan(li_net *net, li_node *node)
{
    return li_reduce_plan(net, node);
}

void li_sum_prepare(li_net *net, const li_node *node)
{
    li_reduced_sum_prepare(net, node, 0);
}

li_status li_sum_run(li_net *net, const li_node *node)
{
    li_reduce_run_sum(net, node, NULL, li_sum_block_f32);
    return LI_OK;
}

/* Codes are compared, so input and output share scale and zero point. */
static li_status li_reduce_choice_plan(li_net *net, li_node *node)
{
    LI_TRY(li_reduce_plan(net, node));
    if (li_node_input(net, node, 0)->type == LI_FLOAT32) return LI_OK;
    return li_need_same_quantization(net, node, li_node_input(net, node, 0), li_node_output(net, node, 0));
}

li_status li_reduce_max_plan(li_net *net, li_node *node)
{
    return li_reduce_choice_plan(net, node);
}

void li_reduce_max_prepare(li_net *net, const li_node *node)
{
    li_reduce_prepare(net, node);
}

li_status li_reduce_max_run(li_net *net, const li_node *node)
{
    li_reduce_run(net, node, li_largest_block_s8, li_largest_block_s16, li_largest_block_f32);
    return LI_OK;
}

li_status li_reduce_min_plan(li_net *net, li_node *node)
{
    return li_reduce_choice_plan(net, node);
}

void li_reduce_min_prepare(li_net *net, const li_node *node)
{
    li_reduce_prepare(net, node);
}

li_status li_reduce_min_run(li_net *net, const li_node *node)
{
    li_reduce_run(net, node, li_smallest_block_s8, li_smallest_block_s16, li_smallest_block_f32);
    return LI_OK;
}

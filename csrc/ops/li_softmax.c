/* SPDX-License-Identifier: Apache-2.0 */
/* SOFTMAX over the last dimension. Formula: docs/NUMERICS.md, "SOFTMAX". */
#include "li_wide_activation.h"

/* int16: functions in [-1, 1) at 513 places, linear in between, in units of 2^-15. */
enum { LI_CURVE_STEPS = 512 };

typedef struct li_softmax_state_s16 {
    uint32_t rows, row;
    li_fixed factor;                           /* brings differences to units of 10 / 65535 */
    int16_t powers[LI_CURVE_STEPS + 1];        /* e^x from -10 to 0 */
    int16_t reciprocals[LI_CURVE_STEPS + 1];   /* 1 / (1 + x) from 0 to 1 */
} li_softmax_state_s16;

typedef struct li_softmax_state {
    uint32_t rows, row;
    float beta;
    float out_scale;             /* int8 from here on */
    int32_t out_zero;
    float powers[256];           /* powers[d] = fl32(e^(fl32(fl32(-S * beta) * d))), d = max - x */
} li_softmax_state;

static float li_softmax_beta(const li_net *net, const li_node *node)
{
    return node->options != 0 ? li_table_f32(li_file(net), node->options, LI_SLOT_SoftmaxOptions_beta, 0.0f) : 0.0f;
}

li_status li_softmax_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    const float beta = li_softmax_beta(net, node);

    if (input->rank == 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_RANK, node, input, 1, 0);
    /* The format's default is 0, which would make every output equal: a writer that forgot beta, not a model. */
    if (!(beta > 0.0f && beta <= FLT_MAX)) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, NULL, 1, 0);
    LI_TRY(li_set_shape_like(net, node, output, input));
    if (input->type == LI_INT16) {
        LI_TRY(li_need_centred(net, node, input));
        LI_TRY(li_need_centred(net, node, output));
        LI_TRY(li_wide_unit_check(net, node, output));
        if (input->dims[input->rank - 1u] > 65536)      /* sums of 2^15 each */
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_ACCUMULATOR_RANGE, node, input, 65536, input->dims[input->rank - 1u]);
        node->state_bytes = sizeof(li_softmax_state_s16);
    } else if (input->type == LI_INT8) {
        LI_TRY(li_need_quantized(net, node, input));
        LI_TRY(li_need_quantized(net, node, output));
        node->state_bytes = sizeof(li_softmax_state);
    } else {
        node->state_bytes = offsetof(li_softmax_state, out_scale);
    }
    return LI_OK;
}

static float li_reciprocal_of_next(float x)
{
    return 1.0f / (1.0f + x);
}

static float li_power(float x)
{
    return (float)li_exp((double)x);
}

/* Entries are moved by half of what a line between two of them misses in its middle. `step` is 1/512 of the range. */
static void li_curve_fill(int16_t *entries, float (*function)(float), float first, float last)
{
    const float step = (last - first) / (float)LI_CURVE_STEPS, half = step / 2.0f;
    int32_t i;
    for (i = 0; i < LI_CURVE_STEPS; ++i) {
        const float along = (float)i * step, along_next = (float)(i + 1) * step, x = first + along;
        const int32_t here = li_round_away(function(x) * 32768.0f);
        const float next = function(first + along_next) * 32768.0f;
        const int32_t line = li_round_away((next + (float)here) / 2.0f);
        const int32_t miss = line - li_round_away(function(x + half) * 32768.0f);
        entries[i] = (int16_t)li_clamp(here - li_round_away((float)miss / 2.0f), -32768, 32767);
    }
    entries[LI_CURVE_STEPS] = (int16_t)li_clamp(li_round_away(function(last) * 32768.0f), -32768, 32767);
}

static void li_softmax_prepare_s16(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const double scale = (double)li_tensor_scale(net, input, 0) * (double)li_softmax_beta(net, node);
    li_softmax_state_s16 *s = li_node_state(net, node);

    s->rows = li_dims_product(input, 0, input->rank - 1u);
    s->row = (uint32_t)input->dims[input->rank - 1u];
    s->factor = li_fixed_from(scale / (10.0 / 65535.0));
    li_curve_fill(s->powers, li_power, -10.0f, 0.0f);
    li_curve_fill(s->reciprocals, li_reciprocal_of_next, 0.0f, 1.0f);
}

void li_softmax_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_softmax_state *s = li_node_state(net, node);
    const uint32_t last = input->rank - 1u;

    if (input->type == LI_INT16) {
        li_softmax_prepare_s16(net, node);
        return;
    }
    s->rows = li_dims_product(input, 0, last);
    s->row = (uint32_t)input->dims[last];
    s->beta = li_softmax_beta(net, node);
    if (input->type == LI_INT8) {
        const float scale = -li_tensor_scale(net, input, 0) * s->beta;
        uint32_t d;
        s->out_scale = li_tensor_scale(net, output, 0);
        s->out_zero = li_tensor_zero_point(net, output, 0);
        for (d = 0; d < 256; ++d) s->powers[d] = (float)li_exp((double)(scale * (float)d));
    }
}

static void li_softmax_row_s8(const li_softmax_state *s, int8_t *out, const int8_t *x)
{
    int32_t largest = -128;
    float sum = 0.0f, factor;
    uint32_t i;
    for (i = 0; i < s->row; ++i) largest = x[i] > largest ? x[i] : largest;
    for (i = 0; i < s->row; ++i) sum += s->powers[largest - x[i]];
    factor = 1.0f / (sum * s->out_scale);
    for (i = 0; i < s->row; ++i) {
        const float scaled = s->powers[largest - x[i]] * factor;
        /* 0 times infinity, from an absurd scale, is NaN and fails both comparisons: it becomes the lower limit. */
        const int32_t q = scaled < 256.0f ? li_round_away(scaled) : scaled >= 256.0f ? 256 : -256;
        out[i] = (int8_t)li_clamp(q + s->out_zero, -128, 127);
    }
}

/* x from -32768, the first entry, to 32767. */
static int32_t li_curve_at(const int16_t *entries, int32_t x)
{
    const int32_t from = x + 32768, i = from >> 7, rest = from & 127;
    return entries[i] + li_shift_right((entries[i + 1] - entries[i]) * rest + 64, 7);
}

/* The powers wait in the output for their sum. */
static void li_softmax_row_s16(const li_softmax_state_s16 *s, int16_t *out, const int16_t *x)
{
    int32_t largest = -32768, sum = 0, zeros, shift;
    int64_t reciprocal;
    uint32_t i;
    for (i = 0; i < s->row; ++i) largest = x[i] > largest ? x[i] : largest;
    for (i = 0; i < s->row; ++i) {
        const int32_t apart = li_fixed_multiply(x[i] - largest, s->factor);
        out[i] = (int16_t)li_curve_at(s->powers, apart < -65535 ? -32768 : apart + 32767);
        sum += out[i];
    }
    zeros = li_leading_zeros((uint32_t)sum);
    shift = 31 - zeros;
    /* sum * 2^(zeros - 31) is in [1, 2); its part behind the point, in units of 2^-16, is where 1 / (1 + x) is read. */
    reciprocal = ((((int64_t)sum << (zeros - 1)) + (1 << 13)) >> 14) - (1 << 16);
    reciprocal = li_curve_at(s->reciprocals, (int32_t)(reciprocal > 65535 ? 65535 : reciprocal) - 32768);
    for (i = 0; i < s->row; ++i) {
        const int64_t product = out[i] * reciprocal + ((int64_t)1 << (shift - 1));
        out[i] = (int16_t)li_clamp((int32_t)(product >> shift), 0, 32767);
    }
}

/* In double, rounded once; the powers are computed twice rather than kept, so no working memory is needed. */
static void li_softmax_row_f32(const li_softmax_state *s, float *out, const float *x)
{
    const double beta = (double)s->beta;
    float largest = x[0];
    double sum = 0.0;
    uint32_t i;
    for (i = 1; i < s->row; ++i) largest = x[i] > largest ? x[i] : largest;
    for (i = 0; i < s->row; ++i) sum += li_exp(((double)x[i] - (double)largest) * beta);
    for (i = 0; i < s->row; ++i) out[i] = (float)(li_exp(((double)x[i] - (double)largest) * beta) / sum);
}

li_status li_softmax_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_softmax_state *s = li_node_state_const(net, node);
    const void *x = li_tensor_data(input);
    void *out = li_tensor_data(li_node_output(net, node, 0));
    size_t row, at = 0;

    if (input->type == LI_INT16) {
        const li_softmax_state_s16 *wide = li_node_state_const(net, node);
        for (row = 0; wide->row != 0 && row < wide->rows; ++row, at += wide->row)
            li_softmax_row_s16(wide, (int16_t *)out + at, (const int16_t *)x + at);
        return LI_OK;
    }
    if (s->row == 0) return LI_OK;
    for (row = 0; row < s->rows; ++row, at += s->row) {
        if (input->type == LI_INT8 && s->row >= 8 && li_kernels_of(net)->softmax_s8 != NULL)
            li_kernels_of(net)->softmax_s8((int8_t *)out + at, (const int8_t *)x + at, s->powers, s->out_scale, s->out_zero, s->row);
        else if (input->type == LI_INT8) li_softmax_row_s8(s, (int8_t *)out + at, (const int8_t *)x + at);
        else li_softmax_row_f32(s, (float *)out + at, (const float *)x + at);
    }
    return LI_OK;
}

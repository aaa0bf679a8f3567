/* SPDX-License-Identifier: Apache-2.0 */
/* SOFTMAX over the last dimension. Formula: docs/NUMERICS.md, "SOFTMAX". */
#include "li_ops.h"

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
    if (input->type == LI_INT8) {
        LI_TRY(li_need_quantized(net, node, input));
        LI_TRY(li_need_quantized(net, node, output));
        node->state_bytes = sizeof(li_softmax_state);
    } else {
        node->state_bytes = offsetof(li_softmax_state, out_scale);
    }
    return LI_OK;
}

void li_softmax_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_softmax_state *s = li_node_state(net, node);
    const uint32_t last = input->rank - 1u;

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

    if (s->row == 0) return LI_OK;
    for (row = 0; row < s->rows; ++row, at += s->row) {
        if (input->type == LI_INT8) li_softmax_row_s8(s, (int8_t *)out + at, (const int8_t *)x + at);
        else li_softmax_row_f32(s, (float *)out + at, (const float *)x + at);
    }
    return LI_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* CONCATENATION. An int8 or uint8 input whose scale or zero point differs from the output's is requantized on the way. */
#include "li_view.h"

typedef struct li_concat_part {
    uint32_t bytes;              /* of one run: the dimensions from the axis on */
    int32_t requantized;
    float multiplier;            /* input scale / output scale */
    float bias;                  /* uint8: -input zero point * multiplier */
    int32_t in_zero, out_zero;
} li_concat_part;

typedef struct li_concat_state {     /* one li_concat_part per input follows */
    uint32_t runs;                   /* the dimensions before the axis */
} li_concat_state;

static bool li_concat_is_quantized(const li_tensor *output)
{
    return output->type == LI_INT8 || (output->type == LI_UINT8 && output->scale_count != 0);
}

static float li_concat_multiplier(const li_net *net, const li_tensor *t, const li_tensor *output)
{
    const float scale = li_tensor_scale(net, t, 0), out_scale = li_tensor_scale(net, output, 0);
    return output->type == LI_INT8 ? scale / out_scale : scale * (1.0f / out_scale);
}

static uint8_t li_concat_requantize(const li_concat_part *part, int32_t type, uint8_t code)
{
    if (type == LI_INT8) return (uint8_t)li_requantize((int8_t)code - part->in_zero, part->multiplier, part->out_zero, -128, 127);
    const float scaled = (float)code * part->multiplier;
    return (uint8_t)li_clamp(li_round_away(li_clamp_f32(scaled + part->bias, -1024.0f, 1024.0f)) + part->out_zero, 0, 255);
}

li_status li_concatenation_plan(li_net *net, li_node *node)
{
    const li_tensor *first = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    const int32_t activation = li_option_i8(net, node, LI_SLOT_ConcatenationOptions_fused_activation_function, LI_ACTIVATION_NONE);
    int64_t dims[LI_MAX_RANK];
    uint32_t axis, i, d;

    if (activation != LI_ACTIVATION_NONE)    /* no other runtime takes one here either */
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPTION_ACTIVATION, node, NULL, LI_ACTIVATION_NONE, activation);
    LI_TRY(li_need_axis(net, node, first, li_option_i32(net, node, LI_SLOT_ConcatenationOptions_axis, 0), &axis));
    for (d = 0; d < first->rank; ++d) dims[d] = first->dims[d];
    for (i = 1; i < node->input_count; ++i) {
        const li_tensor *t = li_node_input(net, node, i);
        LI_TRY(li_need_rank(net, node, t, first->rank));
        for (d = 0; d < first->rank; ++d)
            if (d != axis && t->dims[d] != first->dims[d])
                return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, t, first->dims[d], t->dims[d]);
        dims[axis] += t->dims[axis];
    }
    LI_TRY(li_set_shape(net, node, output, first->rank, dims));
    if (li_concat_is_quantized(output)) {
        LI_TRY(li_need_quantized(net, node, output));
        for (i = 0; i < node->input_count; ++i) {
            const li_tensor *t = li_node_input(net, node, i);
            LI_TRY(li_need_quantized(net, node, t));
            if (!(li_concat_multiplier(net, t, output) < 65536.0f))
                return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, t, 65536, -1);
        }
    }
    node->state_bytes = (uint32_t)(sizeof(li_concat_state) + node->input_count * sizeof(li_concat_part));
    return LI_OK;
}

void li_concatenation_prepare(li_net *net, const li_node *node)
{
    const li_tensor *output = li_node_output(net, node, 0);
    const int32_t axis = li_option_i32(net, node, LI_SLOT_ConcatenationOptions_axis, 0);
    const uint32_t from = (uint32_t)(axis < 0 ? axis + output->rank : axis);
    li_concat_state *s = li_node_state(net, node);
    li_concat_part *parts = (li_concat_part *)(s + 1);
    uint32_t i;

    s->runs = li_dims_product(output, 0, from);
    for (i = 0; i < node->input_count; ++i) {
        const li_tensor *t = li_node_input(net, node, i);
        parts[i].bytes = li_dims_product(t, from, t->rank) * (uint32_t)li_type_bytes(t->type);
        parts[i].requantized = 0;
        if (li_concat_is_quantized(output)) {
            parts[i].multiplier = li_concat_multiplier(net, t, output);
            parts[i].in_zero = li_tensor_zero_point(net, t, 0);
            parts[i].bias = (float)-parts[i].in_zero * parts[i].multiplier;
            parts[i].out_zero = li_tensor_zero_point(net, output, 0);
            parts[i].requantized = li_tensor_scale(net, t, 0) != li_tensor_scale(net, output, 0)
                                || parts[i].in_zero != parts[i].out_zero;
        }
    }
}

#if LI_PACKS
enum { LI_CONCAT_TABLE = 1024, LI_CONCAT_LONG = 128 };   /* bytes of a part from which a table is sooner; of a run, for the kernel */

/* A table of all codes first, where there are more of them to turn. */
LI_NOT_INLINE static void li_concat_look_up(const li_kernels *kernels, const li_concat_part *part, int32_t type, uint8_t *out, size_t step,
                                            const uint8_t *x, uint32_t runs)
{
    int8_t table[256];                   /* by codes as int8, from -128 on */
    uint32_t run, k;
    for (k = 0; k < 256; ++k) table[k ^ 128] = (int8_t)li_concat_requantize(part, type, (uint8_t)k);
    for (run = 0; run < runs; ++run, out += step, x += part->bytes) {
        if (kernels->look_up_s8 != NULL && part->bytes >= LI_CONCAT_LONG) kernels->look_up_s8((int8_t *)out, (const int8_t *)x, table, part->bytes);
        else
            for (k = 0; k < part->bytes; ++k) out[k] = (uint8_t)table[x[k] ^ 128];
    }
}
#endif

/* All runs of a part whose codes mean something else in the output; `step` is from one to the next there. */
static void li_concat_part_run(const li_kernels *kernels, const li_concat_part *part, int32_t type, uint8_t *out, size_t step,
                               const uint8_t *x, uint32_t runs)
{
    uint32_t run, k;
#if LI_PACKS
    if ((uint64_t)runs * part->bytes >= LI_CONCAT_TABLE) {
        li_concat_look_up(kernels, part, type, out, step, x, runs);
        return;
    }
#else
    (void)kernels;
#endif
    for (run = 0; run < runs; ++run, out += step, x += part->bytes)
        for (k = 0; k < part->bytes; ++k) out[k] = li_concat_requantize(part, type, x[k]);
}

li_status li_concatenation_run(li_net *net, const li_node *node)
{
    const li_concat_state *s = li_node_state_const(net, node);
    const li_concat_part *parts = (const li_concat_part *)(s + 1);
    const int32_t type = li_node_output(net, node, 0)->type;
    uint8_t *out = li_tensor_data(li_node_output(net, node, 0));
    uint32_t i, total = 0, before = 0;

    for (i = 0; i < node->input_count; ++i) total += parts[i].bytes;
    for (i = 0; i < node->input_count; before += parts[i].bytes, ++i) {
        const uint8_t *x = li_tensor_data(li_node_input(net, node, i));
        const uint32_t bytes = parts[i].bytes;
        if (bytes == 0 || s->runs == 0) continue;      /* tensors of nothing have no address */
        if (!parts[i].requantized) li_copy_runs(out + before, total, x, bytes, bytes, s->runs);
        else li_concat_part_run(li_kernels_of(net), &parts[i], type, out + before, total, x, s->runs);
    }
    return LI_OK;
}

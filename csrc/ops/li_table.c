/* SPDX-License-Identifier: Apache-2.0 */
#include "li_table.h"

#include "li_bands.h"

li_status li_table_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);

    LI_TRY(li_set_shape_like(net, node, output, input));
    node->state_bytes = 0;
    if (input->type == LI_FLOAT32) return LI_OK;
    LI_TRY(li_need_centred(net, node, input));
    LI_TRY(li_need_centred(net, node, output));
    if (input->type == LI_INT8) node->state_bytes = sizeof(li_table_state);
    return LI_OK;
}

li_status li_table_plan_rescaled(li_net *net, li_node *node)
{
    LI_TRY(li_table_plan(net, node));
    if (li_node_input(net, node, 0)->type != LI_FLOAT32) {
        const float ratio = li_tensor_scale(net, li_node_input(net, node, 0), 0) / li_tensor_scale(net, li_node_output(net, node, 0), 0);
        if (!(ratio < 65536.0f))
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_MULTIPLIER_RANGE, node, li_node_output(net, node, 0), 65536, -1);
    }
    return LI_OK;
}

void li_table_fill(li_net *net, const li_node *node, li_function function, enum li_table_rule rule)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_table_state *s = li_node_state(net, node);
    const int32_t shift = li_tensor_shift(output);     /* a float32 sum with another zero point may round another way */
    float scale, inverse;
    int32_t q, zero, out_zero;

    if (input->type != LI_INT8) return;
    scale = li_tensor_scale(net, input, 0);
    inverse = 1.0f / li_tensor_scale(net, output, 0);
    zero = li_tensor_zero_point(net, input, 0);
    out_zero = li_tensor_zero_point(net, output, 0);
    for (q = -128; q < 128; ++q) {
        const float x = (float)(q - zero) * scale;
        const float y = (float)function((double)x);
        const float scaled = y * inverse;
        if (rule == LI_TABLE_EVEN || scaled != scaled)
            s->entries[q + 128] = (int8_t)(li_quantize(scaled + (float)(out_zero + shift), 0, shift - 128, shift + 127) - shift);
        else
            s->entries[q + 128] = (int8_t)li_clamp(li_round_away(li_clamp_f32(scaled, -1024.0f, 1024.0f)) + out_zero, -128, 127);
    }
}

/* All elements, by a table or a function. */
typedef struct li_table_job {
    li_bands bands;
    const void *x;
    void *out;
    size_t n;
    const int8_t *entries;
    li_function function;
    const li_kernels *kernels;
} li_table_job;

static void li_table_band_s8(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_table_job *job = (const li_table_job *)bands;
    const int8_t *entries = job->entries, *x = job->x;
    int8_t *out = job->out;
    const size_t end = li_bands_elements(first + count, job->n);
    size_t i = li_bands_elements(first, job->n);
    (void)band;
    if (LI_PACKS && job->kernels->look_up_s8 != NULL) job->kernels->look_up_s8(out + i, x + i, entries, end - i);
    else
        for (; i < end; ++i) out[i] = entries[x[i] + 128];
}

static void li_table_band_f32(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_table_job *job = (const li_table_job *)bands;
    const float *x = job->x;
    float *out = job->out;
    const size_t end = li_bands_elements(first + count, job->n);
    size_t i;
    (void)band;
    for (i = li_bands_elements(first, job->n); i < end; ++i) out[i] = (float)job->function((double)x[i]);
}

void li_table_look_up(li_net *net, const li_node *node)
{
    (void)li_table_run(net, node, NULL);
}

li_status li_table_run(li_net *net, const li_node *node, li_function function)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const size_t n = li_tensor_elements(input);
    const int is_int8 = input->type == LI_INT8;
    li_table_job job = {
        { .band = li_table_band_f32, .units = li_bands_of_elements(n) }, li_tensor_data(input), li_tensor_data(li_node_output(net, node, 0)),
        n, NULL, function, li_kernels_of(net),
    };
    if (is_int8) {
        job.bands.band = li_table_band_s8;
        job.entries = ((const li_table_state *)li_node_state_const(net, node))->entries;
    }
    if (n != 0) li_bands_run(net, node, &job.bands, li_size_mul(n, is_int8 ? LI_BAND_LOOK_UP : LI_BAND_FUNCTION));
    return LI_OK;
}

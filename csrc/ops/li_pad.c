/* SPDX-License-Identifier: Apache-2.0 */
/* PAD with zeros (in int8 and uint8 the zero point) and PADV2 with a number that an operand holds. */
#include "li_bands.h"
#include "li_view.h"

typedef struct li_pad_state {
    uint32_t rank;
    int32_t dims[LI_MAX_RANK];           /* of the input */
    int32_t steps[LI_MAX_RANK];          /* of the output, in elements */
    uint32_t start;                      /* where the input's first element goes */
    uint32_t element;                    /* bytes */
    int32_t fill;                        /* PAD: the byte to fill with */
} li_pad_state;

/* before[d] and after[d], all at least 0. */
static li_status li_pad_decode(li_net *net, const li_node *node, int64_t *before, int64_t *after)
{
    const li_tensor *input = li_node_input(net, node, 0), *operand = li_node_input(net, node, 1);
    int64_t values[LI_MAX_RANK * 2];
    uint32_t count, d;

    LI_TRY(li_known_ints(net, node, operand, values, LI_MAX_RANK * 2, &count));
    if (count != input->rank * 2u || operand->rank != 2 || operand->dims[1] != 2)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, operand, input->rank * 2, count);
    for (d = 0; d < input->rank; ++d) {
        before[d] = values[2 * d];
        after[d] = values[2 * d + 1];
        if (before[d] < 0 || before[d] > INT32_MAX || after[d] < 0 || after[d] > INT32_MAX)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, operand, 0, before[d] < 0 || before[d] > INT32_MAX ? before[d] : after[d]);
    }
    return LI_OK;
}

li_status li_pad_plan(li_net *net, li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0);
    li_tensor *output = li_node_output(net, node, 0);
    int64_t dims[LI_MAX_RANK] = { 0 }, after[LI_MAX_RANK] = { 0 };
    uint32_t d;

    LI_TRY(li_pad_decode(net, node, dims, after));
    for (d = 0; d < input->rank; ++d) dims[d] += input->dims[d] + after[d];
    LI_TRY(li_set_shape(net, node, output, input->rank, dims));
    LI_TRY(li_need_moved(net, node, input, output));
    node->state_bytes = sizeof(li_pad_state);
    if (li_tensor_elements(input) != 0) node->divided = LI_DIVIDED_BANDS;
    return LI_OK;
}

void li_pad_prepare(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    li_pad_state *s = li_node_state(net, node);
    int64_t before[LI_MAX_RANK] = { 0 }, after[LI_MAX_RANK] = { 0 };
    int32_t step = 1;
    uint32_t d;

    if (li_pad_decode(net, node, before, after) != LI_OK) return;
    s->rank = input->rank;
    s->start = 0;
    s->element = (uint32_t)li_type_bytes(input->type);
    s->fill = input->type == LI_INT8 || input->type == LI_UINT8 ? li_tensor_zero_point(net, output, 0) : 0;
    for (d = s->rank; d-- > 0; step *= output->dims[d]) {
        s->dims[d] = input->dims[d];
        s->steps[d] = step;
        s->start += (uint32_t)before[d] * (uint32_t)step;
    }
    while (s->rank > 1 && output->dims[s->rank - 1] == input->dims[s->rank - 1]) {     /* not padded: longer runs */
        --s->rank;
        s->dims[s->rank - 1] *= s->dims[s->rank];
    }
}

/* One run of the operator; units of its bands are runs of the input. */
typedef struct li_pad_job {
    li_bands bands;
    const li_pad_state *state;
    const char *x, *value;       /* value: PADV2's, of one element */
    char *out;
    size_t run, out_bytes;       /* bytes of a run of the input, and of the output */
} li_pad_job;

/* Bytes [from, to) of the output, elements of padding. */
static void li_pad_fill(const li_pad_job *job, size_t from, size_t to)
{
    const size_t element = job->state->element;
    size_t done = element;
    if (from == to) return;
    if (job->value == NULL) {
        li_fill(job->out + from, job->state->fill, to - from);
        return;
    }
    li_copy(job->out + from, job->value, element);
    for (; from + done < to; done *= 2) li_copy(job->out + from + done, job->out + from, done < to - from - done ? done : to - from - done);
}

/* Where run `i` of the input goes, in bytes. */
static size_t li_pad_place(const li_pad_state *s, int32_t i)
{
    size_t at = s->start;
    uint32_t d;
    for (d = s->rank == 0 ? 0 : s->rank - 1; d-- > 0; i /= s->dims[d]) at += (size_t)(i % s->dims[d]) * (size_t)s->steps[d];
    return at * s->element;
}

/* Bytes of a run up to which several are filled over together, padding and all, before they are copied. */
enum { LI_PAD_SHORT = 64 };

/* Runs in order, and the padding in front of each; behind the last one too. */
static void li_pad_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_pad_job *job = (const li_pad_job *)bands;
    size_t done = first == 0 ? 0 : li_pad_place(job->state, first - 1) + job->run;
    const li_pad_state *s = job->state;
    const int32_t row = s->rank > 1 && job->run <= LI_PAD_SHORT ? s->dims[s->rank - 2] : 1;  /* runs at one distance, together */
    const size_t step = s->rank > 1 ? (size_t)s->steps[s->rank - 2] * s->element : job->run;
    int32_t i, n;
    (void)band;
    for (i = first; i < first + count; i += n) {
        const size_t at = li_pad_place(s, i);
        size_t end;
        n = row - i % row < first + count - i ? row - i % row : first + count - i;
        end = at + (size_t)(n - 1) * step + job->run;
        li_pad_fill(job, done, n > 1 && step != job->run ? end : at);
        li_copy_runs(job->out + at, step, job->x + (size_t)i * job->run, job->run, job->run, (size_t)n);
        done = end;
    }
    if (i == bands->units) li_pad_fill(job, done, job->out_bytes);
}

static li_status li_pad_around(li_net *net, const li_node *node, const char *value)
{
    const li_pad_state *s = li_node_state_const(net, node);
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    const size_t in_bytes = li_tensor_bytes(input), out_bytes = li_tensor_bytes(output);
    const size_t run = s->rank == 0 ? s->element : (size_t)s->dims[s->rank - 1] * s->element;
    li_pad_job job = { { .band = li_pad_band, .units = 0 }, s, li_tensor_data(input), value, li_tensor_data(output), run, out_bytes };

    if (in_bytes != 0) job.bands.units = (int32_t)(in_bytes / run);
    if (job.bands.units != 0) li_bands_run(net, node, &job.bands, li_size_mul(out_bytes, LI_BAND_COPY));
    else li_pad_fill(&job, 0, out_bytes);
    return LI_OK;
}

li_status li_pad_run(li_net *net, const li_node *node)
{
    return li_pad_around(net, node, NULL);
}

li_status li_padv2_plan(li_net *net, li_node *node)
{
    const li_tensor *value = li_node_input(net, node, 2);
    if (li_tensor_elements(value) != 1)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, value, 1, li_tensor_elements(value));
    LI_TRY(li_need_moved(net, node, value, li_node_output(net, node, 0)));
    return li_pad_plan(net, node);
}

void li_padv2_prepare(li_net *net, const li_node *node)
{
    li_pad_prepare(net, node);
}

li_status li_padv2_run(li_net *net, const li_node *node)
{
    return li_pad_around(net, node, li_tensor_data(li_node_input(net, node, 2)));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "li_pair.h"
#include "li_bands.h"

/* Joins neighbouring dimensions and drops those of size 1; at least one dimension stays. */
static void li_pair_walk(const li_tensor *a, const li_tensor *b, const li_tensor *out, li_pair_state *s)
{
    int32_t dims[LI_MAX_RANK], steps_a[LI_MAX_RANK], steps_b[LI_MAX_RANK];
    int32_t along_a = 1, along_b = 1;
    uint32_t rank = 0, i, d;

    for (i = 0; i < out->rank; ++i) {                     /* from the last dimension to the first */
        const int32_t size = out->dims[out->rank - 1u - i];
        const int32_t size_a = i < a->rank ? a->dims[a->rank - 1u - i] : 1;
        const int32_t size_b = i < b->rank ? b->dims[b->rank - 1u - i] : 1;
        if (size == 1) continue;
        if (rank > 0 && (steps_a[rank - 1] == 0) == (size_a == 1) && (steps_b[rank - 1] == 0) == (size_b == 1)) {
            dims[rank - 1] *= size;
        } else {
            dims[rank] = size;
            steps_a[rank] = size_a == 1 ? 0 : along_a;
            steps_b[rank] = size_b == 1 ? 0 : along_b;
            ++rank;
        }
        along_a *= size_a;
        along_b *= size_b;
    }
    if (rank == 0) {
        dims[0] = 1;
        steps_a[0] = steps_b[0] = 1;
        rank = 1;
    }
    s->rank = rank;
    for (d = 0; d < rank; ++d) {
        s->dims[d] = dims[rank - 1 - d];
        s->step_a[d] = steps_a[rank - 1 - d];
        s->step_b[d] = steps_b[rank - 1 - d];
    }
}

li_status li_pair_plan(li_net *net, li_node *node, int32_t activation)
{
    const li_tensor *a = li_node_input(net, node, 0), *b = li_node_input(net, node, 1);
    li_tensor *out = li_node_output(net, node, 0);
    int64_t dims[LI_MAX_RANK];
    uint32_t rank;

    LI_TRY(li_range_check(net, node, activation));
    LI_TRY(li_broadcast_shape(net, node, a, b, dims, &rank));
    LI_TRY(li_set_shape(net, node, out, rank, dims));
    if (li_pair_is_quantized(net, node)) {
        LI_TRY(li_need_centred(net, node, a));
        LI_TRY(li_need_centred(net, node, b));
        LI_TRY(li_need_centred(net, node, out));
    }
    node->state_bytes = sizeof(li_pair_state);
    return LI_OK;
}

void li_pair_prepare_walk(li_net *net, const li_node *node, li_pair_state *s)
{
    const li_tensor *out = li_node_output(net, node, 0);
    if (li_tensor_elements(out) != 0) li_pair_walk(li_node_input(net, node, 0), li_node_input(net, node, 1), out, s);
}

void li_pair_prepare(li_net *net, const li_node *node, li_pair_state *s, int32_t kind, int32_t activation)
{
    const li_tensor *a = li_node_input(net, node, 0), *b = li_node_input(net, node, 1), *out = li_node_output(net, node, 0);
    const li_range_f32 range = li_range_of_f32(activation);

    s->kind = kind;
    s->low_f32 = range.low;
    s->high_f32 = range.high;
    li_pair_prepare_walk(net, node, s);
    if (kind != LI_PAIR_FLOAT) {
        const enum li_limit rule = kind == LI_PAIR_FIXED ? LI_LIMIT_AWAY : LI_LIMIT_EVEN;
        li_range_s8 limits;
        s->zero_a = li_tensor_zero_point(net, a, 0);
        s->zero_b = li_tensor_zero_point(net, b, 0);
        s->zero_out = li_tensor_zero_point(net, out, 0);
        limits = li_range_of_s8(net, out, activation, rule);
        s->low = limits.low;
        s->high = limits.high;
    }
}

void li_pair_run(li_net *net, const li_node *node, size_t element, li_pair_line line)
{
    li_pair_run_to(net, node, element, element, line);
}

/* Moves to the next run along the innermost dimension; false behind the last. */
static int li_pair_next(const li_pair_state *s, int32_t *index, size_t *at_a, size_t *at_b)
{
    uint32_t d;
    for (d = s->rank - 1; d-- > 0;) {
        *at_a += (size_t)s->step_a[d];
        *at_b += (size_t)s->step_b[d];
        if (++index[d] < s->dims[d]) return 1;
        *at_a -= (size_t)s->step_a[d] * (size_t)s->dims[d];
        *at_b -= (size_t)s->step_b[d] * (size_t)s->dims[d];
        index[d] = 0;
    }
    return 0;
}

void li_pair_run_to(li_net *net, const li_node *node, size_t element, size_t out_element, li_pair_line line)
{
    const li_pair_state *s = li_node_state_const(net, node);
    const char *a = li_tensor_data(li_node_input(net, node, 0)), *b = li_tensor_data(li_node_input(net, node, 1));
    char *out = li_tensor_data(li_node_output(net, node, 0));
    const uint32_t last = s->rank - 1;
    int32_t index[LI_MAX_RANK] = { 0 };
    size_t at_a = 0, at_b = 0;

    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return;
    do {
        line(s, out, a + at_a * element, b + at_b * element, s->dims[last], s->step_a[last], s->step_b[last]);
        out += (size_t)s->dims[last] * out_element;
    } while (li_pair_next(s, index, &at_a, &at_b));
}

/* Runs along the innermost dimension; long ones are divided. */
typedef struct li_pair_job {
    li_bands bands;
    const li_kernels *kernels;
    const char *a, *b;
    char *out;
    size_t n, step_a, step_b;
    int32_t operation;           /* of float32 */
    float low, high;
    li_product_s8 product;       /* of int8 */
} li_pair_job;

static void li_pair_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_pair_job *job = (const li_pair_job *)bands;
    const size_t from = li_bands_elements(first, job->n), n = li_bands_elements(first + count, job->n) - from;
    (void)band;
    job->kernels->pair_f32(job->operation, (float *)(void *)job->out + from, (const float *)(const void *)job->a + from * job->step_a, job->step_a,
                           (const float *)(const void *)job->b + from * job->step_b, job->step_b, job->low, job->high, n);
}

static void li_pair_mul_band(const li_bands *bands, int32_t first, int32_t count, int32_t band)
{
    const li_pair_job *job = (const li_pair_job *)bands;
    const size_t from = li_bands_elements(first, job->n), n = li_bands_elements(first + count, job->n) - from;
    (void)band;
    job->kernels->mul_s8((int8_t *)job->out + from, (const int8_t *)job->a + from * job->step_a, job->step_a,
                         (const int8_t *)job->b + from * job->step_b, job->step_b, &job->product, n);
}

/* Apart, so that its frame does not lie below the other walk's. */
LI_NOT_INLINE static void li_pair_run_kernel(li_net *net, const li_node *node, int32_t operation, size_t element)
{
    const li_pair_state *s = li_node_state_const(net, node);
    const uint32_t last = s->rank - 1;
    const size_t n = (size_t)s->dims[last];
    const li_product_s8 product = { s->zero_a, s->zero_b, s->multiplier, s->zero_out, s->low, s->high };
    li_pair_job job = { { .band = li_pair_band, .units = li_bands_of_elements(n) }, li_kernels_of(net), NULL, NULL,
                        li_tensor_data(li_node_output(net, node, 0)), n, (size_t)s->step_a[last], (size_t)s->step_b[last], operation,
                        s->low_f32, s->high_f32, product };
    int32_t index[LI_MAX_RANK] = { 0 };
    size_t at_a = 0, at_b = 0;

    if (element == 1) job.bands.band = li_pair_mul_band;
    do {
        job.a = (const char *)li_tensor_data(li_node_input(net, node, 0)) + at_a * element;
        job.b = (const char *)li_tensor_data(li_node_input(net, node, 1)) + at_b * element;
        li_bands_run(net, node, &job.bands, (uint64_t)n * LI_BAND_ELEMENT);
        job.out += n * element;
    } while (li_pair_next(s, index, &at_a, &at_b));
}

/* Whether kernels may take the runs. */
static bool li_pair_has_runs(const li_pair_state *s)
{
    return LI_PACKS && s->step_a[s->rank - 1] <= 1 && s->step_b[s->rank - 1] <= 1;
}

void li_pair_run_f32(li_net *net, const li_node *node, int32_t operation, li_pair_line line)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return;      /* then there is no walk either */
    if (li_kernels_of(net)->pair_f32 == NULL || !li_pair_has_runs(s)) li_pair_run(net, node, sizeof(float), line);
    else li_pair_run_kernel(net, node, operation, sizeof(float));
}

bool li_pair_run_mul_s8(li_net *net, const li_node *node)
{
    const li_pair_state *s = li_node_state_const(net, node);
    if (li_tensor_elements(li_node_output(net, node, 0)) == 0) return true;
    if (li_kernels_of(net)->mul_s8 == NULL || !li_pair_has_runs(s)) return false;
    li_pair_run_kernel(net, node, LI_PAIR_MUL, 1);
    return true;
}

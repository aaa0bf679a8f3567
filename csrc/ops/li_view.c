/* SPDX-License-Identifier: Apache-2.0 */
/* Copying elements in another order: li_view.h. */
#include "li_view.h"
#include "li_bands.h"

void li_view_make(li_view *view, uint32_t rank, const int32_t *dims, const int32_t *steps, uint32_t start, uint32_t element)
{
    uint32_t i;
    view->rank = 0;
    view->start = start;
    view->element = element;
    for (i = 0; i < rank; ++i) {
        if (dims[i] == 1) continue;
        if (view->rank > 0 && view->steps[view->rank - 1] == (int64_t)steps[i] * dims[i]) {
            view->dims[view->rank - 1] *= dims[i];
            view->steps[view->rank - 1] = steps[i];
        } else {
            view->dims[view->rank] = dims[i];
            view->steps[view->rank++] = steps[i];
        }
    }
    if (view->rank == 0) {
        view->dims[0] = 1;
        view->steps[0] = 1;
        view->rank = 1;
    }
}

void li_view_steps(const li_tensor *t, int32_t *steps)
{
    int32_t step = 1;
    uint32_t i;
    for (i = t->rank; i-- > 0; step *= t->dims[i]) steps[i] = step;
}

#if LI_PACKS
/* Between n and 2 n bytes are two copies of n, the second over the end of the first: moves, where a copy of any length is a call. */
#define LI_COPY_TWICE(n)                                                                                               \
    for (; count != 0; --count, out += to_step, x += from_step) {                                                      \
        char first[n], last[n];                                                                                        \
        li_copy(first, x, n);                                                                                          \
        li_copy(last, x + bytes - (n), n);                                                                             \
        li_copy(out, first, n);                                                                                        \
        li_copy(out + bytes - (n), last, n);                                                                           \
    }

void li_copy_runs(void *to, size_t to_step, const void *from, size_t from_step, size_t bytes, size_t count)
{
    char *out = to;
    const char *x = from;
    if (bytes == 0) return;
    if (bytes == 1) {
        for (; count != 0; --count, out += to_step, x += from_step) *out = *x;
    } else if (bytes <= 4) {
        LI_COPY_TWICE(2)
    } else if (bytes <= 8) {
        LI_COPY_TWICE(4)
    } else if (bytes <= 16) {
        LI_COPY_TWICE(8)
    } else if (bytes <= 32) {
        LI_COPY_TWICE(16)
    } else {
        for (; count != 0; --count, out += to_step, x += from_step) li_copy(out, x, bytes);
    }
}

/* Every second byte. */
static void li_view_halves(char *out, const char *x, ptrdiff_t n)
{
    ptrdiff_t i;
    for (i = 0; i + 4 < n; i += 4) {             /* what is behind the last byte may not be read */
        uint64_t eight;
        uint32_t four;
        li_copy(&eight, x + 2 * i, 8);
        eight &= UINT64_C(0x00ff00ff00ff00ff);
        eight = (eight | eight >> 8) & UINT64_C(0x0000ffff0000ffff);
        four = (uint32_t)(eight | eight >> 16);
        li_copy(out + i, &four, 4);
    }
    for (; i < n; ++i) out[i] = x[2 * i];
}
#else
void li_copy_runs(void *to, size_t to_step, const void *from, size_t from_step, size_t bytes, size_t count)
{
    size_t i;
    for (i = 0; i < count; ++i) li_copy((char *)to + i * to_step, (const char *)from + i * from_step, bytes);
}

static void li_view_halves(char *out, const char *x, ptrdiff_t n)
{
    ptrdiff_t i;
    for (i = 0; i < n; ++i) out[i] = x[2 * i];
}
#endif

/* Elements `step` apart, one after the other. */
static void li_view_row(char *out, const char *x, ptrdiff_t n, ptrdiff_t step, ptrdiff_t element)
{
    ptrdiff_t i;
    if (step == 1) {
        li_copy(out, x, (size_t)(n * element));
    } else if (LI_PACKS && element == 1 && step == 2) {
        li_view_halves(out, x, n);
    } else if (element == 1) {
        for (i = 0; i < n; ++i) out[i] = x[i * step];
    } else if (element == 4) {
        for (i = 0; i < n; ++i) li_copy(out + i * 4, x + i * step * 4, 4);
    } else {
        for (i = 0; i < n; ++i) li_copy(out + i * element, x + i * step * element, (size_t)element);
    }
}

/* Three planes of bytes, `step` apart, become pixels of three: an image's way from NCHW. Four pixels are three words. */
static void li_view_pixels3(char *out, const char *x, ptrdiff_t pixels, ptrdiff_t step)
{
    ptrdiff_t i;
    for (i = 0; i + 4 <= pixels; i += 4, out += 12) {
        uint32_t a, b, c, first, second, third;
        li_copy(&a, x + i, 4);
        li_copy(&b, x + i + step, 4);
        li_copy(&c, x + i + 2 * step, 4);
        first = (a & 0xffu) | (b & 0xffu) << 8 | (c & 0xffu) << 16 | (a & 0xff00u) << 16;
        second = (b & 0xff00u) >> 8 | (c & 0xff00u) | (a & 0xff0000u) | (b & 0xff0000u) << 8;
        third = (c & 0xff0000u) >> 16 | (a >> 24) << 8 | (b >> 24) << 16 | (c >> 24) << 24;
        li_copy(out, &first, 4);
        li_copy(out + 4, &second, 4);
        li_copy(out + 8, &third, 4);
    }
    for (; i < pixels; ++i, out += 3) {
        out[0] = x[i];
        out[1] = x[i + step];
        out[2] = x[i + 2 * step];
    }
}

/* Units are those of the view's first dimension. */
typedef struct li_view_job {
    li_bands bands;
    const li_view *view;
    const char *x;
    char *out;
    size_t unit_bytes;           /* of the output */
} li_view_job;

static void li_view_band(const li_bands *bands, int32_t first, int32_t units, int32_t band)
{
    const li_view_job *job = (const li_view_job *)bands;
    const li_view *view = job->view;
    char *out = job->out + (size_t)first * job->unit_bytes;
    const char *x = job->x;
    const uint32_t last = view->rank - 1;
    const ptrdiff_t element = (ptrdiff_t)view->element, step = view->steps[last];
    const int is_pixels = element == 1 && view->dims[last] == 3 && last != 0 && view->steps[last - 1] == 1;
    const uint32_t outer = is_pixels ? last - 1 : last;
    const ptrdiff_t n = outer == 0 ? units : view->dims[outer], taken = is_pixels ? 3 * n : n;
    int32_t index[LI_MAX_RANK] = { 0 };
    ptrdiff_t at = (ptrdiff_t)view->start + (ptrdiff_t)first * view->steps[0];
    uint32_t d;
    (void)band;

    for (;;) {
        if (is_pixels) li_view_pixels3(out, x + at, taken / 3, step);
        else li_view_row(out, x + at * element, taken, step, element);
        out += taken * element;
        for (d = outer; d-- > 0;) {
            const int32_t size = d == 0 ? units : view->dims[d];
            at += view->steps[d];
            if (++index[d] < size) break;
            at -= (ptrdiff_t)view->steps[d] * size;
            index[d] = 0;
        }
        if (d == UINT32_MAX) return;
    }
}

void li_view_copy(const li_net *net, const li_node *node, void *out, const void *x, const li_view *view)
{
    li_view_job job = { { .band = li_view_band, .units = view->dims[0] }, view, x, out, view->element };
    uint32_t d;
    for (d = 1; d < view->rank; ++d) job.unit_bytes *= (size_t)view->dims[d];
    if (job.unit_bytes == 0 || view->dims[0] == 0) return;
    li_bands_run(net, node, &job.bands, li_size_mul(li_size_mul(job.unit_bytes, (uint64_t)view->dims[0]), LI_BAND_MOVE));
}

li_status li_need_moved(li_net *net, const li_node *node, const li_tensor *input, const li_tensor *output)
{
    const int may_be = output->type == LI_UINT8 || output->type == LI_INT16;      /* or integers without a scale */
    if (output->type != LI_INT8 && !(may_be && output->scale_count != 0)) {
        return LI_OK;
    }
    LI_TRY(li_need_centred(net, node, output));
    return li_need_same_quantization(net, node, input, output);
}

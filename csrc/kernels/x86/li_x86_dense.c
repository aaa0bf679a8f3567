/* SPDX-License-Identifier: Apache-2.0 */
/* Packing and blocks of int8 fully connected layers: plain C around the loops of a set. See li_x86_dense.h. */
#include "li_x86_dense.h"

#if LI_X86_KERNELS

static size_t li_dense_row_elements(const li_dense_loops *loops, size_t n)
{
    return (n + loops->step - 1) / loops->step * loops->step;
}

size_t li_x86_dense_packed_bytes(const void *loops, const li_conv_shape *s)
{
    (void)loops;
    return s->out_c > INT32_MAX / 16 || s->in_c > INT32_MAX / 16 ? 0 : ((size_t)s->out_c * 8 + 63) / 64 * 64;
}

size_t li_x86_dense_scratch_bytes(const void *given, const li_conv_shape *s)
{
    const li_dense_loops *const loops = given;
    return li_dense_row_elements(loops, (size_t)s->in_c) * loops->element_bytes;
}

void li_x86_dense_pack(const void *given, void *packed, const li_conv_shape *s, const int8_t *w, const int32_t *bias,
                       const float *multipliers, int32_t in_zero)
{
    const li_dense_loops *const loops = given;
    const int32_t zero = in_zero + loops->shift;
    const size_t channels = (size_t)s->out_c, n = (size_t)s->in_c;
    int32_t *to = packed;
    size_t c, k;
    li_fill(packed, 0, li_x86_dense_packed_bytes(loops, s));
    for (c = 0; c < channels; ++c) {
        int64_t sum = 0;
        for (k = 0; k < n; ++k) sum += w[c * n + k];
        to[c] = (int32_t)((bias != NULL ? (uint32_t)bias[c] : 0u) - (uint32_t)sum * (uint32_t)zero);      /* may wrap */
    }
    li_copy(to + channels, multipliers, channels * sizeof *multipliers);
}

/* Channels [first, last) of one row of x, as the set holds it. */
static void li_dense_row(const li_dense_loops *loops, int8_t *out, const void *x, const int8_t *w, const void *packed,
                         const li_conv_shape *s, const li_rescale_s8 *r, size_t first, size_t last)
{
    const size_t channels = (size_t)s->out_c, n = (size_t)s->in_c;
    const int32_t *bias = packed;
    const float *multipliers = (const float *)packed + channels;
    const int8_t *end = w + channels * n;
    int32_t sums[LI_DENSE_BLOCK];
    size_t count, c;
    for (; first < last; first += count) {
        count = last - first < LI_DENSE_BLOCK ? last - first : LI_DENSE_BLOCK;
        for (c = 0; c < count; c += 8) loops->eight(sums + c, x, w + (first + c) * n, n, count - c < 8 ? count - c : 8, end);
        for (c = 0; c < count; ++c) sums[c] = (int32_t)((uint32_t)sums[c] + (uint32_t)bias[first + c]);
        loops->requantize(out + first, sums, multipliers + first, r->out_zero, r->low, r->high, count);
    }
}

int32_t li_x86_dense_units(const void *loops, const li_conv_shape *s)
{
    (void)loops;
    return (int32_t)(((int64_t)s->out_c + LI_DENSE_UNIT - 1) / LI_DENSE_UNIT);
}

void li_x86_dense_run(const void *given, int8_t *out, const int8_t *x, const int8_t *w, const void *packed, void *scratch,
                      const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t count)
{
    const li_dense_loops *const loops = given;
    const size_t n = (size_t)s->in_c, elements = li_dense_row_elements(loops, n);
    const size_t channels = (size_t)s->out_c, begin = (size_t)first * LI_DENSE_UNIT;
    const size_t end = ((size_t)first + (size_t)count) * LI_DENSE_UNIT;
    size_t row;
    for (row = 0; count != 0 && row < (size_t)s->in_w; ++row) {
        loops->spread(scratch, x + row * n, n);
        li_fill((char *)scratch + n * loops->element_bytes, 0, (elements - n) * loops->element_bytes);
        li_dense_row(loops, out + row * (size_t)s->out_c, scratch, w, packed, s, rescale, begin, end < channels ? end : channels);
    }
}

#else
typedef int li_x86_dense_is_left_out;      /* an empty translation unit is not C */
#endif

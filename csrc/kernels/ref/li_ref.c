/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels in portable C: the definition that every other set equals to the bit. */
#include "li_ref.h"

#include "liteinterp.h"
#include "../../src/li_requantize.h"

void li_ref_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride, size_t n,
                    size_t channels)
{
    size_t c = 0, k;
    for (; c + 4 <= channels; c += 4) {              /* one load of x serves four channels */
        const int8_t *row = w + c * stride;
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (k = 0; k < n; ++k) {
            const int32_t v = x[k] - zero_point;
            s0 += v * row[k];
            s1 += v * row[stride + k];
            s2 += v * row[2 * stride + k];
            s3 += v * row[3 * stride + k];
        }
        sums[c] += s0;
        sums[c + 1] += s1;
        sums[c + 2] += s2;
        sums[c + 3] += s3;
    }
    for (; c < channels; ++c) {
        const int8_t *row = w + c * stride;
        int32_t sum = 0;
        for (k = 0; k < n; ++k) sum += (x[k] - zero_point) * row[k];
        sums[c] += sum;
    }
}

void li_ref_taps_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, const li_tap_grid *grid, size_t n)
{
    size_t i, j, c;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const int8_t *from = x + i * grid->x_row + j * grid->x_column, *by = w + i * grid->w_row + j * grid->w_column;
            for (c = 0; c < n; ++c) sums[c] += (from[c] - zero_point) * by[c];
        }
}

void li_ref_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, size_t stride, size_t n, size_t channels)
{
    size_t c, k, end;
    for (c = 0; c < channels; ++c, w += stride)
        for (k = 0; k < n; k = end) {                /* 256 products of at most 2^22 fit 32 bits */
            int32_t part = 0;
            end = n - k < 256 ? n : k + 256;
            for (; k < end; ++k) part += x[k] * w[k];
            sums[c] += part;
        }
}

void li_ref_taps_s16(int64_t *sums, const int16_t *x, const int8_t *w, const li_tap_grid *grid, size_t n)
{
    size_t i, j, c;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const int16_t *from = x + i * grid->x_row + j * grid->x_column;
            const int8_t *by = w + i * grid->w_row + j * grid->w_column;
            for (c = 0; c < n; ++c) sums[c] += from[c] * by[c];
        }
}

void li_ref_taps_f32(float *sums, const float *x, const float *w, const li_tap_grid *grid, size_t n)
{
    size_t i, j, c;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const float *from = x + i * grid->x_row + j * grid->x_column, *by = w + i * grid->w_row + j * grid->w_column;
            for (c = 0; c < n; ++c) sums[c] += from[c] * by[c];
        }
}

void li_ref_requantize_s8(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low,
                          int32_t high, size_t n)
{
    size_t c;
    for (c = 0; c < n; ++c) out[c] = (int8_t)li_requantize(sums[c], multipliers[c], zero_point, low, high);
}

void li_ref_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *sum, size_t n)
{
    size_t c;
    for (c = 0; c < n; ++c) {
        const int32_t value = li_shift_right(sum->bias + a[c] * sum->factor_a + b[c] * sum->factor_b, sum->shift);
        out[c] = (int8_t)li_clamp(value + sum->zero_point, sum->low, sum->high);
    }
}

void li_ref_max_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    size_t i, j, c;
    for (c = 0; c < n; ++c) out[c] = (int8_t)low;
    for (i = 0; i < grid->rows; ++i)
        for (j = 0; j < grid->columns; ++j) {
            const int8_t *from = x + i * grid->x_row + j * grid->x_column;
            for (c = 0; c < n; ++c) out[c] = from[c] > out[c] ? from[c] : out[c];
        }
    for (c = 0; c < n; ++c) out[c] = (int8_t)(out[c] > high ? high : out[c]);
}

void li_ref_average_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n)
{
    enum { BLOCK = 64 };                             /* channels whose sums are kept at a time */
    const int32_t taps = (int32_t)(grid->rows * grid->columns);
    int32_t sums[BLOCK];
    size_t first, count, i, j, c;
    for (first = 0; first < n; first += count) {
        count = n - first < BLOCK ? n - first : BLOCK;
        li_fill(sums, 0, sizeof sums);
        for (i = 0; i < grid->rows; ++i)
            for (j = 0; j < grid->columns; ++j) {
                const int8_t *from = x + i * grid->x_row + j * grid->x_column + first;
                for (c = 0; c < count; ++c) sums[c] += from[c];
            }
        for (c = 0; c < count; ++c) {
            const int32_t half = sums[c] > 0 ? taps / 2 : -(taps / 2);
            out[first + c] = (int8_t)li_clamp((sums[c] + half) / taps, low, high);
        }
    }
}

/* Four channels at a time: their sums do not wait for each other, and each one keeps its own order. */
void li_ref_dots_f32(float *sums, const float *x, const float *w, size_t stride, size_t n, size_t channels)
{
    size_t c = 0, k;
    for (; c + 4 <= channels; c += 4) {
        const float *row = w + c * stride;
        float s0 = sums[c], s1 = sums[c + 1], s2 = sums[c + 2], s3 = sums[c + 3];
        for (k = 0; k < n; ++k) {
            s0 += x[k] * row[k];
            s1 += x[k] * row[stride + k];
            s2 += x[k] * row[2 * stride + k];
            s3 += x[k] * row[3 * stride + k];
        }
        sums[c] = s0;
        sums[c + 1] = s1;
        sums[c + 2] = s2;
        sums[c + 3] = s3;
    }
    for (; c < channels; ++c) {
        const float *row = w + c * stride;
        float sum = sums[c];
        for (k = 0; k < n; ++k) sum += x[k] * row[k];
        sums[c] = sum;
    }
}

const li_kernels li_kernels_ref = {
    .name = "ref",
    .isa = LI_ISA_REF,
    .dots_s8 = li_ref_dots_s8,
    .taps_s8 = li_ref_taps_s8,
    .dots_s16 = li_ref_dots_s16,
    .taps_s16 = li_ref_taps_s16,
    .taps_f32 = li_ref_taps_f32,
    .requantize_s8 = li_ref_requantize_s8,
    .add_s8 = li_ref_add_s8,
    .max_s8 = li_ref_max_s8,
    .average_s8 = li_ref_average_s8,
    .dots_f32 = li_ref_dots_f32,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The reference kernels by name, for sets that have nothing faster. Contracts: li_kernels.h. */
#ifndef LI_REF_H
#define LI_REF_H

#include "../../src/li_kernels.h"

void li_ref_dots_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride, size_t n,
                    size_t channels);
void li_ref_taps_s8(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, const li_tap_grid *grid, size_t n);
void li_ref_taps_f32(float *sums, const float *x, const float *w, const li_tap_grid *grid, size_t n);
void li_ref_dots_s16(int64_t *sums, const int16_t *x, const int8_t *w, size_t stride, size_t n, size_t channels);
void li_ref_taps_s16(int64_t *sums, const int16_t *x, const int8_t *w, const li_tap_grid *grid, size_t n);
void li_ref_requantize_s8(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low,
                          int32_t high, size_t n);
void li_ref_add_s8(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *sum, size_t n);
void li_ref_max_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n);
void li_ref_average_s8(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n);
void li_ref_dots_f32(float *sums, const float *x, const float *w, size_t stride, size_t n, size_t channels);

#endif

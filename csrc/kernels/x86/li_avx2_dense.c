/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 fully connected layers in AVX2: eight channels, sixteen weights of each widened and multiplied in a step (vpmaddwd).
 * The loop is li_x86_tile_s8.h's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"

LI_S8_DENSE(li_avx2_dense_eight, LI_AVX2, LI_YMM, LI_AVX2_PAIRS)

static const li_dense_loops li_avx2_dense_loops = {
    .element_bytes = 2, .step = 16, .shift = 0,
    .spread = li_avx2_spread, .eight = li_avx2_dense_eight, .requantize = li_avx2_requantize_s8,
};

const li_layer_kernels li_avx2_dense_s8 = {
    .loops = &li_avx2_dense_loops,
    .loop = LI_LOOP_DENSE,
    .packed_bytes = li_x86_dense_packed_bytes,
    .scratch_bytes = li_x86_dense_scratch_bytes,
    .pack = li_x86_dense_pack,
    .units = li_x86_dense_units,
    .run = li_x86_dense_run,
};

#else
typedef int li_avx2_dense_is_left_out;      /* an empty translation unit is not C */
#endif

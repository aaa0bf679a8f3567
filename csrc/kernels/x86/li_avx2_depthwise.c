/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 depthwise convolution in AVX2: two output rows x 4 pixels x 8 channels, 8 registers of sums and two of weights.
 * A product step (vpmaddwd) takes two taps of a column straight from the spread rows. The walk is li_x86_depthwise.h's, the
 * loop li_x86_tile_s8.h's.
 */
#include "li_avx2.h"

#if LI_HAS_AVX2

#include "li_avx2_tile.h"

/* Pixels [x, end) of the zero point, in both blocks; the second one is void when there are 8 channels or fewer. */
LI_AVX2 static void li_avx2_depthwise_blank(const li_depthwise_group *r, size_t x, size_t end)
{
    const __m256i outside = _mm256_set1_epi16((short)r->zero);
    for (; x < end; ++x) {
        _mm256_storeu_si256((__m256i *)(r->to + x * 16), outside);
        _mm256_storeu_si256((__m256i *)(r->to + r->next + x * 16), outside);
    }
}

LI_AVX2 static void li_avx2_depthwise_spread(const li_depthwise_walk *w, const li_depthwise_group *r)
{
    const __m128i zeros = _mm_set1_epi8((char)r->zero);
    size_t x;
    li_avx2_depthwise_blank(r, 0, r->before);
    for (x = 0; x < r->inside; ++x) {
        int16_t *to = r->to + (r->before + x) * 16;
        const __m128i p = r->rows[0] != NULL ? li_avx2_load_some(r->rows[0] + x * w->in_pixel, r->channels) : zeros;
        const __m128i q = r->rows[1] != NULL ? li_avx2_load_some(r->rows[1] + x * w->in_pixel, r->channels) : zeros;
        _mm256_storeu_si256((__m256i *)to, _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(p, q)));
        _mm256_storeu_si256((__m256i *)(to + r->next), _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(p, q)));
    }
    li_avx2_depthwise_blank(r, r->before + r->inside, w->padded_w);
}

LI_AVX2 static void li_avx2_depthwise_slide(const li_depthwise_samples_of *s)
{
    const __m128i outside = _mm_set1_epi8((char)s->zero);
    int16_t *to = s->to;
    __m128i p = outside;
    int64_t t;
    for (t = s->from; t < s->end + 1; ++t) {
        const __m128i q = t >= 0 && t < s->length ? li_avx2_load_some(s->x + (size_t)t * s->step, s->channels) : outside;
        if (t != s->from) {
            _mm256_storeu_si256((__m256i *)to, _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(p, q)));
            _mm256_storeu_si256((__m256i *)(to + s->next), _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(p, q)));
            to += 16;
        }
        p = q;
    }
}

LI_S8_ROWS(li_avx2_depthwise_rows, LI_AVX2, LI_YMM, LI_AVX2_PAIRS)

static const li_depthwise_tiles li_avx2_depthwise_tiles = {
    .lanes = 8, .tall = 2, .shift = 0, .spread = li_avx2_depthwise_spread,
    .slide = li_avx2_depthwise_slide, .two_rows = li_avx2_depthwise_rows,
};

const li_layer_kernels li_avx2_depthwise_s8 = {
    .loops = &li_avx2_depthwise_tiles,
    .loop = LI_LOOP_DEPTHWISE,
    .packed_bytes = li_x86_depthwise_packed_bytes,
    .scratch_bytes = li_x86_depthwise_scratch_bytes,
    .pack = li_x86_depthwise_pack,
    .run = li_x86_depthwise_run,
};

#else
typedef int li_avx2_depthwise_is_left_out;      /* an empty translation unit is not C */
#endif

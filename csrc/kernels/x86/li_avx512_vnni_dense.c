/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX-512 with VNNI: one pixel by a panel of channels, and int8 fully connected layers of one row. Every weight is read
 * once, so these loops run at the speed of the cache that holds the weights.
 */
#include "li_avx2.h"

#if LI_HAS_AVX512_VNNI

#include "li_avx512_vnni_tile.h"
#include "li_x86_dense.h"

/* One pixel, as in fully connected layers: sums of even and odd groups apart, so that they do not wait for each other. */
#define LI_VNNI_ODD(i, b) s##i##b = _mm512_dpbusd_epi32(s##i##b, y, _mm512_loadu_si512(next + 64 * b));
#define LI_VNNI_JOIN(i, b) s0##b = _mm512_add_epi32(s0##b, s1##b);

#define LI_VNNI_SINGLE(name, EACH, BYTES, vectors)                                                                     \
    LI_VNNI static void name(const li_x86_panel *p, li_vnni_end e)                                                     \
    {                                                                                                                  \
        const uint8_t *p0 = (const uint8_t *)p->image + p->offsets[0];                                                 \
        const __m512i zeros = _mm512_setzero_si512();                                                                  \
        const int8_t *w = p->w;                                                                                        \
        int8_t *out = p->out;                                                                                          \
        size_t segment, k;                                                                                             \
        (void)zeros;                                                                                                   \
        EACH(LI_VNNI_CHANNELS, 0)                                                                                      \
        EACH(LI_VNNI_START, 0) EACH(LI_VNNI_CLEAR, 1)                                                                  \
        for (segment = 0; segment < p->segments; ++segment) {                                                          \
            const size_t first = segment * p->segment_step, end = first + 4 * p->groups;                               \
            for (k = first; k + 8 <= end; k += 8, w += 128 * (vectors)) {                                              \
                const __m512i x = li_vnni_group(p0 + k), y = li_vnni_group(p0 + k + 4);                                \
                const int8_t *next = w + 64 * (vectors);                                                               \
                EACH(LI_VNNI_WEIGHTS, 0)                                                                               \
                EACH(LI_VNNI_STEP, 0) EACH(LI_VNNI_ODD, 1)                                                             \
            }                                                                                                          \
            if (k < end) {                                                                                             \
                EACH(LI_VNNI_WEIGHTS, 0)                                                                               \
                LI_VNNI_PIXEL(EACH, 0)                                                                                 \
                w += 64 * (vectors);                                                                                   \
            }                                                                                                          \
        }                                                                                                              \
        EACH(LI_VNNI_JOIN, 0)                                                                                          \
        LI_VNNI_FINISH(EACH, BYTES, 0)                                                                                 \
    }

#define LI_VNNI_BYTES1(i) li_vnni_bytes(&e, q##i##0, zeros, zeros, zeros)
LI_VNNI_SINGLE(li_vnni_single16, LI_VNNI_EACH1, LI_VNNI_BYTES1, 1)
LI_VNNI_SINGLE(li_vnni_single32, LI_VNNI_EACH2, LI_VNNI_BYTES2, 2)
LI_VNNI_SINGLE(li_vnni_single48, LI_VNNI_EACH3, LI_VNNI_BYTES3, 3)
LI_VNNI_SINGLE(li_vnni_single64, LI_VNNI_EACH4, LI_VNNI_BYTES4, 4)

LI_VNNI void li_vnni_single(const li_x86_panel *p)
{
    const li_vnni_end e = li_vnni_end_of(p->rescale);
    if (p->width == 16) li_vnni_single16(p, e);
    else if (p->width == 32) li_vnni_single32(p, e);
    else if (p->width == 48) li_vnni_single48(p, e);
    else li_vnni_single64(p, e);
}

static size_t li_vnni_dense_panel_bytes(size_t width, size_t groups)
{
    return (width * (8 + 4 * groups) + 63) / 64 * 64;
}

#define LI_VNNI_PAIR(b)                                                                                                \
    s0##b = _mm512_dpbusd_epi32(s0##b, v, _mm512_loadu_si512(w + 64 * b));                                             \
    s1##b = _mm512_dpbusd_epi32(s1##b, v, _mm512_loadu_si512(w + panel + 64 * b));
#define LI_VNNI_PAIR_SCALE(i, b)                                                                                       \
    const __m512i q##i##b = li_vnni_scale(&e, s##i##b, _mm512_loadu_ps(packed + (i) * panel + 256 + 64 * b));

/* One pixel by two panels of 64 channels, `panel` bytes apart: two streams of weights arrive sooner than one. */
LI_VNNI static inline void li_vnni_pair(const uint8_t *x, size_t groups, const int8_t *packed, size_t panel, int8_t *out, li_vnni_end e)
{
    const int8_t *w = packed + 512, *const end = w + 256 * groups, *const other = packed + panel;
    __m512i s00 = _mm512_loadu_si512(packed), s01 = _mm512_loadu_si512(packed + 64);
    __m512i s02 = _mm512_loadu_si512(packed + 128), s03 = _mm512_loadu_si512(packed + 192);
    __m512i s10 = _mm512_loadu_si512(other), s11 = _mm512_loadu_si512(other + 64);
    __m512i s12 = _mm512_loadu_si512(other + 128), s13 = _mm512_loadu_si512(other + 192);
    for (; w < end; w += 256, x += 4) {
        const __m512i v = li_vnni_group(x);
        LI_VNNI_PAIR(0) LI_VNNI_PAIR(1) LI_VNNI_PAIR(2) LI_VNNI_PAIR(3)
        __asm__("" : "+v"(s00), "+v"(s01), "+v"(s02), "+v"(s03), "+v"(s10), "+v"(s11), "+v"(s12), "+v"(s13));
    }
    LI_VNNI_EACH4(LI_VNNI_PAIR_SCALE, 0) LI_VNNI_EACH4(LI_VNNI_PAIR_SCALE, 1)
    _mm512_storeu_si512(out, LI_VNNI_BYTES4(0));
    _mm512_storeu_si512(out + 64, LI_VNNI_BYTES4(1));
}

/* A tile of rows reads each weight once: several rows are a convolution. */
static int32_t li_vnni_dense_units(const void *loops, const li_conv_shape *s)
{
    return s->in_w == 1 ? li_x86_dense_units(loops, s) : li_x86_conv_units(loops, s);
}

LI_VNNI static void li_vnni_dense_run(const void *loops, int8_t *out, const int8_t *x, const int8_t *w, const void *packed,
                                      void *scratch, const li_conv_shape *s, const li_rescale_s8 *rescale, int32_t first, int32_t count)
{
    static const uint32_t offset = 0;
    const size_t n = (size_t)s->in_c, groups = (n + 3) / 4, channels = (size_t)s->out_c;
    uint8_t *const spread = (uint8_t *)scratch + (64 - (uintptr_t)scratch % 64) % 64;
    const size_t panel = li_vnni_dense_panel_bytes(64, groups);
    const int8_t *from = (const int8_t *)packed + (size_t)first * panel;      /* units are panels of 64 channels */
    const size_t last = (size_t)(first + count) * LI_DENSE_UNIT, end = last < channels ? last : channels;
    size_t c = (size_t)first * LI_DENSE_UNIT, width;
    if (count < 1) return;
    if (s->in_w != 1) {
        li_x86_conv_run(loops, out, x, w, packed, scratch, s, rescale, first, count);
        return;
    }
    li_vnni_spread(spread, x, n);
    li_fill(spread + n, 0, groups * 4 - n);
    for (; c + 128 <= end; c += 128) {
        li_vnni_pair(spread, groups, from, panel, out + c, li_vnni_end_of(rescale));
        from += 2 * panel;
    }
    for (; c < end; c += width) {
        width = li_vnni_tiles.width(channels - c);
        const li_x86_panel one = {
            .image = spread, .offsets = &offset, .pixels = 1, .segments = 1, .groups = groups,
            .w = from + width * 8, .bias = (const int32_t *)(const void *)from,
            .multipliers = (const float *)(const void *)(from + width * 4),
            .out = out + c, .out_step = channels, .width = width, .channels = channels - c < width ? channels - c : width,
            .rescale = rescale,
        };
        li_vnni_single(&one);
        from += li_vnni_dense_panel_bytes(width, groups);
    }
}

const li_layer_kernels li_vnni_dense_s8 = {
    .loops = &li_vnni_tiles,
    .loop = LI_LOOP_DENSE,
    .packed_bytes = li_x86_conv_packed_bytes,
    .scratch_bytes = li_x86_conv_scratch_bytes,
    .pack = li_x86_conv_pack,
    .units = li_vnni_dense_units,
    .run = li_vnni_dense_run,
};

#else
typedef int li_avx512_vnni_dense_is_left_out;      /* an empty translation unit is not C */
#endif

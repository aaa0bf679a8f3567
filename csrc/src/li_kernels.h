/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot inner loops. One struct per instruction set, filled upward from ref; callers never ask which one it is.
 *
 * Contract of every function but float layers in `fast` mode: the result equals ref's to the bit for every length (0
 * included), every alignment and every value; nothing outside the given ranges is read or written. `ref` in kernels/ref/ is the definition.
 */
#ifndef LI_KERNELS_H
#define LI_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* The taps of one window: a grid over the image and one over the weights, steps in elements; pooling has no weights. */
typedef struct li_tap_grid {
    size_t rows, columns;
    size_t x_row, x_column, w_row, w_column;
} li_tap_grid;

/* ADD and SUB of int8 in the direct form: NUMERICS.md, "ADD, SUB". */
typedef struct li_sum_s8 {
    int32_t factor_a, factor_b, bias, shift;
    int32_t zero_point, low, high;   /* of the output */
} li_sum_s8;

/* MUL of int8: (a - zero_a) * (b - zero_b), requantized. NUMERICS.md, "MUL". */
typedef struct li_product_s8 {
    int32_t zero_a, zero_b;
    float multiplier;
    int32_t zero_point, low, high;   /* of the output */
} li_product_s8;

/* Loops of whole layers. Which one a node takes is in li_node.loop; li_operator_loop gives its name. */
enum {
    LI_LOOP_NONE,                /* no whole layer: the operator calls kernels window by window, or needs none */
    LI_LOOP_DIRECT,              /* pixels by channels on packed weights: convolutions, dense layers */
    LI_LOOP_DEPTHWISE, LI_LOOP_DENSE,
    LI_LOOP_WINOGRAD2, LI_LOOP_WINOGRAD4,        /* F(2x2, 3x3), F(4x4, 3x3) */
    LI_LOOP_DIRECT16,            /* direct, on weights packed as int16 */
    LI_LOOPS,
    LI_CONV_FORMS = 3
};

/* A convolution over images: x NHWC, w OHWI. Pixels outside the image count as the zero point. */
typedef struct li_conv_shape {
    int32_t in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t filter_h, filter_w, stride_h, stride_w, dilation_h, pad_top, pad_left;
    int32_t w_last;              /* 1: in_c is 1, and w is [h][w][out_c] as in a depthwise layer of one input channel */
    int32_t dilation_w;
    int32_t groups;              /* of a convolution: input and output channels are multiples */
    int32_t w_zero;              /* taken off every weight: 0 but in the kernels that say so */
} li_conv_shape;

/* How int8 sums become int8: requantize_s8's parameters, and the zero point of the input. */
typedef struct li_rescale_s8 {
    int32_t in_zero, out_zero, low, high;
} li_rescale_s8;

/*
 * A whole layer on weights rearranged once: what sets provide that gain from it. dots_s8 or taps_s8 over every window and
 * requantize_s8 define the result; bias may be NULL. In a depthwise layer out_c is a multiple of in_c, and weights are
 * [h][w][out_c]. A dense layer is a 1x1 convolution of in_w == out_w rows in one image.
 */
typedef struct li_layer_kernels {
    const void *loops;           /* the first argument of each function: what the set gives a walk that several sets share */
    int32_t loop;                /* LI_LOOP_... */
    /* 0, or: exact while the sum of magnitudes of every output channel's weights is below. */
    uint32_t weights_below;
    /* 0, or: gains only while the packed weights of the network up to here, in bytes, stay below. */
    uint32_t packed_below;
    /* Where a set has several loops for a layer: about how long this one takes, in any unit that they share. */
    uint64_t (*cost)(const void *loops, const li_conv_shape *shape);
    /* 0 when the set does not take such a layer; otherwise a multiple of 64. */
    size_t (*packed_bytes)(const void *loops, const li_conv_shape *shape);
    size_t (*scratch_bytes)(const void *loops, const li_conv_shape *shape);
    /* `packed` and `scratch` are aligned to 16 bytes, faster to 64. */
    void (*pack)(const void *loops, void *packed, const li_conv_shape *shape, const int8_t *w, const int32_t *bias,
                 const float *multipliers, int32_t in_zero);
    /* What one image is divided in: NULL where that is always rows of its output, as many as out_h. */
    int32_t (*units)(const void *loops, const li_conv_shape *shape);
    /* Units [first, first + count) of one image; `out` is all of its output, `w` what was packed. */
    void (*run)(const void *loops, int8_t *out, const int8_t *x, const int8_t *w, const void *packed, void *scratch,
                const li_conv_shape *shape, const li_rescale_s8 *rescale, int32_t first, int32_t count);
} li_layer_kernels;

static inline int32_t li_layer_units(const li_layer_kernels *layer, const li_conv_shape *shape)
{
    return layer->units != NULL ? layer->units(layer->loops, shape) : shape->out_h;
}

/* A float32 convolution over images: x NHWC, w OHWI. A dense layer is a 1x1 convolution of in_w == out_w rows in one image.
   Taps outside the image add nothing. */
typedef struct li_layer_f32 {
    int32_t in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t filter_h, filter_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int32_t groups;              /* input and output channels are multiples */
    int32_t exact;               /* 1: NUMERICS.md's order of roundings; 0: FMA, and sums in any order */
    int32_t block;               /* 0, or in a 1x1 layer: so many products are summed from 0 before their sum joins the rest */
    float low, high;             /* limits of the output; NaN passes them */
    int32_t w_last;              /* 1: each group has one input channel, and w is [h][w][out_c] as in a depthwise layer */
} li_layer_f32;

/* A whole float layer on weights rearranged once. `exact` results are ref's to the bit; others within
   1e-6 * (|bias| + sum of |x w|) of the definition. bias may be NULL. */
typedef struct li_layer_kernels_f32 {
    const void *loops;           /* these two as in li_layer_kernels */
    int32_t loop;
    /* 0 when the set does not take such a layer; otherwise a multiple of 64. */
    size_t (*packed_bytes)(const void *loops, const li_layer_f32 *layer);
    size_t (*scratch_bytes)(const void *loops, const li_layer_f32 *layer);
    /* `packed` and `scratch` are aligned to 16 bytes, faster to 64. */
    void (*pack)(const void *loops, void *packed, const li_layer_f32 *layer, const float *w);
    /* Rows [first, first + rows) of one image's output, counted from `out`'s row 0. */
    void (*run)(const void *loops, float *out, const float *x, const float *bias, const void *packed, void *scratch,
                const li_layer_f32 *layer, int32_t first, int32_t rows);
} li_layer_kernels_f32;

/* Where a row or column of a resized image lies in the original. */
typedef struct li_blend_point {
    int32_t low;                  /* the neighbour before it, or the nearest one */
    int32_t weight;               /* int8: 2048 times the distance to it, rounded to even; int16: 1024 times */
    float distance;               /* float32 */
} li_blend_point;

/* Operations of pair_f32. */
enum { LI_PAIR_ADD, LI_PAIR_SUB, LI_PAIR_MUL, LI_PAIR_DIV };

/* What float activations under weights of 8 bits take beside sums of products: NUMERICS.md, "Hybrid". */
typedef struct li_hybrid_kernels {
    /* Lowers *low and raises *high to the least and the largest of x, of which NaN is none. */
    void (*range)(const float *x, size_t n, float *low, float *high);
    /* out[i] = clamp(round_even(x[i] * inverse), -128 - zero_point, 127 - zero_point), +0 where that is 0 or NaN: codes less their zero
       point, in [-128, 127]. */
    void (*steps)(float *out, const float *x, float inverse, int32_t zero_point, size_t n);
    /* Rows of n sums become out[c] = limits of (out[c] * (scale * multipliers[c]) + bias[c]), each operation rounded; nothing is added
       where bias is NULL. The scale of row r is scales[r * step]; limits as in pair_f32. */
    void (*scaled)(float *out, const float *multipliers, const float *scales, size_t step, const float *bias, float low, float high, size_t n,
                   size_t rows);
} li_hybrid_kernels;

typedef struct li_kernels {
    const char *name;
    int32_t isa;                     /* LI_ISA_... */
    /* NULL, or li_peak's loop: products and sums of elements of an li_type in registers alone; how many, 0 for other types. */
    uint64_t (*peak)(int32_t type, uint32_t rounds);

    /* sums[c] += sum over k < n of (x[k] - zero_point) * w[c * stride + k], for c < channels, in int32.
       zero_point in [-128, 127], w may hold -128. The caller guarantees that no sum leaves int32. Bytes of w between
       the rows, from the first row's start to the last one's end, may be read too. */
    void (*dots_s8)(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, size_t stride, size_t n,
                    size_t channels);

    /* A depthwise window: for each c < n, over rows i and columns j of the grid in that order,
       sums[c] += (x[i * x_row + j * x_column + c] - zero_point) * w[i * w_row + j * w_column + c].
       The caller guarantees that no sum leaves int32. */
    void (*taps_s8)(int32_t *sums, const int8_t *x, int32_t zero_point, const int8_t *w, const li_tap_grid *grid, size_t n);

    /* Both with int16 activations, without a zero point, and with sums in int64. */
    void (*dots_s16)(int64_t *sums, const int16_t *x, const int8_t *w, size_t stride, size_t n, size_t channels);
    void (*taps_s16)(int64_t *sums, const int16_t *x, const int8_t *w, const li_tap_grid *grid, size_t n);

    /* taps_s8 without a zero point in float32, each product and each sum rounded. */
    void (*taps_f32)(float *sums, const float *x, const float *w, const li_tap_grid *grid, size_t n);

    /* out[c] = clamp(round_even(float(sums[c]) * multipliers[c]) + zero_point, low, high): NUMERICS.md, "requantize". */
    void (*requantize_s8)(int8_t *out, const int32_t *sums, const float *multipliers, int32_t zero_point, int32_t low,
                          int32_t high, size_t n);

    /* out[c] = clamp(((a[c] * factor_a + b[c] * factor_b + bias) >> shift) + zero_point, low, high), >> rounding down.
       shift in [1, 31], low and high in [-128, 127]. The caller guarantees that no sum leaves int32, nor what is added
       to the zero point. `out` may be `a`, `b` or both. */
    void (*add_s8)(int8_t *out, const int8_t *a, const int8_t *b, const li_sum_s8 *sum, size_t n);

    /* Pooling windows: for each c < n over the taps x[i * x_row + j * x_column + c] of a grid of at least one.
       max: out[c] = clamp(the largest, low, high). */
    void (*max_s8)(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n);
    /* average: out[c] = clamp((A + (A > 0 ? t / 2 : -(t / 2))) / t, low, high) in C's integers, where A is the sum of the
       t taps; the caller guarantees that 129 t fits int32. */
    void (*average_s8)(int8_t *out, const int8_t *x, const li_tap_grid *grid, int32_t low, int32_t high, size_t n);

    /* Float convolution in the definition's order: for each c separately, for k ascending,
       sums[c] = sums[c] + x[k] * w(c, k), each operation rounded to float32, no FMA.
       `w` is what pack_f32 wrote when pack_f32_bytes is not NULL and packing is allowed; see dots_f32_packed.
       Unpacked: w(c, k) = w[c * stride + k]. */
    void (*dots_f32)(float *sums, const float *x, const float *w, size_t stride, size_t n, size_t channels);

    /* NULL in sets that gain nothing from packing (ref). Bytes of `channels` rows of `n` weights, packed; multiple of 64. */
    size_t (*pack_f32_bytes)(size_t n, size_t channels);
    /* w(c, k) = w[c * n + k] -> packed. */
    void (*pack_f32)(float *packed, const float *w, size_t n, size_t channels);
    /* As dots_f32, on weights packed as rows of `total` and taking k in [first, first + n) of each. */
    void (*dots_f32_packed)(float *sums, const float *x, const float *packed, size_t total, size_t first, size_t n,
                            size_t channels);

    const li_layer_kernels *conv_s8, *depthwise_s8, *dense_s8;      /* NULL in sets without */
    const li_layer_kernels *conv_zero_s8, *depthwise_zero_s8;       /* weights less w_zero, which are 9 bits: as int16; NULL in sets without */
    const li_layer_kernels *conv_forms_s8[LI_CONV_FORMS];           /* take the place of conv_s8 where they cost less; then NULL */
    const li_layer_kernels_f32 *conv_f32;                           /* NULL in sets without; dense layers too */
    const li_hybrid_kernels *hybrid;                                /* NULL in sets that gain nothing */
    /* A depthwise layer of one image on weights [h][w][c], as li_layer_kernels_f32's run; NULL in sets without. groups, in_c
       and out_c are equal, block is 0. */
    void (*depthwise_f32)(float *out, const float *x, const float *w, const float *bias, const li_layer_f32 *layer, int32_t first,
                          int32_t rows);

    /* The rest is NULL in sets that gain nothing. Limits are li_clamp_f32's: NaN passes, and -0 that of 0.
       out[i] = limits of (a[i * step_a] operation b[i * step_b]), LI_PAIR_...; steps are 0 or 1; `out` may be `a`, `b` or both. */
    void (*pair_f32)(int32_t operation, float *out, const float *a, size_t step_a, const float *b, size_t step_b, float low,
                     float high, size_t n);
    /* out[i] = limits of x[i]; `out` may be `x`. */
    void (*limit_f32)(float *out, const float *x, float low, float high, size_t n);
    /* sums[c] = the sum of a grid's taps, as average_s8 takes it. */
    void (*sums_s8)(int32_t *sums, const int8_t *x, const li_tap_grid *grid, size_t n);
    /* Pooling windows, as max_s8 and average_s8: the sum in order from 0, divided by the number of taps; the first tap, replaced
       by each later one that compares greater. */
    void (*average_f32)(float *out, const float *x, const li_tap_grid *grid, float low, float high, size_t n);
    void (*max_f32)(float *out, const float *x, const li_tap_grid *grid, float low, float high, size_t n);
    /* Of the corners top left, top right, bottom left, bottom right: top = tl + (tr - tl) * across, bottom likewise,
       out[c] = top + (bottom - top) * down. */
    void (*blend_f32)(float *out, const float *const corners[4], float across, float down, size_t n);
    /* Pixels of a row between the rows `top` and `bottom`: from the neighbours l = low * channels + c and r = l + apart of
       each column, above = top[l] * 2048 + (top[r] - top[l]) * weight, below likewise,
       out = (above * 2048 + (below - above) * down + 2^21) >> 22, rounded down. Weights in [0, 2048]; apart is channels or 0;
       `out` is neither row. At least one channel. */
    void (*blend_s8)(int8_t *out, const int8_t *top, const int8_t *bottom, int32_t down, const li_blend_point *columns, size_t pixels,
                     size_t channels, size_t apart);
    /* out[i] = clamp(round_even(x[i] * inverse) + zero_point, low, high), and of NaN zero_point between these limits; zero_point, low
       and high in [-128, 127]. `out` may begin where x does, or below it. */
    void (*quantize_s8)(int8_t *out, const float *x, float inverse, int32_t zero_point, int32_t low, int32_t high, size_t n);
    /* out[i] = clamp(round_even(float((a[i * step_a] - zero_a) * (b[i * step_b] - zero_b)) * multiplier) + zero_point, low, high); steps
       are 0 or 1; `out` may be `a`, `b` or both. */
    void (*mul_s8)(int8_t *out, const int8_t *a, size_t step_a, const int8_t *b, size_t step_b, const li_product_s8 *product, size_t n);
    /* out[i] = table[x[i] + 128]; `out` may be `x`. */
    void (*look_up_s8)(int8_t *out, const int8_t *x, const int8_t *table, size_t n);
    /* out[i] = float(x[i] - zero_point) * scale. */
    void (*dequantize_s8)(float *out, const int8_t *x, int32_t zero_point, float scale, size_t n);
    /* Of n >= 8 elements, p[i] = powers[the largest x - x[i]] of 256 powers, none negative: out[i] = clamp(round(p[i] * (1 / (sum *
       scale))) + zero_point, -128, 127), where sum is that of all p in order from 0, every operation rounded to float32, ties
       away from 0; -128 of NaN. */
    void (*softmax_s8)(int8_t *out, const int8_t *x, const float *powers, float scale, int32_t zero_point, size_t n);
} li_kernels;

extern const li_kernels li_kernels_ref;
extern const li_kernels li_kernels_sse41;       /* LI_X86_KERNELS: these four */
extern const li_kernels li_kernels_avx2;
extern const li_kernels li_kernels_avx_vnni;    /* and LI_KNOWS_AVX_VNNI */
extern const li_kernels li_kernels_avx512_vnni;
extern const li_kernels li_kernels_neon;        /* LI_AARCH64; LI_NEON_SIZES: sizes alone */
extern const li_kernels li_kernels_dotprod;     /* LI_AARCH64_DOTPROD; likewise */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Limits and switches, each with its reason. Override with -D. */
#ifndef LI_CONFIG_H
#define LI_CONFIG_H

#include <float.h>
#include <limits.h>
#include <stdint.h>

/* Largest tensor rank. Six covers every builtin operator that we run; shapes lie inline in the tensor's record. */
#ifndef LI_MAX_RANK
#define LI_MAX_RANK 6
#endif

/* Tensors, and likewise operators, of the graph that runs. Placement compares tensors pairwise: this bounds the time that
   a hostile file can take (about 0.1 s on a workstation). Indices of the planner are 16-bit. */
#ifndef LI_MAX_TENSORS
#define LI_MAX_TENSORS 8192
#endif
_Static_assert(LI_MAX_TENSORS <= 32768, "the planner counts in 16 bits");

/* More threads than any machine that we measure has; scratch grows with it. */
#ifndef LI_MAX_THREADS
#define LI_MAX_THREADS 256
#endif

/* Bytes of state that operators may take beyond 64 times the file. Checking and preparing them takes time in proportion,
   and operators that share long constants need much of it: this keeps loading O(size). */
#define LI_STATE_BUDGET ((uint64_t)64 << 20)

/* Inputs whose element types a row of ops.toml can tell apart. */
#define LI_MAX_TYPED_OPERANDS 4

/* Alignment of the memory parts and of every tensor in the arena, in bytes; part of the plan's wire format in practice. */
#define LI_ALIGNMENT 16u

/* 1 where float operations are library calls: requantization then computes in integers, with the same result. */
#ifndef LI_SOFT_FLOAT
#if defined(__SOFTFP__) || (defined(__riscv) && !defined(__riscv_flen))
#define LI_SOFT_FLOAT 1
#else
#define LI_SOFT_FLOAT 0
#endif
#endif

/* 1 where a product of 64 bits is a library call, as on Cortex-M0. */
#ifndef LI_SHORT_PRODUCTS
#if defined(__thumb__) && !defined(__thumb2__)
#define LI_SHORT_PRODUCTS 1
#else
#define LI_SHORT_PRODUCTS 0
#endif
#endif

_Static_assert(FLT_EVAL_METHOD == 0, "float expressions must be evaluated in float: on x86 use -msse2 -mfpmath=sse");
_Static_assert(sizeof(float) == 4 && FLT_MANT_DIG == 24 && FLT_MAX_EXP == 128, "IEEE binary32 is required");
_Static_assert(sizeof(double) == 8 && DBL_MANT_DIG == 53, "IEEE binary64 is required");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "liteinterp reads the little-endian file in place"
#endif

#endif

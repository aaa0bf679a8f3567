/* SPDX-License-Identifier: Apache-2.0 */
/* The only contact with libc: three functions that every compiler needs anyway. Replace them here for a bare system. */
#ifndef LI_PORT_H
#define LI_PORT_H

#if defined(__STDC_HOSTED__) && __STDC_HOSTED__ == 0 && defined(__GNUC__)
/* Compiled with -ffreestanding there may be no <string.h>, and a copy of four bytes would become a call. */
#define li_copy __builtin_memcpy
#define li_move __builtin_memmove
#define li_fill __builtin_memset
#else
#include <string.h>

#define li_copy memcpy      /* (to, from, bytes), not overlapping */
#define li_move memmove     /* (to, from, bytes) */
#define li_fill memset      /* (to, byte, bytes) */
#endif

/* Parts of hot loops, inlined where a compiler that saves bytes would call them. */
#if defined(__GNUC__)
#define LI_INLINE static inline __attribute__((always_inline))
#else
#define LI_INLINE static inline
#endif

/* Code for one instruction set inside a portable file: chosen at run time, so never by a flag of the whole file. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define LI_X86 1
#else
#define LI_X86 0
#endif
#if defined(__GNUC__) && defined(__aarch64__)
#define LI_AARCH64 1
#else
#define LI_AARCH64 0
#endif
/* Before version 16 clang has the dot product's intrinsics only where a flag of the whole file allows them. */
#if LI_AARCH64 && (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_DOTPROD))
#define LI_AARCH64_DOTPROD 1
#else
#define LI_AARCH64_DOTPROD 0
#endif
/* Without its floor x86 has no kernels of its own. */
#if LI_X86 && !defined(LI_WITHOUT_SSE41)
#define LI_X86_KERNELS 1
#else
#define LI_X86_KERNELS 0
#endif
/* Whether any kernel set of the build packs weights; the portable one does not. */
#if LI_X86_KERNELS || (LI_AARCH64 && !defined(LI_WITHOUT_NEON))
#define LI_PACKS 1
#else
#define LI_PACKS 0
#endif
/* AArch64's sets stand, with sizes alone, in builds for x86 that have kernels too. */
#if (LI_AARCH64 || LI_X86_KERNELS) && !defined(LI_WITHOUT_NEON)
#define LI_NEON_SIZES 1
#else
#define LI_NEON_SIZES 0
#endif
/* Older compilers do not know AVX-VNNI; Apple's clang counts by its own versions. */
#if LI_X86 && defined(__apple_build_version__)
#define LI_KNOWS_AVX_VNNI (__clang_major__ >= 13)
#elif LI_X86 && defined(__clang__)
#define LI_KNOWS_AVX_VNNI (__clang_major__ >= 12)
#elif LI_X86
#define LI_KNOWS_AVX_VNNI (__GNUC__ >= 11)
#else
#define LI_KNOWS_AVX_VNNI 0
#endif
#if LI_X86 || LI_AARCH64
#define LI_TARGET(isa) __attribute__((target(isa)))
#else
#define LI_TARGET(isa)
#endif

/* A function whose frame would otherwise lie on the stack all the while its caller calls others. */
#if defined(__GNUC__)
#define LI_NOT_INLINE __attribute__((noinline))
#else
#define LI_NOT_INLINE
#endif

#endif

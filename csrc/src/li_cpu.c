/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernels this machine can run: asked of the processor where that is allowed, so the core needs no operating system. */
#include "li_internal.h"
#include "li_kernels.h"

#if LI_X86_KERNELS
#include <cpuid.h>

typedef struct li_cpu_x86 { bool sse41, avx2, avx_vnni, avx512_vnni; } li_cpu_x86;

/* A set is usable when the processor has it and the system saves its registers: XCR0 bits 1 and 2, 5 to 7 for AVX-512. */
static li_cpu_x86 li_cpu_ask(void)
{
    li_cpu_x86 found = { false, false, false, false };
    uint32_t a, b, c, d;
    const uint32_t last = (uint32_t)__get_cpuid_max(0, NULL);
    if (last < 1) {
        return found;
    }
    __cpuid(1, a, b, c, d);
    found.sse41 = (c & (1u << 9)) != 0 && (c & (1u << 19)) != 0;     /* SSSE3, SSE4.1 */
    const uint32_t needed = (1u << 12) | (1u << 27) | (1u << 28);    /* FMA, OSXSAVE, AVX */
    if (last < 7 || (c & needed) != needed) {
        return found;
    }
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    __cpuid_count(7, 0, a, b, c, d);
    const uint32_t leaves = a;
    const uint32_t foundation = (1u << 16) | (1u << 30) | (1u << 31);    /* AVX-512 F, BW, VL */
    found.avx2 = (low & 0x06) == 0x06 && (b & (1u << 5)) != 0;
    found.avx512_vnni = found.avx2 && (low & 0xe6) == 0xe6 && (b & foundation) == foundation && (c & (1u << 11)) != 0;
    if (leaves >= 1) {
        __cpuid_count(7, 1, a, b, c, d);
        found.avx_vnni = found.avx2 && (a & (1u << 4)) != 0;
    }
    return found;
}
#endif

#if LI_AARCH64_DOTPROD && !defined(LI_WITHOUT_NEON) && !defined(LI_WITHOUT_DOTPROD)
#if defined(__ARM_FEATURE_DOTPROD) || !defined(__linux__)
static bool li_cpu_dotprod(void)
{
#if defined(__ARM_FEATURE_DOTPROD)
    return true;     /* the build asks for it */
#else
    return false;    /* no system to ask */
#endif
}
#else
/* Programs may not read the processor's own registers on every kernel, so this asks the C library, where there is one:
   the reference is weak and adds no dependency. */
extern unsigned long getauxval(unsigned long type) __attribute__((weak));

static bool li_cpu_dotprod(void)
{
    enum { AT_HWCAP = 16, HWCAP_ASIMDDP = 1 << 20 };    /* of Linux on AArch64 */
    return getauxval != NULL && (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
#endif
#endif

const li_kernels *li_kernels_known(int32_t isa)
{
    static const li_kernels *const sets[] = {
        &li_kernels_ref,
#if LI_X86_KERNELS
        &li_kernels_sse41,
#if !defined(LI_WITHOUT_AVX2)
        &li_kernels_avx2,
#if LI_KNOWS_AVX_VNNI && !defined(LI_WITHOUT_AVX_VNNI)
        &li_kernels_avx_vnni,
#endif
#if !defined(LI_WITHOUT_AVX512_VNNI)
        &li_kernels_avx512_vnni,
#endif
#endif
#endif
#if LI_NEON_SIZES
        &li_kernels_neon,
#if !LI_AARCH64 || (LI_AARCH64_DOTPROD && !defined(LI_WITHOUT_DOTPROD))
        &li_kernels_dotprod,
#endif
#endif
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (sets[i]->isa == isa) {
            return sets[i];
        }
    }
    return NULL;
}

const li_kernels *li_kernels_choose(int32_t isa)
{
#if LI_X86_KERNELS
    const li_cpu_x86 has = li_cpu_ask();
#if !defined(LI_WITHOUT_AVX2)
#if !defined(LI_WITHOUT_AVX512_VNNI)
    if ((isa == LI_ISA_BEST || isa == LI_ISA_AVX512_VNNI) && has.avx512_vnni) {
        return &li_kernels_avx512_vnni;
    }
#endif
#if LI_KNOWS_AVX_VNNI && !defined(LI_WITHOUT_AVX_VNNI)
    if ((isa == LI_ISA_BEST || isa == LI_ISA_AVX_VNNI) && has.avx_vnni) {
        return &li_kernels_avx_vnni;
    }
#endif
    if ((isa == LI_ISA_BEST || isa == LI_ISA_AVX2) && has.avx2) {
        return &li_kernels_avx2;
    }
#endif
    if ((isa == LI_ISA_BEST || isa == LI_ISA_SSE41) && has.sse41) {
        return &li_kernels_sse41;
    }
#endif
#if LI_AARCH64 && !defined(LI_WITHOUT_NEON)
#if LI_AARCH64_DOTPROD && !defined(LI_WITHOUT_DOTPROD)
    if ((isa == LI_ISA_BEST || isa == LI_ISA_DOTPROD) && li_cpu_dotprod()) {
        return &li_kernels_dotprod;
    }
#endif
    if (isa == LI_ISA_BEST || isa == LI_ISA_NEON) {
        return &li_kernels_neon;
    }
#endif
    return isa == LI_ISA_BEST || isa == LI_ISA_REF ? &li_kernels_ref : NULL;
}

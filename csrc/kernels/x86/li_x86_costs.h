/* SPDX-License-Identifier: Apache-2.0 */
/* Which row of the measured costs of li_x86_costs.c is a set's. */
#ifndef LI_X86_COSTS_H
#define LI_X86_COSTS_H

enum { LI_X86_COSTS_AVX2, LI_X86_COSTS_AVX2_WIDE, LI_X86_COSTS_AVX_VNNI, LI_X86_COSTS_AVX512_VNNI, LI_X86_COSTS };

/* Packed bytes of a network that stay in a second-level cache, beside what they are multiplied with: int16 gains up to here. */
enum { LI_X86_WIDE_BYTES = 512 * 1024 };

#endif

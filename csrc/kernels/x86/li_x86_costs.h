/* SPDX-License-Identifier: Apache-2.0 */
/* Which row of the measured costs of li_x86_costs.c is a set's. */
#ifndef LI_X86_COSTS_H
#define LI_X86_COSTS_H

enum { LI_X86_COSTS_AVX2, LI_X86_COSTS_AVX512_VNNI, LI_X86_COSTS };

#endif

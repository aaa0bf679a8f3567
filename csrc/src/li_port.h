/* SPDX-License-Identifier: Apache-2.0 */
/* The only contact with libc: three functions that every compiler needs anyway. Replace them here for a bare system. */
#ifndef LI_PORT_H
#define LI_PORT_H

#include <string.h>

#define li_copy memcpy      /* (to, from, bytes), not overlapping */
#define li_move memmove     /* (to, from, bytes) */
#define li_fill memset      /* (to, byte, bytes) */

/* Code for one instruction set inside a portable file: chosen at run time, so never by a flag of the whole file. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define LI_X86 1
#define LI_TARGET(isa) __attribute__((target(isa)))
#else
#define LI_X86 0
#define LI_TARGET(isa)
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Operators in a row, divided among the net's threads as one job: li_crew.c. */
#ifndef LI_CREW_H
#define LI_CREW_H

#include "li_internal.h"

enum { LI_CREW_THREADS = 8 };    /* of more, every operator is a job of its own */

typedef struct li_crew_member li_crew_member;

#if LI_PACKS
/* Runs nodes from `first` on as far as they are nothing but bands; answers the first one that is left, `first` where there are fewer
   than two. */
uint32_t li_crew_run(li_net *net, uint32_t first);
#else
static inline uint32_t li_crew_run(li_net *net, uint32_t first) { return (void)net, first; }
#endif

#endif

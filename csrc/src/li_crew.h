/* SPDX-License-Identifier: Apache-2.0 */
/* Operators in a row, divided among the net's threads as one job: li_crew.c. */
#ifndef LI_CREW_H
#define LI_CREW_H

#include "li_internal.h"
#include "li_kernels.h"

enum { LI_CREW_THREADS = 8 };    /* of more, every operator is a job of its own */

typedef struct li_crew_member li_crew_member;

/* Bytes that threads keep of each other, two lines of the cache each: where copies of constants of uint8 operators lie at other times. */
enum { LI_CREW_LINE = 64 };
static inline uint64_t li_crew_bytes(const li_net *net)
{
    return LI_PACKS && net->threads > 1 && net->threads <= LI_CREW_THREADS ? LI_CREW_LINE * (2 * (uint64_t)net->threads + 1) : 0;
}

#if LI_PACKS
/* Runs nodes from `first` on as far as they are nothing but bands; answers the first one that is left, `first` where there are fewer
   than two. */
uint32_t li_crew_run(li_net *net, uint32_t first);

/* For a member, which runs an operator on its view of the node: the band of `count` that it runs next, -1 where none is left to it.
   By asking it says that the band before is done. */
int32_t li_crew_next(const li_node *node, int32_t count);
#else
static inline uint32_t li_crew_run(li_net *net, uint32_t first) { return (void)net, first; }
#endif

#endif

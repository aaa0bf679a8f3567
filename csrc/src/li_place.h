/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of tensors that share bytes, which li_groups.c makes and li_place.c gives offsets to.
 *
 * Time is a step per operator: inputs exist from step 0, operator k runs in step k + 1, outputs are read in step
 * operators + 1. Every loop is over groups x groups or groups x steps, both limited by LI_MAX_TENSORS.
 */
#ifndef LI_PLACE_H
#define LI_PLACE_H

#include "li_core.h"

#define LI_NO_GROUP UINT16_MAX    /* a tensor outside the arena */

/* The planner's memory behind the nodes: LI_PLACE_BYTES per tensor. Arrays are indexed by tensor; a group is known by its
   root, the tensor that comes first. */
typedef struct li_place {
    li_net *net;
    uint16_t *root, *first, *last;    /* first and last step of the tensor, of the whole group at a root */
    uint16_t *onto;                   /* at a root: the group that dies where this one begins, and that it may overwrite */
    uint16_t *order, *placed;         /* group_count roots: to be placed, and placed by rising offset */
    uint32_t *breadth;                /* most bytes alive at any step of the group */
    uint32_t groups, steps;
} li_place;

/* Where the planner works: behind the nodes of a net whose tensors and nodes are read. */
void li_place_memory(li_place *place, li_net *net);
/* Lifetimes, then groups in execution order; `stored` (0: none) is the plan that they have to agree with. */
void li_place_groups(li_place *place, uint32_t stored);
/* The most bytes alive at any step, each group's breadth on the way. At any step the groups alive lie apart at multiples of
   the alignment, and only the topmost can save its rounding. */
uint64_t li_place_bound(li_place *place);

static inline uint64_t li_rounded(const li_tensor *t)
{
    return li_size_round_up(t->bytes, LI_ALIGNMENT);
}

static inline bool li_meet(const li_place *place, uint32_t a, uint32_t b)
{
    return place->first[a] <= place->last[b] && place->first[b] <= place->last[a];
}

/* One of two groups may overwrite the other: their bytes may meet if the smaller one begins at or below the larger. */
static inline bool li_are_stacked(const li_place *place, uint32_t a, uint32_t b)
{
    return place->onto[a] == b || place->onto[b] == a;
}

#endif

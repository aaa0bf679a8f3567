/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: the elements of a tensor in another order, or some of them, without their values being looked at. Operators
 * that only move data describe where each output element comes from once, in their state, and copy at run time.
 */
#ifndef LI_VIEW_H
#define LI_VIEW_H

#include "li_ops.h"

/* Output element (i0, i1, ...) is input element start + sum of i[d] * steps[d]. */
typedef struct li_view {
    uint32_t rank;                                    /* at least 1 */
    int32_t dims[LI_MAX_RANK], steps[LI_MAX_RANK];    /* of the output; steps in elements of the input, of any sign */
    uint32_t start;
    uint32_t element;                                 /* bytes */
} li_view;

/* Fills a view; dimensions of size 1 go, and those that stay neighbours become one. `rank` is at most LI_MAX_RANK. */
void li_view_make(li_view *view, uint32_t rank, const int32_t *dims, const int32_t *steps, uint32_t start, uint32_t element);

/* Elements between neighbours of each dimension of a tensor. */
void li_view_steps(const li_tensor *t, int32_t *steps);

/* Copies the view of `x` to `out`, which must not overlap, on the net's threads. A view without elements reads and writes
   nothing. */
void li_view_copy(const li_net *net, const li_node *node, void *out, const void *x, const li_view *view);

/* Input and output are int8 and share scale and zero point, or are of a type whose bytes need no meaning to be moved. */
li_status li_need_moved(li_net *net, const li_node *node, const li_tensor *input, const li_tensor *output);

/* `count` runs of `bytes`, so many bytes from one to the next on either side; of few bytes too. */
void li_copy_runs(void *to, size_t to_step, const void *from, size_t from_step, size_t bytes, size_t count);

#endif

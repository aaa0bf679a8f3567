/* SPDX-License-Identifier: Apache-2.0 */
/* TRANSPOSE_CONV's geometry, and its way over the loops of convolutions. */
#ifndef LI_TRANSPOSE_CONV_H
#define LI_TRANSPOSE_CONV_H

#include "li_weights.h"

/* One spatial dimension. Input position i and tap k meet at output position i * stride + k - before. */
typedef struct li_spread { int32_t in, out, filter, stride, before; } li_spread;

typedef struct li_transpose_conv_state {  /* in int8 a float multiplier, or a li_fixed, per output channel follows */
    li_spread rows, columns;
    int32_t batches, in_c, out_c;
    int32_t activation;
    int32_t is_fixed;
    li_epilogue end;
} li_transpose_conv_state;

static inline size_t li_transpose_conv_taps(const li_transpose_conv_state *s)
{
    return (size_t)s->rows.filter * (size_t)s->columns.filter * (size_t)s->in_c;
}

/* By phases: li_transpose_phases.c. Plan sets the node's loop where they are taken, and packed and scratch bytes; the other two are
   for such nodes alone. */
#if LI_PACKS
void li_transpose_phases_plan(li_net *net, li_node *node, const li_transpose_conv_state *s);
void li_transpose_phases_prepare(const li_net *net, const li_node *node, const li_transpose_conv_state *s);
void li_transpose_phases_run(const li_net *net, const li_node *node, const li_transpose_conv_state *s);
#else
static inline void li_transpose_phases_plan(li_net *net, li_node *node, const li_transpose_conv_state *s) { (void)net, (void)node, (void)s; }
static inline void li_transpose_phases_prepare(const li_net *net, const li_node *node, const li_transpose_conv_state *s)
{
    (void)net, (void)node, (void)s;
}
static inline void li_transpose_phases_run(const li_net *net, const li_node *node, const li_transpose_conv_state *s)
{
    (void)net, (void)node, (void)s;
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* ADD, SUB, MUL, DIV, MAXIMUM and MINIMUM of int32 and int64, as shapes are computed with: docs/NUMERICS.md, "Integers". */
#ifndef LI_INTEGERS_H
#define LI_INTEGERS_H

#include "li_pair.h"

static inline int li_integers_are(const li_net *net, const li_node *node)
{
    const int8_t type = li_node_input(net, node, 0)->type;
    return type == LI_INT32 || type == LI_INT64;
}

/* As li_pair_prepare; the kind is the operator. */
void li_integers_prepare(li_net *net, const li_node *node, li_pair_state *s, int32_t activation);

/* LI_BAD_INPUT where a divisor is 0, before anything is written. */
li_status li_integers_run(li_net *net, const li_node *node);

#endif

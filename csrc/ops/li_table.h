/* SPDX-License-Identifier: Apache-2.0 */
/* What functions of one element share: in int8 a table of 256 entries, in float32 a loop. docs/NUMERICS.md, "Tables". */
#ifndef LI_TABLE_H
#define LI_TABLE_H

#include "li_ops.h"

typedef struct li_table_state { int8_t entries[256]; } li_table_state;     /* entries[x + 128] */

/* A function in double precision, with its value at every float. */
typedef double (*li_function)(double x);

/* How the function's value becomes an entry: the two families of kernels in LiteRT differ. */
enum li_table_rule {
    LI_TABLE_EVEN,   /* round_even(y / scale + zero_point): delegated operators */
    LI_TABLE_AWAY    /* round_away(y / scale) + zero_point: LiteRT's own kernels */
};

/* The input's shape, quantization on both sides, room for the table. */
li_status li_table_plan(li_net *net, li_node *node);

/* As li_table_plan; the input's scale over the output's must be below 2^16, so that fixed-point sums stay in 32 bits. */
li_status li_table_plan_rescaled(li_net *net, li_node *node);

/* Fill the table of an int8 node with a function's values, rounded to float32 before they are scaled; else do nothing. */
void li_table_fill(li_net *net, const li_node *node, li_function function, enum li_table_rule rule);

/* out[i] = entries[x[i] + 128]. In place when input and output are the same bytes. */
void li_table_look_up(li_net *net, const li_node *node);

/* int8: look up. float32: the function of each element, rounded once. */
li_status li_table_run(li_net *net, const li_node *node, li_function function);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Activations as operators of their own on int16: docs/NUMERICS.md, "16-bit activations". */
#ifndef LI_WIDE_ACTIVATION_H
#define LI_WIDE_ACTIVATION_H

#include "li_table.h"

/* Outputs in [-1, 1) have the scale 1/32768 and nothing else. */
li_status li_wide_unit_check(li_net *net, const li_node *node, const li_tensor *output);

/* LOGISTIC and TANH: shape, scales, state. The input's scale is below 32768 / 12288. */
li_status li_wide_gate_plan(li_net *net, li_node *node);
void li_wide_gate_prepare(li_net *net, const li_node *node);
void li_wide_logistic_run(li_net *net, const li_node *node);
void li_wide_tanh_run(li_net *net, const li_node *node);

/* Two factors, that from 0 on and that below, whose sign may be negative, and limits: RELU, RELU6, LEAKY_RELU. */
typedef struct li_wide_bend {
    li_fixed above, below;
    int32_t sign_below;
    int32_t low, high;
} li_wide_bend;

void li_wide_bend_run(li_net *net, const li_node *node);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The loop. Everything was verified before; what is left to fail is in the data or in the caller's hook. */
#include "li_core.h"
#include "li_crew.h"

static li_status li_run_node(li_net *net, uint32_t i)
{
    const li_node *node = li_node_record(net, i);
    const li_hook_fn hook = net->hook.hook;
    if (hook != NULL && hook(net->hook_context.pointer, net, (int32_t)i, 0) != 0) {
        return li_fail(net, LI_CANCELLED, LI_RULE_RUN_CANCELLED, node, NULL, 0, 0);
    }
    if (node->output_count != 0) {
        LI_TRY(node->as_int8 != 0 ? li_as_int8_run(net, node, hook == NULL) : li_operation_rows[node->row].run(net, node));
    }
    if (hook != NULL && hook(net->hook_context.pointer, net, (int32_t)i, 1) != 0) {
        return li_fail(net, LI_CANCELLED, LI_RULE_RUN_CANCELLED, node, NULL, 0, 1);
    }
    return LI_OK;
}

li_status li_run(li_net *net)
{
    if (net == NULL || net->magic != LI_MAGIC) {
        return LI_BAD_ARGUMENT;
    }
    for (uint32_t i = 0; i < net->node_count;) {
        const uint32_t next = li_crew_run(net, i);
        if (next == i) LI_TRY(li_run_node(net, i));
        i = next == i ? i + 1 : next;
    }
    return LI_OK;
}

li_status li_run_operator(li_net *net, int32_t i)
{
    if (net == NULL || net->magic != LI_MAGIC) {
        return LI_BAD_ARGUMENT;
    }
    if (i < 0 || (uint32_t)i >= net->node_count) {
        return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_OPERATOR_INDEX, NULL, NULL, net->node_count, i);
    }
    return li_run_node(net, (uint32_t)i);
}

li_status li_reset(li_net *net)
{
    if (net == NULL || net->magic != LI_MAGIC) {
        return LI_BAD_ARGUMENT;
    }
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        const li_tensor *t = li_tensor_record(net, i);
        if (t->home == LI_HOME_STATE) {
            const bool shifted = t->type == LI_INT8 || t->type == LI_UINT8;
            li_fill((uint8_t *)net + t->data, shifted ? (uint8_t)li_tensor_zero_point(net, t, 0) : 0, t->bytes);
        }
    }
    return LI_OK;
}

void li_hook(li_net *net, li_hook_fn hook, void *context)
{
    if (net != NULL) {
        net->hook.hook = hook;
        net->hook_context.pointer = context;
    }
}

void li_last_fault(const li_net *net, li_fault *fault)
{
    if (fault == NULL) {
        return;
    }
    if (net == NULL || net->magic != LI_MAGIC) {
        li_fault_set(fault, LI_BAD_ARGUMENT, LI_RULE_NET_STATE, 0, 0);
    } else {
        *fault = net->fault;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a model in the caller's memory: check and plan once more, on the state part itself, so that no call order and no
 * file can make the rest unsafe; then every operator prepares its multipliers, tables and packed weights.
 */
#include "li_core.h"
#include "li_kernels.h"

/* ---- the memory parts ---- */

static li_status li_check_part(const void *part, size_t bytes, int64_t needed, int32_t rule, li_fault *fault)
{
    if ((uintptr_t)part % LI_ALIGNMENT != 0) {
        return li_fault_set(fault, LI_MISALIGNED, LI_RULE_MEMORY_ALIGNMENT, LI_ALIGNMENT,
                            (int64_t)((uintptr_t)part % LI_ALIGNMENT));
    }
    if (part == NULL && bytes != 0) {
        return li_fault_set(fault, LI_BAD_ARGUMENT, LI_RULE_ARGUMENT_NULL, needed, 0);
    }
    if ((int64_t)bytes < needed) {
        return li_fault_set(fault, LI_NO_MEMORY, rule, needed, (int64_t)bytes);
    }
    return LI_OK;
}

static li_status li_check_parts(const li_memory *memory, const li_need *need, li_fault *fault)
{
    LI_TRY(li_check_part(memory->state, memory->state_bytes, (int64_t)need->state, LI_RULE_STATE_TOO_SMALL, fault));
    LI_TRY(li_check_part(memory->arena, memory->arena_bytes, (int64_t)need->arena, LI_RULE_ARENA_TOO_SMALL, fault));
    LI_TRY(li_check_part(memory->scratch, memory->scratch_bytes, (int64_t)need->scratch, LI_RULE_SCRATCH_TOO_SMALL, fault));
    return li_check_part(memory->packed, memory->packed_bytes, (int64_t)need->packed, LI_RULE_PACKED_TOO_SMALL, fault);
}

/* ---- the main flow ---- */

/* Fills node states, packed weights and variables; the net is complete afterwards. */
LI_NOT_INLINE static li_status li_prepare(li_net *net)
{
    const bool ready = (net->flags & LI_PACKED_READY) != 0;
    if (net->packed_bytes != 0) {
        if (ready) {
            LI_TRY(li_check_packed(net));
        } else {
            li_fill(net->packed.pointer, 0, net->packed_bytes);    /* no header until it is true, and no byte that nothing wrote */
        }
    }
    for (uint32_t i = 0; i < net->node_count; i++) {
        const li_node *node = li_node_record(net, i);
        if (node->output_count == 0) {
            continue;
        }
        if (node->as_int8 != 0) {
            li_as_int8_prepare(net, node);
        } else if (li_operation_rows[node->row].prepare != NULL) {
            li_operation_rows[node->row].prepare(net, node);
        }
    }
    if (net->packed_bytes != 0 && !ready) {
        li_stamp_packed(net);
    }
    net->magic = LI_MAGIC;
    return li_reset(net);
}

li_status li_open(li_net **opened, const void *model, size_t size, const li_memory *memory, const li_options *options,
                  li_fault *fault)
{
    li_info info;
    li_need need;
    if (opened == NULL || memory == NULL) {
        return li_fault_set(fault, LI_BAD_ARGUMENT, LI_RULE_ARGUMENT_NULL, 0, 0);
    }
    *opened = NULL;
    LI_TRY(li_check(model, size, &info, fault));
    /* Less than planning takes is refused before the real need is known; the need is never less. */
    li_fill(&need, 0, sizeof need);
    need.state = info.work_bytes;
    LI_TRY(li_check_parts(memory, &need, fault));

    li_net *net = (li_net *)memory->state;
    li_status status = li_net_begin(net, model, &info, size, options);
    if (status == LI_OK && (net->flags & LI_PLAN_ONLY) != 0) {
        status = li_fail(net, LI_BAD_ARGUMENT, LI_RULE_OPTIONS_VALUE, NULL, NULL, 0, LI_PLAN_ONLY);
    }
    if (status == LI_OK) {
        status = li_plan_net(net, options, &need);
    }
    if (status == LI_OK) {
        status = li_check_parts(memory, &need, &net->fault);
    }
    if (status == LI_OK) {
        net->arena.pointer = memory->arena;
        net->scratch.pointer = memory->scratch;
        net->packed.pointer = memory->packed;
        if (net->stored_packed != 0) {    /* read-only from here on, as LI_PACKED_READY has it */
            net->packed.pointer = (void *)((uintptr_t)model + net->stored_packed);
            net->flags |= LI_PACKED_READY;
        }
        status = li_prepare(net);
    }
    if (fault != NULL) {
        *fault = net->fault;
    }
    if (status == LI_OK) {
        *opened = net;
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers that follow from shapes: SHAPE and what is computed of its result, as files with open dimensions have it. All
 * shapes are fixed while planning, so such an operator runs once, there, and its result is a constant from then on: the
 * operands of RESHAPE, SLICE and STRIDED_SLICE may come from it. Results lie behind the nodes; a net whose file has no
 * SHAPE has no room for them. What does not fit in, or is an error in the data, is left to run as any operator.
 */
#include "li_core.h"

/* Longer results are data, not shapes. */
enum { LI_KNOWN_ELEMENTS = 64 };

typedef void (*li_known_prepare_fn)(li_net *net, const li_node *node);
typedef li_status (*li_known_run_fn)(li_net *net, const li_node *node);

uint32_t li_known_capacity(const uint8_t *file, uint32_t tensors)
{
    uint32_t codes;
    const uint32_t first = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_operator_codes, &codes);
    for (uint32_t i = 0; i < codes; i++) {
        const uint32_t entry = li_vector_child(file, first, i);
        const int32_t old = li_table_i8(file, entry, LI_SLOT_OperatorCode_deprecated_builtin_code, 0);
        const int32_t wide = li_table_i32(file, entry, LI_SLOT_OperatorCode_builtin_code, 0);
        if ((old > wide ? old : wide) == LI_OP_SHAPE) {
            return 1024 + LI_ALIGNMENT * (tensors < LI_MAX_TENSORS ? tensors : LI_MAX_TENSORS);
        }
    }
    return 0;
}

static bool li_follows_shapes(const li_node *node)
{
    switch (li_operation_rows[node->row].builtin) {
    case LI_OP_ADD:
    case LI_OP_CAST:
    case LI_OP_CONCATENATION:
    case LI_OP_DIV:
    case LI_OP_EXPAND_DIMS:
    case LI_OP_GATHER:
    case LI_OP_MAXIMUM:
    case LI_OP_MINIMUM:
    case LI_OP_MUL:
    case LI_OP_PACK:
    case LI_OP_RESHAPE:
    case LI_OP_SHAPE:
    case LI_OP_SLICE:
    case LI_OP_SQUEEZE:
    case LI_OP_STRIDED_SLICE:
    case LI_OP_SUB:
        return true;
    default:
        return false;
    }
}

static bool li_is_small_integer(const li_tensor *t)
{
    return (t->type == LI_INT32 || t->type == LI_INT64) && li_tensor_elements(t) <= LI_KNOWN_ELEMENTS;
}

static bool li_has_known_operands(const li_net *net, const li_node *node)
{
    if (li_operation_rows[node->row].builtin == LI_OP_SHAPE) {
        return true;    /* of its operand it reads the dimensions alone */
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        const li_tensor *t = li_node_input(net, node, i);
        if (t != NULL && ((t->home != LI_HOME_MODEL && t->home != LI_HOME_KNOWN) || !li_is_small_integer(t))) {
            return false;
        }
    }
    return true;
}

void li_know_result(li_net *net, li_node *node)
{
    if (net->known_end == net->known_limit || !li_follows_shapes(node) || node->output_count != 1) {
        return;
    }
    li_tensor *result = li_node_output(net, node, 0);
    if (!li_is_small_integer(result) || !li_has_known_operands(net, node)) {
        return;
    }
    const uint64_t state = li_size_round_up((uint64_t)net->known_end + result->bytes, LI_ALIGNMENT);
    if (li_size_add(state, node->state_bytes) > net->known_limit) {
        return;
    }
    const li_known_prepare_fn prepare_known = li_operation_rows[node->row].prepare;
    const li_known_run_fn run_known = li_operation_rows[node->row].run;
    result->home = LI_HOME_KNOWN;
    result->data = net->known_end;
    node->state = (uint32_t)state;
    if (prepare_known != NULL) {
        prepare_known(net, node);
    }
    if (run_known(net, node) != LI_OK) {    /* an index outside: the run will say so */
        li_fault_set(&net->fault, LI_OK, LI_RULE_NONE, 0, 0);
        result->home = LI_HOME_ARENA;
        result->data = 0;
        return;
    }
    net->known_end = (uint32_t)state;
    node->input_count = node->output_count = 0;
    node->state_bytes = node->scratch_bytes = 0;
}

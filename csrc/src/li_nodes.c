/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the operators in file order: which one it is, whether its operands exist, are ready and have types that it takes;
 * then the family's own plan() checks the rest and gives the outputs their shapes. File order is execution order, so an
 * operand that nothing has shaped yet is read too early.
 */
#include "li_core.h"

static li_status li_refuse_code(li_net *net, uint32_t index, li_status status, int32_t rule, int64_t needed, int64_t had,
                                int32_t builtin)
{
    li_fail(net, status, rule, NULL, NULL, needed, had);
    net->fault.operation = (int32_t)index;
    net->fault.builtin = builtin;
    return status;
}

/* Which row of li_operation_rows the operator is, its version and its options table. */
static li_status li_read_code(li_net *net, uint32_t index, uint32_t table, li_node *node)
{
    const uint8_t *file = li_file(net);
    uint32_t codes;
    const uint32_t first = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_operator_codes, &codes);
    const uint32_t code = li_table_u32(file, table, LI_SLOT_Operator_opcode_index, 0);
    if (code >= codes) {
        return li_refuse_code(net, index, LI_BAD_MODEL, LI_RULE_OPERATOR_CODE, codes, code, -1);
    }
    const uint32_t entry = li_vector_child(file, first, code);
    /* The older field has 8 bits and holds 127 for codes beyond; writers fill either or both. */
    const int32_t old = li_table_i8(file, entry, LI_SLOT_OperatorCode_deprecated_builtin_code, 0);
    const int32_t wide = li_table_i32(file, entry, LI_SLOT_OperatorCode_builtin_code, 0);
    const int32_t builtin = old > wide ? old : wide;
    uint32_t row = 0;
    while (row < li_operation_count && li_operation_rows[row].builtin != builtin) {
        row++;
    }
    if (row == li_operation_count) {
        return li_refuse_code(net, index, LI_UNSUPPORTED, LI_RULE_OPERATOR_UNKNOWN, -1, builtin, builtin);
    }
    const li_operation *operation = &li_operation_rows[row];
    const int32_t version = li_table_i32(file, entry, LI_SLOT_OperatorCode_version, 1);
    if (version > operation->max_version) {
        return li_refuse_code(net, index, LI_UNSUPPORTED, LI_RULE_OPERATOR_VERSION, operation->max_version, version,
                              builtin);
    }
    node->row = (uint8_t)row;
    if (operation->options_tag != 0) {
        const uint32_t tag_at = li_table_field(file, table, LI_SLOT_Operator_builtin_options_type);
        const uint32_t tag = tag_at == 0 ? 0 : file[tag_at];
        if (tag != 0 && tag != operation->options_tag) {
            return li_refuse_code(net, index, LI_BAD_MODEL, LI_RULE_OPERATOR_OPTIONS, operation->options_tag, tag,
                                  builtin);
        }
        node->options = tag == 0 ? 0 : li_table_child(file, table, LI_SLOT_Operator_builtin_options);
    }
    return LI_OK;
}

static li_status li_read_operands(li_net *net, uint32_t table, li_node *node)
{
    const li_operation *operation = &li_operation_rows[node->row];
    uint32_t inputs, outputs;
    node->inputs = li_table_vector(li_file(net), table, LI_SLOT_Operator_inputs, &inputs);
    node->outputs = li_table_vector(li_file(net), table, LI_SLOT_Operator_outputs, &outputs);
    const uint32_t most_inputs = operation->max_inputs == 255 ? UINT16_MAX : operation->max_inputs;
    const uint32_t most_outputs = operation->max_outputs == 255 ? UINT16_MAX : operation->max_outputs;
    if (inputs < operation->min_inputs || inputs > most_inputs) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_COUNT, node, NULL, operation->min_inputs, inputs);
    }
    if (outputs < operation->min_outputs || outputs > most_outputs) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_COUNT, node, NULL, operation->min_outputs, outputs);
    }
    node->input_count = (uint16_t)inputs;
    node->output_count = (uint16_t)outputs;
    return LI_OK;
}

/* A tensor that nothing produces and whose shape has no elements needs no buffer to be a constant. */
LI_NOT_INLINE static bool li_is_empty_constant(li_net *net, li_tensor *t)
{
    const uint8_t *file = li_file(net);
    uint32_t rank;
    const uint32_t shape = li_table_vector(file, t->table, LI_SLOT_Tensor_shape, &rank);
    int64_t dims[LI_MAX_RANK];
    bool empty = false;
    for (uint32_t i = 0; i < rank && i < LI_MAX_RANK; i++) {
        dims[i] = li_load_i32(file + shape + 4 * i);
        empty = empty || dims[i] == 0;
    }
    if (!empty || li_tensor_shape(t, rank, dims) != LI_RULE_NONE) {
        return false;
    }
    t->home = LI_HOME_MODEL;
    t->data = 0;
    return true;
}

LI_NOT_INLINE static li_status li_check_input(li_net *net, const li_node *node, uint32_t i)
{
    const li_operation *operation = &li_operation_rows[node->row];
    const int32_t index = li_load_i32(li_file(net) + node->inputs + 4 * i);
    const bool masked = i < 16;
    if (index == -1 && masked && ((operation->optional >> i) & 1) != 0) {
        return LI_OK;
    }
    if (index < 0 || (uint32_t)index >= net->tensor_count) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_INDEX, node, NULL, net->tensor_count, index);
    }
    li_tensor *t = li_tensor_record(net, (uint32_t)index);
    if ((t->flags & LI_TENSOR_SHAPED) == 0) {
        if (!li_is_empty_constant(net, t)) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_ORDER, node, t, -1, -1);
        }
        LI_TRY(li_check_quantization(net, node, t));
    }
    /* Float weights may be computed: files with float16 weights have a DEQUANTIZE in front of them. Everything else is
       read while planning. int4 is a form of constants alone. */
    const bool constant = masked && ((operation->constant >> i) & 1) != 0 && t->type != LI_FLOAT32;
    if ((constant || t->type == LI_INT4) && t->home != LI_HOME_MODEL) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPERAND_CONSTANT, node, t, -1, -1);
    }
    return LI_OK;
}

static li_status li_check_output(li_net *net, const li_node *node, uint32_t i)
{
    const int32_t index = li_load_i32(li_file(net) + node->outputs + 4 * i);
    if (index < 0 || (uint32_t)index >= net->tensor_count) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_INDEX, node, NULL, net->tensor_count, index);
    }
    li_tensor *t = li_tensor_record(net, (uint32_t)index);
    if ((t->flags & (LI_TENSOR_SHAPED | LI_TENSOR_PRODUCED)) != 0) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_WRITTEN, node, t, -1, -1);
    }
    t->flags |= LI_TENSOR_PRODUCED;
    t->home = LI_HOME_ARENA;
    return LI_OK;
}

static bool li_type_row_fits(const li_net *net, const li_node *node, const li_type_row *row)
{
    const li_operation *operation = &li_operation_rows[node->row];
    int8_t last = -1;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const int8_t column = i < LI_MAX_TYPED_OPERANDS ? row->inputs[i] : (int8_t)-1;
        const int8_t type = column >= 0 ? column : (operation->variadic != 0 ? last : (int8_t)-1);
        const li_tensor *t = li_node_input(net, node, i);
        if (t != NULL && type >= 0 && t->type != type) {
            return false;
        }
        last = type;
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        const int8_t type = i > 0 && row->outputs[1] >= 0 ? row->outputs[1] : row->outputs[0];
        if (li_node_output(net, node, i)->type != type) {
            return false;
        }
    }
    return true;
}

LI_NOT_INLINE static li_status li_check_types(li_net *net, const li_node *node)
{
    const li_operation *operation = &li_operation_rows[node->row];
    for (uint32_t i = 0; i < operation->type_count; i++) {
        if (li_type_row_fits(net, node, &li_type_rows[operation->types + i])) {
            return LI_OK;
        }
    }
    const li_tensor *t = li_node_input(net, node, 0);
    return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPERAND_TYPES, node, t, -1, t == NULL ? -1 : t->type);
}

static li_status li_read_node(li_net *net, uint32_t index, uint32_t table)
{
    li_node *node = li_node_record(net, index);
    li_fill(node, 0, sizeof *node);
    LI_TRY(li_read_code(net, index, table, node));
    LI_TRY(li_read_operands(net, table, node));
    for (uint32_t i = 0; i < node->input_count; i++) {
        LI_TRY(li_check_input(net, node, i));
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        LI_TRY(li_check_output(net, node, i));
    }
    LI_TRY(li_check_types(net, node));
    node->as_int8 = li_as_int8(net, node) ? LI_AS_INT8 : 0;
    LI_TRY(node->as_int8 != 0 ? li_as_int8_plan(net, node) : li_operation_rows[node->row].plan(net, node));
    for (uint32_t i = 0; i < node->output_count; i++) {
        const li_tensor *t = li_node_output(net, node, i);
        if ((t->flags & LI_TENSOR_SHAPED) == 0) {    /* a family that forgot one would write outside its memory */
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_TENSOR_DIM, node, t, -1, -1);
        }
    }
    li_know_result(net, node);
    return LI_OK;
}

li_status li_read_nodes(li_net *net)
{
    const uint8_t *file = li_file(net);
    uint32_t count;
    const uint32_t subgraphs = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_subgraphs, &count);
    const uint32_t graph = li_vector_child(file, subgraphs, 0);
    const uint32_t operators = li_table_vector(file, graph, LI_SLOT_SubGraph_operators, &count);
    const uint64_t budget = 64 * (uint64_t)net->size + LI_STATE_BUDGET;
    uint64_t state = 0;
    for (uint32_t i = 0; i < count; i++) {
        LI_TRY(li_read_node(net, i, li_vector_child(file, operators, i)));
        state = li_size_add(state, li_node_record(net, i)->state_bytes);
        if (state > budget) {
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_STATE_BUDGET, li_node_record(net, i), NULL, (int64_t)budget,
                           (int64_t)state);
        }
    }
    return LI_OK;
}

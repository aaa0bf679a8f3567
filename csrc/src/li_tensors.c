/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the tensors of the graph into records: type, constant data, quantization, and the shapes that are known before
 * any operator is planned (constants, variables, inputs). Shapes of other tensors are hints that nobody reads.
 */
#include "li_core.h"

bool li_buffer_bytes(const uint8_t *file, uint32_t index, uint32_t *first, uint32_t *bytes)
{
    uint32_t count;
    const uint32_t buffers = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_buffers, &count);
    *first = 0;
    *bytes = 0;
    if (index >= count) {
        return false;
    }
    const uint32_t buffer = li_vector_child(file, buffers, index);
    *first = li_table_vector(file, buffer, LI_SLOT_Buffer_data, bytes);
    if (*first == 0) {    /* the form for large files, whose range li_check has verified */
        const uint32_t offset_at = li_table_field(file, buffer, LI_SLOT_Buffer_offset);
        const uint32_t size_at = li_table_field(file, buffer, LI_SLOT_Buffer_size);
        const int64_t offset = offset_at == 0 ? 0 : li_load_i64(file + offset_at);
        if (offset > 1 && size_at != 0) {
            *first = (uint32_t)offset;
            *bytes = (uint32_t)li_load_i64(file + size_at);
        }
    }
    return true;
}

/* Where scales and zero points lie. Their values are checked once the shape is known. */
static li_status li_read_quantization(li_net *net, li_tensor *t)
{
    const uint8_t *file = li_file(net);
    const uint32_t table = li_table_child(file, t->table, LI_SLOT_Tensor_quantization);
    if (table == 0) {
        return LI_OK;
    }
    if (li_table_i8(file, table, LI_SLOT_QuantizationParameters_details_type, 0) != 0) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_QUANTIZATION_DETAILS, NULL, t, 0,
                       li_table_i8(file, table, LI_SLOT_QuantizationParameters_details_type, 0));
    }
    uint32_t count;
    const uint32_t scales = li_table_vector(file, table, LI_SLOT_QuantizationParameters_scale, &count);
    if (count == 0) {
        return LI_OK;
    }
    t->scales = scales;
    t->scale_count = count;
    t->zero_points = li_table_vector(file, table, LI_SLOT_QuantizationParameters_zero_point, &count);
    t->zero_point_count = count;
    t->axis = li_table_i32(file, table, LI_SLOT_QuantizationParameters_quantized_dimension, 0);
    return LI_OK;
}

/* The shape as the file has it. */
static li_status li_read_shape(li_net *net, li_tensor *t)
{
    const uint8_t *file = li_file(net);
    uint32_t rank;
    const uint32_t shape = li_table_vector(file, t->table, LI_SLOT_Tensor_shape, &rank);
    int64_t dims[LI_MAX_RANK];
    for (uint32_t i = 0; i < rank && i < LI_MAX_RANK; i++) {
        dims[i] = li_load_i32(file + shape + 4 * i);
    }
    return li_set_shape(net, NULL, t, rank, dims);
}

static li_status li_read_tensor(li_net *net, li_tensor *t)
{
    const uint8_t *file = li_file(net);
    const int32_t type = li_table_i8(file, t->table, LI_SLOT_Tensor_type, 0);
    if (li_type_bytes(type) == 0 && type != LI_INT4) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_TENSOR_TYPE, NULL, t, -1, type);
    }
    t->type = (int8_t)type;
    if (li_table_u32(file, t->table, LI_SLOT_Tensor_external_buffer, 0) != 0 ||
        li_table_child(file, t->table, LI_SLOT_Tensor_sparsity) != 0) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_TENSOR_EXTERNAL, NULL, t, -1, -1);
    }
    LI_TRY(li_read_quantization(net, t));
    const uint32_t buffer = li_table_u32(file, t->table, LI_SLOT_Tensor_buffer, 0);
    uint32_t first, bytes;
    if (!li_buffer_bytes(file, buffer, &first, &bytes) && buffer != 0) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_BUFFER_INDEX, NULL, t, -1, buffer);
    }
    const bool constant = buffer != 0 && bytes != 0;
    if (li_table_i8(file, t->table, LI_SLOT_Tensor_is_variable, 0) != 0) {
        if (constant) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_TENSOR_VARIABLE, NULL, t, 0, bytes);
        }
        t->flags |= LI_TENSOR_VARIABLE;
        t->home = LI_HOME_STATE;
        return li_read_shape(net, t);
    }
    if (constant) {
        t->home = LI_HOME_MODEL;
        t->data = first;
        LI_TRY(li_read_shape(net, t));
        if (t->bytes != bytes) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_TENSOR_DATA, NULL, t, t->bytes, bytes);
        }
        /* The model itself is aligned to 4; wider elements are only copied. */
        const uint32_t size = (uint32_t)li_type_bytes(type);
        const uint32_t alignment = size > 4 ? 4 : (size == 0 ? 1 : size);
        if (first % alignment != 0) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_TENSOR_ALIGNMENT, NULL, t, alignment, first);
        }
    }
    return LI_OK;
}

li_status li_read_tensors(li_net *net)
{
    const uint8_t *file = li_file(net);
    uint32_t subgraphs, count;
    const uint32_t first = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_subgraphs, &subgraphs);
    const uint32_t graph = li_vector_child(file, first, 0);
    const uint32_t tables = li_table_vector(file, graph, LI_SLOT_SubGraph_tensors, &count);
    for (uint32_t i = 0; i < count; i++) {
        li_tensor *t = li_tensor_record(net, i);
        li_fill(t, 0, sizeof *t);
        t->self = net->tensors + i * (uint32_t)sizeof *t;
        t->table = li_vector_child(file, tables, i);
        LI_TRY(li_read_tensor(net, t));
    }
    return LI_OK;
}

/* ---- inputs and outputs of the graph ---- */

static const li_input_dims *li_given_dims(const li_options *options, uint32_t input)
{
    const li_input_dims *given = NULL;
    for (int32_t i = 0; options != NULL && i < options->input_dims_count; i++) {
        if (options->input_dims[i].input == (int32_t)input) {
            given = &options->input_dims[i];    /* the last one wins */
        }
    }
    return given;
}

/* The dims of an input: given by the caller, or the file's, where only the first may be open and then counts as 1. */
static li_status li_input_shape(li_net *net, li_tensor *t, const li_input_dims *given)
{
    const uint8_t *file = li_file(net);
    uint32_t rank, signature_rank;
    const uint32_t shape = li_table_vector(file, t->table, LI_SLOT_Tensor_shape, &rank);
    const uint32_t signature = li_table_vector(file, t->table, LI_SLOT_Tensor_shape_signature, &signature_rank);
    int64_t dims[LI_MAX_RANK];
    if (given != NULL) {
        if (given->rank < 0 || (uint32_t)given->rank != rank || rank > LI_MAX_RANK) {
            return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_INPUT_DIMS, NULL, t, rank, given->rank);
        }
        for (uint32_t i = 0; i < rank; i++) {
            dims[i] = given->dims[i];
            if (dims[i] < 0) {
                return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_INPUT_DIMS, NULL, t, 0, dims[i]);
            }
        }
        return li_set_shape(net, NULL, t, rank, dims);
    }
    for (uint32_t i = 0; i < rank && i < LI_MAX_RANK; i++) {
        dims[i] = li_load_i32(file + shape + 4 * i);
        const bool open = dims[i] < 0 || (signature_rank == rank && li_load_i32(file + signature + 4 * i) < 0);
        if (open && i != 0) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_TENSOR_DIM, NULL, t, i, -1);
        }
        if (open && dims[i] <= 0) {
            dims[i] = 1;
        }
    }
    return li_set_shape(net, NULL, t, rank, dims);
}

li_status li_read_graph_inputs(li_net *net, const li_options *options)
{
    const uint8_t *file = li_file(net);
    for (int32_t i = 0; options != NULL && i < options->input_dims_count; i++) {
        const int32_t input = options->input_dims[i].input;
        if (input < 0 || (uint32_t)input >= net->input_count) {
            return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_INPUT_DIMS, NULL, NULL, net->input_count, input);
        }
    }
    for (uint32_t i = 0; i < net->input_count; i++) {
        const int32_t index = li_load_i32(file + net->inputs + 4 * i);
        if (index < 0 || (uint32_t)index >= net->tensor_count) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_GRAPH_INDEX, NULL, NULL, net->tensor_count, index);
        }
        li_tensor *t = li_tensor_record(net, (uint32_t)index);
        if ((t->flags & LI_TENSOR_VARIABLE) != 0) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_TENSOR_VARIABLE, NULL, t, -1, -1);
        }
        if (t->home == LI_HOME_MODEL || (t->flags & LI_TENSOR_INPUT) != 0) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_GRAPH_INPUT, NULL, t, -1, i);
        }
        t->flags |= LI_TENSOR_INPUT;
        t->home = LI_HOME_ARENA;
        LI_TRY(li_input_shape(net, t, li_given_dims(options, i)));
    }
    return LI_OK;
}

li_status li_read_graph_outputs(li_net *net)
{
    const uint8_t *file = li_file(net);
    for (uint32_t i = 0; i < net->output_count; i++) {
        const int32_t index = li_load_i32(file + net->outputs + 4 * i);
        if (index < 0 || (uint32_t)index >= net->tensor_count) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_GRAPH_INDEX, NULL, NULL, net->tensor_count, index);
        }
        li_tensor *t = li_tensor_record(net, (uint32_t)index);
        if ((t->flags & LI_TENSOR_VARIABLE) != 0) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_TENSOR_VARIABLE, NULL, t, -1, -1);
        }
        if ((t->flags & LI_TENSOR_SHAPED) == 0) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_GRAPH_OUTPUT, NULL, t, -1, i);
        }
        t->flags |= LI_TENSOR_OUTPUT;
    }
    return LI_OK;
}

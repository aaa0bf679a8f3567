/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every check of the runtime has one row here and one place in the code that names it. `li_fault.rule` is the row's
 * number, li_rule_text its phrase, and docs/SECURITY.md lists them with the class of fault that each one stops.
 * Append only: numbers are part of the interface.
 */
#ifndef LI_RULES_H
#define LI_RULES_H

#define LI_RULES(X) \
    X(NONE, "no rule broken") \
    /* arguments */ \
    X(ARGUMENT_NULL, "a required pointer is null") \
    X(OPTIONS_SIZE, "li_options has another size than this build expects") \
    X(ISA_MISSING, "the machine or this build lacks the kernel set asked for") \
    X(THREADS_WITHOUT_PARALLEL, "several threads need li_options.parallel") \
    X(INPUT_DIMS, "input dims name no input, or have another rank") \
    X(MODEL_ALIGNMENT, "the model is not aligned to 4 bytes") \
    X(MEMORY_ALIGNMENT, "a memory part is not aligned to 16 bytes") \
    X(WORK_TOO_SMALL, "work memory is smaller than li_info.work_bytes") \
    X(ARENA_TOO_SMALL, "the arena is smaller than needed") \
    X(SCRATCH_TOO_SMALL, "the scratch part is smaller than needed") \
    X(STATE_TOO_SMALL, "the state part is smaller than needed") \
    X(PACKED_TOO_SMALL, "the packed part is smaller than needed") \
    X(PACKED_STALE, "the packed part was made from another model, options or kernels") \
    /* structure of the file */ \
    X(FILE_SIZE, "the file is too short or longer than 2 GiB") \
    X(FILE_IDENTIFIER, "bytes 4 to 7 are not TFL3") \
    X(OFFSET_RANGE, "an offset points outside the file") \
    X(OFFSET_ALIGNMENT, "an object is not aligned as its type needs") \
    X(VTABLE, "a table's field list is malformed") \
    X(FIELD_RANGE, "a field lies outside its table") \
    X(VECTOR_RANGE, "a vector reaches past the end of the file") \
    X(STRING_TERMINATOR, "a string is not terminated") \
    X(UNION_TAG, "a union's tag and value disagree") \
    X(FILE_BUDGET, "objects are shared so often that visiting them exceeds the budget") \
    X(BUFFER_RANGE, "a buffer reaches past the end of the file") \
    /* the model as a whole */ \
    X(SCHEMA_VERSION, "the schema version is not 3") \
    X(NO_SUBGRAPH, "the model has no subgraph") \
    X(TENSOR_LIMIT, "the model has more tensors than this build allows") \
    X(BUFFER_INDEX, "a tensor or metadata entry names a buffer that does not exist") \
    X(BUFFER_SENTINEL, "buffer 0 must be empty") \
    X(GRAPH_INDEX, "a graph input or output names a tensor that does not exist") \
    X(GRAPH_INPUT, "a graph input is a constant, a variable or listed twice") \
    X(GRAPH_OUTPUT, "a graph output is never produced") \
    /* tensors */ \
    X(TENSOR_TYPE, "the element type is not supported") \
    X(TENSOR_RANK, "the rank is larger than this build allows") \
    X(TENSOR_DIM, "a dimension is negative or unknown") \
    X(TENSOR_BYTES, "the tensor's size overflows") \
    X(TENSOR_DATA, "a constant's buffer does not hold as many bytes as its shape and type need") \
    X(TENSOR_ALIGNMENT, "a constant's data is not aligned as its type needs") \
    X(TENSOR_VARIABLE, "a variable must have no data and be no input or output of the graph") \
    X(TENSOR_EXTERNAL, "external buffers and sparse tensors are not supported") \
    X(QUANTIZATION_COUNT, "the number of scales or zero points fits neither the tensor nor a channel dimension") \
    X(QUANTIZATION_SCALE, "a scale is not finite and positive") \
    X(QUANTIZATION_ZERO_POINT, "a zero point lies outside the element type's range") \
    X(QUANTIZATION_DETAILS, "block-wise and custom quantization are not supported") \
    X(QUANTIZATION_MISSING, "the operator needs a per-tensor scale here") \
    X(QUANTIZATION_DIFFERS, "the operator needs equal scale and zero point on input and output") \
    X(QUANTIZATION_FIXED, "the operator prescribes another scale or zero point") \
    /* operators */ \
    X(OPERATOR_CODE, "an operator names an operator code that does not exist") \
    X(OPERATOR_UNKNOWN, "the operator is not supported by this build") \
    X(OPERATOR_VERSION, "the operator's version is newer than this build understands") \
    X(OPERATOR_OPTIONS, "the options table is of another operator") \
    X(OPERAND_COUNT, "the operator has too few or too many inputs or outputs") \
    X(OPERAND_INDEX, "an operand names a tensor that does not exist, or a required one is left out") \
    X(OPERAND_CONSTANT, "the operand must be a constant") \
    X(OPERAND_ORDER, "the operand is read before any operator produces it") \
    X(OPERAND_WRITTEN, "the output is a constant, a graph input, or already produced") \
    X(OPERAND_TYPES, "the operator does not take this combination of element types") \
    X(OPERAND_RANK, "the operand has another rank than the operator needs") \
    X(OPERAND_SHAPE, "shapes of operands contradict each other") \
    X(OPERAND_UNKNOWN, "the values of a shape operand are not known before the run") \
    X(OPERAND_VALUE, "a value of a shape operand is out of range") \
    X(OPTION_RANGE, "an option is out of range") \
    X(OPTION_STRIDE, "a stride, dilation or window size must be at least 1") \
    X(OPTION_ACTIVATION, "the fused activation is not supported") \
    X(AXIS_RANGE, "an axis is outside the tensor's rank") \
    X(ACCUMULATOR_RANGE, "sums could leave 32 bits") \
    X(MULTIPLIER_RANGE, "the requantization scale is not in (2^-32, 256)") \
    X(SHAPE_OVERFLOW, "a shape computed from the inputs overflows") \
    /* run time */ \
    X(RUN_CANCELLED, "a hook stopped the run") \
    X(RUN_INDEX, "an index found in the data is out of range") \
    /* later additions */ \
    X(OPTIONS_VALUE, "li_options has an unknown flag, or a count out of range") \
    X(PART_LIMIT, "a memory part would need more than 2 GiB") \
    X(NET_STATE, "the net is not open") \
    X(OPERATOR_INDEX, "there is no operator of this index") \
    X(STATE_BUDGET, "operators share constants so often that preparing them exceeds the budget") \
    X(RUN_DIVISOR, "an integer is divided by 0") \
    X(PACKED_VERSION, "the file's packed weights are of another version of the library or another kernel set") \
    X(PACKED_LAYOUT, "the file's packed weights are of other shapes or options") \
    X(PACKED_ALIGNMENT, "the file's packed weights do not lie at a multiple of 64 bytes in memory")

enum li_rule {
#define LI_RULE_ENUM(name, text) LI_RULE_##name,
    LI_RULES(LI_RULE_ENUM)
#undef LI_RULE_ENUM
    LI_RULE_COUNT
};

#endif

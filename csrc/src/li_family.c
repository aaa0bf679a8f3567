/* SPDX-License-Identifier: Apache-2.0 */
/* What operator families call: operands and memory of a node, shapes, quantization rules, faults. */
#include "li_core.h"

/* ---- operands and memory ---- */

static li_tensor *li_operand(const li_net *net, uint32_t indices, uint32_t count, uint32_t i)
{
    if (i >= count) {
        return NULL;
    }
    int32_t index;
    li_copy(&index, li_file(net) + indices + 4 * i, sizeof index);
    return index < 0 ? NULL : li_tensor_record(net, (uint32_t)index);
}

li_tensor *li_node_input(const li_net *net, const li_node *node, uint32_t i)
{
    return li_operand(net, node->inputs, node->input_count, i);
}

li_tensor *li_node_output(const li_net *net, const li_node *node, uint32_t i)
{
    return li_operand(net, node->outputs, node->output_count, i);
}

void *li_node_state(li_net *net, const li_node *node)
{
    return node->state_bytes == 0 ? NULL : (uint8_t *)net + node->state;
}

const void *li_node_state_const(const li_net *net, const li_node *node)
{
    return node->state_bytes == 0 ? NULL : (const uint8_t *)net + node->state;
}

void *li_node_packed(const li_net *net, const li_node *node)
{
    return node->packed_bytes == 0 ? NULL : (uint8_t *)net->packed.pointer + node->packed;
}

void *li_scratch(const li_net *net)
{
    return net->scratch.pointer;
}

size_t li_type_bytes(int32_t type)
{
    switch (type) {
    case LI_INT8:
    case LI_UINT8:
    case LI_BOOL:
        return 1;
    case LI_FLOAT16:
    case LI_INT16:
        return 2;
    case LI_FLOAT32:
    case LI_INT32:
        return 4;
    case LI_INT64:
        return 8;
    default:
        return 0;
    }
}

uint32_t li_tensor_elements(const li_tensor *t)
{
    uint32_t elements = 1;
    for (uint32_t i = 0; i < t->rank; i++) {
        elements *= (uint32_t)t->dims[i];
    }
    return elements;
}

float li_tensor_scale(const li_net *net, const li_tensor *t, uint32_t i)
{
    if (t->scale_count == 0) {
        return 0.0f;
    }
    return li_load_f32(li_file(net) + t->scales + 4 * (t->scale_count == 1 ? 0 : i));
}

int32_t li_tensor_zero_point(const li_net *net, const li_tensor *t, uint32_t i)
{
    const int32_t shift = li_tensor_shift(t);
    if (t->zero_point_count == 0) {
        return -shift;
    }
    return (int32_t)li_load_i64(li_file(net) + t->zero_points + 8 * (t->zero_point_count == 1 ? 0 : i)) - shift;
}

/* ---- faults ---- */

li_status li_fault_set(li_fault *fault, li_status status, int32_t rule, int64_t needed, int64_t had)
{
    if (fault != NULL) {
        fault->status = status;
        fault->rule = rule;
        fault->operation = -1;
        fault->builtin = -1;
        fault->tensor = -1;
        fault->needed = needed;
        fault->had = had;
    }
    return status;
}

li_status li_fail(li_net *net, li_status status, int32_t rule, const li_node *node, const li_tensor *t, int64_t needed,
                  int64_t had)
{
    li_fault_set(&net->fault, status, rule, needed, had);
    if (node != NULL) {
        net->fault.operation = (int32_t)(node - li_node_record(net, 0));
        net->fault.builtin = li_operation_rows[node->row].builtin;
    }
    if (t != NULL) {
        net->fault.tensor = (int32_t)(t - li_tensor_record(net, 0));
    }
    return status;
}

/* ---- shapes ---- */

int32_t li_tensor_shape(li_tensor *t, uint32_t rank, const int64_t *dims)
{
    if (rank > LI_MAX_RANK) {
        return LI_RULE_TENSOR_RANK;
    }
    /* Dimensions of 0 count as 1 in the limit, so that products of some of them can't overflow in a kernel either. */
    uint64_t limit = 1;
    uint64_t elements = 1;
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] < 0) {
            return LI_RULE_TENSOR_DIM;
        }
        limit = li_size_mul(limit, dims[i] == 0 ? 1 : (uint64_t)dims[i]);
        elements = li_size_mul(elements, (uint64_t)dims[i]);
    }
    const uint64_t size = li_type_bytes(t->type);
    if (!li_size_fits(limit) || !li_size_fits(li_size_mul(limit, size == 0 ? 1 : size))) {
        return LI_RULE_TENSOR_BYTES;
    }
    for (uint32_t i = 0; i < LI_MAX_RANK; i++) {
        t->dims[i] = i < rank ? (int32_t)dims[i] : 0;
    }
    t->rank = (uint8_t)rank;
    t->bytes = (uint32_t)(size == 0 ? (elements + 1) / 2 : elements * size);    /* int4: two to a byte */
    t->flags |= LI_TENSOR_SHAPED;
    return LI_RULE_NONE;
}

li_status li_set_shape(li_net *net, const li_node *node, li_tensor *t, uint32_t rank, const int64_t *dims)
{
    const int32_t rule = li_tensor_shape(t, rank, dims);
    if (rule == LI_RULE_TENSOR_RANK) {
        return li_fail(net, LI_UNSUPPORTED, rule, node, t, LI_MAX_RANK, rank);
    }
    if (rule != LI_RULE_NONE) {
        return li_fail(net, LI_BAD_MODEL, rule, node, t, (int64_t)LI_BYTES_MAX, -1);
    }
    return li_check_quantization(net, node, t);
}

li_status li_set_shape_like(li_net *net, const li_node *node, li_tensor *t, const li_tensor *like)
{
    int64_t dims[LI_MAX_RANK];
    for (uint32_t i = 0; i < like->rank; i++) {
        dims[i] = like->dims[i];
    }
    return li_set_shape(net, node, t, like->rank, dims);
}

li_status li_known_count(li_net *net, const li_node *node, const li_tensor *t, uint32_t capacity, uint32_t *count)
{
    *count = 0;
    if (t->type != LI_INT32 && t->type != LI_INT64) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPERAND_TYPES, node, t, LI_INT32, t->type);
    }
    if (t->home != LI_HOME_MODEL && t->home != LI_HOME_KNOWN) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_OPERAND_UNKNOWN, node, t, -1, -1);
    }
    const uint32_t elements = li_tensor_elements(t);
    if (elements > capacity) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, t, capacity, elements);
    }
    *count = elements;
    return LI_OK;
}

int64_t li_known_int(const li_net *net, const li_tensor *t, uint32_t i)
{
    const uint8_t *data = (t->home == LI_HOME_KNOWN ? (const uint8_t *)net : li_file(net)) + t->data;
    return t->type == LI_INT64 ? li_load_i64(data + 8 * (size_t)i) : li_load_i32(data + 4 * (size_t)i);
}

li_status li_known_ints(li_net *net, const li_node *node, const li_tensor *t, int64_t *values, uint32_t capacity,
                        uint32_t *count)
{
    LI_TRY(li_known_count(net, node, t, capacity, count));
    for (uint32_t i = 0; i < *count; i++) {
        values[i] = li_known_int(net, t, i);
    }
    return LI_OK;
}

li_status li_broadcast_shape(li_net *net, const li_node *node, const li_tensor *a, const li_tensor *b, int64_t *dims,
                             uint32_t *rank)
{
    const uint32_t r = a->rank > b->rank ? a->rank : b->rank;
    for (uint32_t i = 0; i < r; i++) {    /* i counts from the last dimension */
        const int32_t da = i < a->rank ? a->dims[a->rank - 1 - i] : 1;
        const int32_t db = i < b->rank ? b->dims[b->rank - 1 - i] : 1;
        if (da != db && da != 1 && db != 1) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, b, da, db);
        }
        dims[r - 1 - i] = da == 1 ? db : da;
    }
    *rank = r;
    return LI_OK;
}

/* ---- quantization ---- */

static bool li_zero_point_range(int32_t type, int64_t *low, int64_t *high)
{
    switch (type) {
    case LI_INT8:
        *low = -128, *high = 127;
        return true;
    case LI_UINT8:
        *low = 0, *high = 255;
        return true;
    case LI_INT4:
        *low = -8, *high = 7;
        return true;
    case LI_INT16:
        *low = -32768, *high = 32767;
        return true;
    default:
        return false;
    }
}

li_status li_check_quantization(li_net *net, const li_node *node, const li_tensor *t)
{
    int64_t low, high;
    const int32_t stored = li_tensor_shift(t) != 0 ? LI_UINT8 : t->type;
    if (t->scale_count == 0 || !li_zero_point_range(stored, &low, &high)) {
        return LI_OK;    /* no kernel reads scales of other types */
    }
    if (t->scale_count > 1) {
        if (t->axis < 0 || t->axis >= t->rank || (uint32_t)t->dims[t->axis] != t->scale_count) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_COUNT, node, t,
                           t->axis >= 0 && t->axis < t->rank ? t->dims[t->axis] : 1, t->scale_count);
        }
    }
    if (t->zero_point_count > 1 && t->zero_point_count != t->scale_count) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_COUNT, node, t, t->scale_count, t->zero_point_count);
    }
    for (uint32_t i = 0; i < t->scale_count; i++) {
        const float scale = li_tensor_scale(net, t, i);
        if (!(scale > 0.0f && scale <= FLT_MAX)) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_SCALE, node, t, -1, i);
        }
    }
    for (uint32_t i = 0; i < t->zero_point_count; i++) {
        const int64_t zero = li_load_i64(li_file(net) + t->zero_points + 8 * i);
        if (zero < low || zero > high) {
            return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_ZERO_POINT, node, t, zero < low ? low : high, zero);
        }
    }
    return LI_OK;
}

li_status li_need_quantized(li_net *net, const li_node *node, const li_tensor *t)
{
    int64_t low, high;
    if (t->scale_count != 1 || !li_zero_point_range(t->type, &low, &high)) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_MISSING, node, t, 1, t->scale_count);
    }
    return LI_OK;
}

li_status li_need_centred(li_net *net, const li_node *node, const li_tensor *t)
{
    LI_TRY(li_need_quantized(net, node, t));
    if (t->type == LI_INT16 && li_tensor_zero_point(net, t, 0) != 0) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_QUANTIZATION_ZERO_POINT, node, t, 0, li_tensor_zero_point(net, t, 0));
    }
    return LI_OK;
}

li_status li_need_weight_scales(li_net *net, const li_node *node, const li_tensor *t, uint32_t axis)
{
    int64_t low, high;
    if (t->scale_count == 0 || !li_zero_point_range(t->type, &low, &high)) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_MISSING, node, t, 1, t->scale_count);
    }
    if (t->scale_count > 1 && (t->axis < 0 || (uint32_t)t->axis != axis)) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_COUNT, node, t, axis, t->axis);
    }
    if (li_tensor_shift(t) != 0) {
        return li_need_quantized(net, node, t);
    }
    for (uint32_t i = 0; i < t->zero_point_count; i++) {
        const int32_t zero = li_tensor_zero_point(net, t, i);
        if (zero != 0) {
            return li_fail(net, LI_UNSUPPORTED, LI_RULE_QUANTIZATION_ZERO_POINT, node, t, 0, zero);
        }
    }
    return LI_OK;
}

li_status li_need_same_quantization(li_net *net, const li_node *node, const li_tensor *a, const li_tensor *b)
{
    LI_TRY(li_need_quantized(net, node, a));
    LI_TRY(li_need_quantized(net, node, b));
    const float scale_a = li_tensor_scale(net, a, 0);
    const float scale_b = li_tensor_scale(net, b, 0);
    if (scale_a < scale_b || scale_a > scale_b || li_tensor_zero_point(net, a, 0) != li_tensor_zero_point(net, b, 0)) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_QUANTIZATION_DIFFERS, node, b, -1, -1);
    }
    return LI_OK;
}

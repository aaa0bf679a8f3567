/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller may ask of an open net, and the texts of statuses and rules. */
#include "li_core.h"
#include "li_kernels.h"

#define LI_TEXT_(x) #x
#define LI_TEXT(x) LI_TEXT_(x)

uint32_t li_abi_version(void)
{
    return LI_ABI_VERSION;
}

const char *li_version(void)
{
    return LI_TEXT(LI_VERSION_MAJOR) "." LI_TEXT(LI_VERSION_MINOR) "." LI_TEXT(LI_VERSION_PATCH);
}

const char *li_strerror(li_status status)
{
    switch (status) {
    case LI_OK:
        return "success";
    case LI_BAD_ARGUMENT:
        return "an argument is null or out of range";
    case LI_BAD_FILE:
        return "the bytes are no well-formed .tflite file";
    case LI_BAD_MODEL:
        return "the model contradicts itself";
    case LI_UNSUPPORTED:
        return "the model needs something that this build lacks";
    case LI_NO_MEMORY:
        return "a memory part is too small";
    case LI_MISALIGNED:
        return "the model or a memory part is misaligned";
    case LI_BAD_INPUT:
        return "a value in the data is out of range";
    case LI_CANCELLED:
        return "a hook stopped the run";
    case LI_STALE_PACKED:
        return "the packed weights were made from another model, options or build";
    default:
        return "unknown status";
    }
}

const char *li_rule_text(int32_t rule)
{
    switch (rule) {
#define LI_RULE_CASE(name, text) \
    case LI_RULE_##name: \
        return text;
        LI_RULES(LI_RULE_CASE)
#undef LI_RULE_CASE
    default:
        return "unknown rule";
    }
}

/* ---- the net ---- */

static bool li_is_open(const li_net *net)
{
    return net != NULL && net->magic == LI_MAGIC;
}

int32_t li_inputs(const li_net *net)
{
    return li_is_open(net) ? (int32_t)net->input_count : 0;
}

int32_t li_outputs(const li_net *net)
{
    return li_is_open(net) ? (int32_t)net->output_count : 0;
}

int32_t li_tensors(const li_net *net)
{
    return li_is_open(net) ? (int32_t)net->tensor_count : 0;
}

int32_t li_operations(const li_net *net)
{
    return li_is_open(net) ? (int32_t)net->node_count : 0;
}

li_tensor *li_tensor_at(li_net *net, int32_t i)
{
    return i >= 0 && i < li_tensors(net) ? li_tensor_record(net, (uint32_t)i) : NULL;
}

li_tensor *li_input(li_net *net, int32_t i)
{
    if (i < 0 || i >= li_inputs(net)) {
        return NULL;
    }
    return li_tensor_at(net, li_load_i32(li_file(net) + net->inputs + 4 * (uint32_t)i));
}

li_tensor *li_output(li_net *net, int32_t i)
{
    if (i < 0 || i >= li_outputs(net)) {
        return NULL;
    }
    return li_tensor_at(net, li_load_i32(li_file(net) + net->outputs + 4 * (uint32_t)i));
}

static int32_t li_copy_indices(const li_net *net, uint32_t first, uint32_t count, int32_t *indices, int32_t capacity)
{
    for (uint32_t i = 0; indices != NULL && (int64_t)i < capacity && i < count; i++) {
        indices[i] = li_load_i32(li_file(net) + first + 4 * i);
    }
    return (int32_t)count;
}

int32_t li_operator_inputs(const li_net *net, int32_t i, int32_t *tensors, int32_t capacity)
{
    if (i < 0 || i >= li_operations(net)) {
        return 0;
    }
    const li_node *node = li_node_record(net, (uint32_t)i);
    return li_copy_indices(net, node->inputs, node->input_count, tensors, capacity);
}

int32_t li_operator_outputs(const li_net *net, int32_t i, int32_t *tensors, int32_t capacity)
{
    if (i < 0 || i >= li_operations(net)) {
        return 0;
    }
    const li_node *node = li_node_record(net, (uint32_t)i);
    return li_copy_indices(net, node->outputs, node->output_count, tensors, capacity);
}

int32_t li_operator_builtin(const li_net *net, int32_t i)
{
    return i < 0 || i >= li_operations(net) ? -1 : li_operation_rows[li_node_record(net, (uint32_t)i)->row].builtin;
}

/* NULL when the index is out of range, or the net neither open nor planned. */
static const li_node *li_planned_node(const li_net *net, int32_t i)
{
    const bool known = li_is_open(net) || (net != NULL && net->magic == LI_MAGIC_PLANNED);
    return !known || i < 0 || (uint32_t)i >= net->node_count ? NULL : li_node_record(net, (uint32_t)i);
}

void li_operator_bytes(const li_net *net, int32_t i, size_t *state, size_t *packed, size_t *scratch)
{
    const li_node *node = li_planned_node(net, i);
    if (state != NULL) {
        *state = node != NULL ? node->state_bytes : 0;
    }
    if (packed != NULL) {
        *packed = node != NULL ? node->packed_bytes : 0;
    }
    if (scratch != NULL) {
        *scratch = node != NULL ? node->scratch_bytes : 0;
    }
}

const char *li_operator_loop(const li_net *net, int32_t i)
{
    static const char *const names[LI_LOOPS] = { "", "direct", "depthwise", "dense", "winograd 2x2", "winograd 4x4", "direct int16" };
    const li_node *node = li_planned_node(net, i);
    return names[node != NULL ? node->loop : LI_LOOP_NONE];
}

const char *li_kernels_name(const li_net *net)
{
    return li_is_open(net) ? li_kernels_of(net)->name : "";
}

uint64_t li_peak(const li_net *net, li_type type, uint32_t rounds)
{
    return li_is_open(net) && li_kernels_of(net)->peak != NULL ? li_kernels_of(net)->peak(type, rounds) : 0;
}

/* ---- tensors ---- */

static li_net *li_net_of(const li_tensor *t)
{
    return (li_net *)((uintptr_t)t - t->self);
}

void *li_tensor_data(const li_tensor *t)
{
    if (t == NULL || t->bytes == 0) {
        return NULL;
    }
    li_net *net = li_net_of(t);
    switch (t->home) {
    case LI_HOME_MODEL:
        return (t->flags & LI_TENSOR_COPIED) != 0 ? (void *)(li_as_int8_copies(net) + t->data)
                                                  : (void *)((uintptr_t)net->model.constant + t->data);
    case LI_HOME_ARENA:
        return (uint8_t *)net->arena.pointer + t->data;
    case LI_HOME_PACKED:
        return (uint8_t *)net->packed.pointer + t->data;
    case LI_HOME_STATE:
    case LI_HOME_KNOWN:
        return (uint8_t *)net + t->data;
    default:
        return NULL;
    }
}

size_t li_tensor_bytes(const li_tensor *t)
{
    return t == NULL ? 0 : t->bytes;
}

li_type li_tensor_type(const li_tensor *t)
{
    return t == NULL ? -1 : t->type;
}

int32_t li_tensor_rank(const li_tensor *t)
{
    return t == NULL ? 0 : t->rank;
}

const int32_t *li_tensor_dims(const li_tensor *t)
{
    return t == NULL ? NULL : t->dims;
}

int32_t li_tensor_scales(const li_tensor *t, float *scales, int32_t capacity)
{
    if (t == NULL) {
        return 0;
    }
    for (uint32_t i = 0; scales != NULL && (int64_t)i < capacity && i < t->scale_count; i++) {
        scales[i] = li_tensor_scale(li_net_of(t), t, i);
    }
    return (int32_t)t->scale_count;
}

/* As many as there are scales: an absent or single zero point in the file stands for all. */
int32_t li_tensor_zero_points(const li_tensor *t, int32_t *zero_points, int32_t capacity)
{
    if (t == NULL) {
        return 0;
    }
    for (uint32_t i = 0; zero_points != NULL && (int64_t)i < capacity && i < t->scale_count; i++) {
        const bool given = t->zero_point_count <= 1 || i < t->zero_point_count;
        zero_points[i] = given ? li_tensor_zero_point(li_net_of(t), t, i) : 0;
    }
    return (int32_t)t->scale_count;
}

int32_t li_tensor_axis(const li_tensor *t)
{
    return t == NULL ? 0 : t->axis;
}

const char *li_tensor_name(const li_tensor *t, size_t *length)
{
    if (length != NULL) {
        *length = 0;
    }
    if (t == NULL) {
        return "";
    }
    uint32_t count;
    const uint8_t *file = li_file(li_net_of(t));
    const uint32_t first = li_table_vector(file, t->table, LI_SLOT_Tensor_name, &count);
    if (length != NULL) {
        *length = count;
    }
    return first == 0 ? "" : (const char *)(file + first);
}

int32_t li_tensor_index(const li_tensor *t)
{
    return t == NULL ? -1 : (int32_t)(t - li_tensor_record(li_net_of(t), 0));
}

int32_t li_tensor_is_constant(const li_tensor *t)
{
    return t != NULL && t->home == LI_HOME_MODEL;
}

int32_t li_tensor_is_variable(const li_tensor *t)
{
    return t != NULL && (t->flags & LI_TENSOR_VARIABLE) != 0;
}

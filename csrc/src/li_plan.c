/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a well-formed file to a net whose every byte is accounted for: tensors, inputs, operators in order, outputs, then
 * where each tensor, state block and packed weight lives. li_open runs the same code on its state memory.
 */
#include "li_core.h"
#include "li_crew.h"

size_t li_work_bytes(uint32_t tensors, uint32_t operations)
{
    /* More than the limit is refused before the memory is used. */
    const size_t t = tensors < LI_MAX_TENSORS ? tensors : LI_MAX_TENSORS;
    const size_t n = operations < LI_MAX_TENSORS ? operations : LI_MAX_TENSORS;
    const size_t nodes = (n * sizeof(li_node) + LI_ALIGNMENT - 1) / LI_ALIGNMENT * LI_ALIGNMENT;
    return LI_NET_BYTES + t * sizeof(li_tensor) + nodes + t * LI_PLACE_BYTES;
}

/* ---- the empty net ---- */

static li_status li_take_options(li_net *net, const li_options *options)
{
    const uint32_t known = LI_KEEP_TENSORS | LI_KEEP_INPUTS | LI_EXACT | LI_IGNORE_PLAN | LI_NO_PACK | LI_PACKED_READY |
                           LI_PLAN_ONLY | LI_IGNORE_PACKED;
    int32_t isa = LI_ISA_BEST;
    net->threads = 1;
    net->packed_limit = (uint32_t)LI_BYTES_MAX;
    if (options != NULL) {
        if (options->struct_bytes != sizeof *options) {
            return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_OPTIONS_SIZE, NULL, NULL, sizeof *options,
                           options->struct_bytes);
        }
        if ((options->flags & ~known) != 0) {
            return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_OPTIONS_VALUE, NULL, NULL, known, options->flags);
        }
        if (options->threads < 0 || options->threads > LI_MAX_THREADS) {
            return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_OPTIONS_VALUE, NULL, NULL, LI_MAX_THREADS, options->threads);
        }
        if (options->threads > 1 && options->parallel == NULL) {
            return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_THREADS_WITHOUT_PARALLEL, NULL, NULL, 1, options->threads);
        }
        if (options->input_dims_count < 0 || (options->input_dims_count > 0 && options->input_dims == NULL)) {
            return li_fail(net, LI_BAD_ARGUMENT, LI_RULE_ARGUMENT_NULL, NULL, NULL, 0, options->input_dims_count);
        }
        net->flags = options->flags;
        net->packed_limit = options->packed_limit - 1 < net->packed_limit ? options->packed_limit : net->packed_limit;
        net->threads = options->threads > 1 ? options->threads : 1;
        net->parallel.parallel = options->parallel;
        net->pool.pointer = options->pool;
        isa = options->isa;
    }
    net->kernels.kernels = li_kernels_choose(isa);
    if (net->kernels.kernels == NULL && (net->flags & LI_PLAN_ONLY) != 0) {
        net->kernels.kernels = li_kernels_known(isa);
    }
    if (net->kernels.kernels == NULL) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_ISA_MISSING, NULL, NULL, LI_ISA_REF, isa);
    }
    return LI_OK;
}

li_status li_net_begin(li_net *net, const void *model, const li_info *info, size_t size, const li_options *options)
{
    li_fill(net, 0, LI_NET_BYTES);
    li_fault_set(&net->fault, LI_OK, LI_RULE_NONE, 0, 0);
    net->model.constant = model;
    net->size = (uint32_t)size;
    net->tensors = LI_NET_BYTES;
    net->tensor_count = (uint32_t)info->tensors;
    net->nodes = (uint32_t)(net->tensors + net->tensor_count * sizeof(li_tensor));
    net->node_count = (uint32_t)info->operations;
    net->known_end = (uint32_t)li_size_round_up(net->nodes + (uint64_t)net->node_count * sizeof(li_node), LI_ALIGNMENT);
    net->known_limit = net->known_end + li_known_capacity(li_file(net), net->tensor_count);
    return li_take_options(net, options);
}

/* ---- the model as a whole ---- */

static li_status li_read_model(li_net *net)
{
    const uint8_t *file = li_file(net);
    const uint32_t model = li_load_u32(file);
    const uint32_t version = li_table_u32(file, model, LI_SLOT_Model_version, 0);
    if (version != 3) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_SCHEMA_VERSION, NULL, NULL, 3, version);
    }
    uint32_t count, first, bytes;
    const uint32_t subgraphs = li_table_vector(file, model, LI_SLOT_Model_subgraphs, &count);
    if (count == 0) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_NO_SUBGRAPH, NULL, NULL, 1, 0);
    }
    if (net->tensor_count > LI_MAX_TENSORS || net->node_count > LI_MAX_TENSORS) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_TENSOR_LIMIT, NULL, NULL, LI_MAX_TENSORS,
                       net->tensor_count > net->node_count ? net->tensor_count : net->node_count);
    }
    if (li_buffer_bytes(file, 0, &first, &bytes) && bytes != 0) {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_BUFFER_SENTINEL, NULL, NULL, 0, bytes);
    }
    const uint32_t graph = li_vector_child(file, subgraphs, 0);
    net->inputs = li_table_vector(file, graph, LI_SLOT_SubGraph_inputs, &net->input_count);
    net->outputs = li_table_vector(file, graph, LI_SLOT_SubGraph_outputs, &net->output_count);
    return LI_OK;
}

/* ---- the memory parts other than the arena ---- */

/* [header][tensors][nodes][known results][state of each node][variables], and the planner's memory behind the results while it works. */
static uint64_t li_place_state(li_net *net)
{
    uint64_t end = net->known_end;
    for (uint32_t i = 0; i < net->node_count; i++) {
        li_node *node = li_node_record(net, i);
        if (node->state_bytes != 0) {
            end = li_size_round_up(end, LI_ALIGNMENT);
            node->state = (uint32_t)end;
            end = li_size_add(end, node->state_bytes);
        }
    }
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        li_tensor *t = li_tensor_record(net, i);
        if (t->home == LI_HOME_STATE) {
            end = li_size_round_up(end, LI_ALIGNMENT);
            t->data = (uint32_t)end;
            end = li_size_add(end, t->bytes);
        }
    }
    const uint64_t planning = li_work_bytes(net->tensor_count, net->node_count) +
                              li_known_capacity(li_file(net), net->tensor_count);
    return end > planning ? end : planning;
}

static uint64_t li_place_packed(li_net *net)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < net->node_count; i++) {
        li_node *node = li_node_record(net, i);
        if (node->packed_bytes != 0) {
            end = li_size_round_up(end == 0 ? LI_PACKED_HEADER : end, LI_PACKED_ALIGNMENT);
            node->packed = (uint32_t)end;
            li_tensor *output = li_node_output(net, node, 0);
            if (output->home == LI_HOME_PACKED) {
                output->data = node->packed;
            }
            end = li_size_add(end, node->packed_bytes);
        }
    }
    return end;
}

/* Every thread has as much as the hungriest operator needs of one. Behind them lie the copies of an operator's constants, or what
   threads keep of each other. */
static uint64_t li_place_scratch(li_net *net)
{
    uint64_t most = 0;
    uint64_t copies = li_crew_bytes(net);
    for (uint32_t i = 0; i < net->node_count; i++) {
        const li_node *node = li_node_record(net, i);
        const uint64_t bytes = li_as_int8_bytes(net, node);
        most = node->scratch_bytes > most ? node->scratch_bytes : most;
        copies = bytes > copies ? bytes : copies;
    }
    if (net->threads > 1 || copies != 0) {
        most = li_size_round_up(most, LI_ALIGNMENT);
    }
    net->scratch_bytes = (uint32_t)most;
    return li_size_add(li_size_mul(most, (uint64_t)net->threads), copies);
}

LI_NOT_INLINE static li_status li_place_parts(li_net *net, li_need *need)
{
    LI_TRY(li_place_arena(net, need));
    const uint64_t state = li_place_state(net);
    const uint64_t packed = li_place_packed(net);
    const uint64_t scratch = li_place_scratch(net);
    if (!li_size_fits(state) || !li_size_fits(scratch)) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_PART_LIMIT, NULL, NULL, (int64_t)LI_BYTES_MAX, -1);
    }
    net->state_bytes = (uint32_t)state;
    net->packed_bytes = (uint32_t)packed;
    need->state = (size_t)state;
    need->packed_ignored = li_find_packed(net);
    need->packed_from_file = net->stored_packed != 0;
    need->packed = net->stored_packed != 0 ? 0 : (size_t)packed;
    need->scratch = (size_t)scratch;
    return LI_OK;
}

/* ---- the main flow ---- */

li_status li_plan_net(li_net *net, const li_options *options, li_need *need)
{
    LI_TRY(li_read_model(net));
    LI_TRY(li_read_tensors(net));
    LI_TRY(li_read_graph_inputs(net, options));
    LI_TRY(li_read_nodes(net));
    LI_TRY(li_read_graph_outputs(net));
    li_join_lookups(net);
    li_as_int8_join(net);
    return li_place_parts(net, need);
}

li_status li_plan(const void *model, size_t size, const li_options *options, void *work, size_t work_bytes, li_need *need,
                  li_fault *fault)
{
    li_info info;
    if (need == NULL || work == NULL) {
        return li_fault_set(fault, LI_BAD_ARGUMENT, LI_RULE_ARGUMENT_NULL, 0, 0);
    }
    li_fill(need, 0, sizeof *need);
    LI_TRY(li_check(model, size, &info, fault));
    if ((uintptr_t)work % LI_ALIGNMENT != 0) {
        return li_fault_set(fault, LI_MISALIGNED, LI_RULE_MEMORY_ALIGNMENT, LI_ALIGNMENT,
                            (int64_t)((uintptr_t)work % LI_ALIGNMENT));
    }
    if (work_bytes < info.work_bytes) {
        return li_fault_set(fault, LI_NO_MEMORY, LI_RULE_WORK_TOO_SMALL, (int64_t)info.work_bytes, (int64_t)work_bytes);
    }
    li_net *net = (li_net *)work;
    li_status status = li_net_begin(net, model, &info, size, options);
    if (status == LI_OK) {
        status = li_plan_net(net, options, need);
    }
    if (status == LI_OK) {
        net->magic = LI_MAGIC_PLANNED;
    } else {
        li_fill(need, 0, sizeof *need);
    }
    if (fault != NULL) {
        *fault = net->fault;
    }
    return status;
}

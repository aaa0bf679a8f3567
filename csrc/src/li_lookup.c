/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables in a file of builtin operators: no operator takes int8 indices, so a file turns them into int32 first. QUANTIZE
 * from int8 to uint8 of the same scale, CAST to int32 and GATHER from 256 int8 constants are one look-up for each element.
 * Here the three become one node, and what lies between them needs no memory: docs/adr/0015-tables-by-gather.md.
 */
#include "li_core.h"

enum { LI_LOOKUP_ENTRIES = 256 };

static bool li_is_operator(const li_node *node, int32_t builtin)
{
    return li_operation_rows[node->row].builtin == builtin;
}

static bool li_may_go(const li_tensor *t)
{
    return t->home == LI_HOME_ARENA && (t->flags & (LI_TENSOR_INPUT | LI_TENSOR_OUTPUT)) == 0;
}

/* Does the QUANTIZE add 128 to each code, and nothing else? */
static bool li_adds_128(const li_net *net, const li_tensor *from, const li_tensor *to)
{
    const float in = li_tensor_scale(net, from, 0), out = li_tensor_scale(net, to, 0);
    return from->type == LI_INT8 && to->type == LI_UINT8 && !(in < out) && !(in > out) &&
           li_tensor_zero_point(net, to, 0) - li_tensor_zero_point(net, from, 0) == 128;
}

static bool li_is_lookup(const li_net *net, const li_node *quantize, const li_node *cast, const li_node *gather)
{
    if (!li_is_operator(quantize, LI_OP_QUANTIZE) || !li_is_operator(cast, LI_OP_CAST) || !li_is_operator(gather, LI_OP_GATHER)) {
        return false;
    }
    const li_tensor *unsigned_codes = li_node_input(net, cast, 0), *indices = li_node_input(net, gather, 1);
    const li_tensor *table = li_node_input(net, gather, 0);
    return li_node_output(net, quantize, 0) == unsigned_codes && li_node_output(net, cast, 0) == indices &&
           li_may_go(unsigned_codes) && li_may_go(indices) && indices->type == LI_INT32 &&
           li_adds_128(net, li_node_input(net, quantize, 0), unsigned_codes) && table->home == LI_HOME_MODEL &&
           table->type == LI_INT8 && table->rank == 1 && table->dims[0] == LI_LOOKUP_ENTRIES &&
           li_tensor_elements(li_node_output(net, gather, 0)) == li_tensor_elements(indices);
}

/* The three operators that end with the k-th, if they are a look-up; NULL elsewhere. */
static li_node *li_lookup_at(const li_net *net, uint32_t k)
{
    li_node *first = li_node_record(net, k - 2);
    if (first->output_count == 0 || first[1].output_count == 0 || first[2].output_count == 0) {
        return NULL;    /* left out already */
    }
    return li_is_lookup(net, first, first + 1, first + 2) ? first : NULL;
}

/* Marks what lies between the operators of look-ups, unless another operator or operand reads it too. */
static void li_mark_between(li_net *net)
{
    for (uint32_t k = 2; k < net->node_count; k++) {
        const li_node *first = li_lookup_at(net, k);
        if (first != NULL) {
            li_node_output(net, first, 0)->flags |= LI_TENSOR_BETWEEN;
            li_node_output(net, first + 1, 0)->flags |= LI_TENSOR_BETWEEN;
        }
    }
    for (uint32_t k = 0; k < net->node_count; k++) {
        const li_node *node = li_node_record(net, k);
        const li_tensor *before = k == 0 ? NULL : li_node_output(net, node - 1, 0);
        for (uint32_t i = 0; i < node->input_count; i++) {
            li_tensor *t = li_node_input(net, node, i);
            const uint32_t expected = li_is_operator(node, LI_OP_GATHER) ? 1 : 0;
            if (t != NULL && (t != before || i != expected)) {
                t->flags &= (uint8_t)~LI_TENSOR_BETWEEN;
            }
        }
    }
}

static void li_leave_out(li_net *net, li_node *node)
{
    li_tensor *t = li_node_output(net, node, 0);
    t->home = LI_HOME_NONE;
    t->bytes = 0;
    node->input_count = node->output_count = 0;
    node->state_bytes = node->scratch_bytes = 0;
}

void li_join_lookups(li_net *net)
{
    if ((net->flags & LI_KEEP_TENSORS) != 0) {
        return;
    }
    li_mark_between(net);
    for (uint32_t k = 2; k < net->node_count; k++) {
        li_node *first = li_lookup_at(net, k), *gather;
        if (first == NULL || (li_node_output(net, first, 0)->flags & li_node_output(net, first + 1, 0)->flags & LI_TENSOR_BETWEEN) == 0) {
            continue;
        }
        gather = first + 2;
        gather->options = li_node_input(net, gather, 0)->data;    /* of the table: a joined node needs no options */
        gather->inputs = first->inputs;
        gather->input_count = 1;
        gather->state_bytes = 0;
        li_leave_out(net, first);
        li_leave_out(net, first + 1);
    }
}

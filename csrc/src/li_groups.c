/* SPDX-License-Identifier: Apache-2.0 */
/* When each tensor is alive, which tensors share bytes, and the least that any placement of them can do with. */
#include "li_place.h"

void li_place_memory(li_place *place, li_net *net)
{
    const uint32_t n = net->tensor_count;
    place->net = net;
    place->breadth = (uint32_t *)((uintptr_t)net + net->known_end);
    place->root = (uint16_t *)(place->breadth + n);
    place->first = place->root + n;
    place->last = place->first + n;
    place->onto = place->last + n;
    place->order = place->onto + n;
    place->placed = place->order + n;
    place->groups = 0;
    place->steps = net->node_count + 2;
}

static uint32_t li_input_index(const li_place *place, const li_node *node, uint32_t i)
{
    return (uint32_t)li_load_i32(li_file(place->net) + node->inputs + 4 * i);    /* UINT32_MAX when left out */
}

static uint32_t li_output_index(const li_place *place, const li_node *node, uint32_t i)
{
    return (uint32_t)li_load_i32(li_file(place->net) + node->outputs + 4 * i);
}

/* ---- lifetimes and groups ---- */

static void li_place_lifetimes(li_place *place)
{
    const li_net *net = place->net;
    const uint16_t end = (uint16_t)(net->node_count + 1);
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        const li_tensor *t = li_tensor_record(net, i);
        const bool input = (t->flags & LI_TENSOR_INPUT) != 0;
        const bool kept = (t->flags & LI_TENSOR_OUTPUT) != 0 || (net->flags & LI_KEEP_TENSORS) != 0 ||
                          (input && (net->flags & LI_KEEP_INPUTS) != 0);
        /* What is computed at open keeps its place: arenas and stored plans are the same for every kernel set. */
        place->root[i] = t->home == LI_HOME_ARENA || t->home == LI_HOME_PACKED ? (uint16_t)i : LI_NO_GROUP;
        place->first[i] = 0;
        place->last[i] = kept ? end : 0;
    }
    for (uint32_t k = 0; k < net->node_count; k++) {
        const li_node *node = li_node_record(net, k);
        const uint16_t step = (uint16_t)(k + 1);
        for (uint32_t i = 0; i < node->input_count; i++) {
            const uint32_t t = li_input_index(place, node, i);
            if (t != UINT32_MAX && place->last[t] < step) {
                place->last[t] = step;
            }
        }
        for (uint32_t i = 0; i < node->output_count; i++) {
            const uint32_t t = li_output_index(place, node, i);
            place->first[t] = (net->flags & LI_KEEP_TENSORS) != 0 ? 0 : step;
            if (place->last[t] < step) {
                place->last[t] = step;
            }
        }
    }
}

/* May `out` take the bytes of group `root`, as far as sizes and the file's plan go? */
static bool li_same_bytes(const li_place *place, uint32_t stored, uint32_t root, uint32_t out)
{
    const uint8_t *file = li_file(place->net);
    if (li_tensor_record(place->net, root)->bytes != li_tensor_record(place->net, out)->bytes) {
        return false;
    }
    return stored == 0 || li_load_i32(file + stored + 4 * root) == li_load_i32(file + stored + 4 * out);
}

/* An alias only reads, so it may share with anything in the arena; but an output of the graph that showed an input's
   bytes would change when the caller writes the next input. */
static bool li_may_alias(const li_place *place, uint32_t root, uint32_t out)
{
    const bool input = (li_tensor_record(place->net, root)->flags & LI_TENSOR_INPUT) != 0;
    return !(input && (li_tensor_record(place->net, out)->flags & LI_TENSOR_OUTPUT) != 0);
}

/* Operand i may be overwritten: nothing reads its group later, the caller does not want it back, and every other operand
   of this node in the same group allows it too. */
static bool li_may_overwrite(const li_place *place, const li_node *node, uint32_t i, uint32_t root, uint32_t step)
{
    const li_operation *operation = &li_operation_rows[node->row];
    const bool input = (li_tensor_record(place->net, root)->flags & LI_TENSOR_INPUT) != 0;
    if (((operation->in_place >> i) & 1) == 0 || place->last[root] != step ||
        (input && (place->net->flags & LI_KEEP_INPUTS) != 0)) {
        return false;
    }
    for (uint32_t j = 0; j < node->input_count; j++) {
        const uint32_t other = li_input_index(place, node, j);
        const bool shares = other != UINT32_MAX && place->root[other] == root;
        if (shares && (j >= 16 || ((operation->in_place >> j) & 1) == 0)) {
            return false;
        }
    }
    return true;
}

/* The group that the first output of node k joins, or LI_NO_GROUP. */
static uint32_t li_place_partner(const li_place *place, uint32_t k, uint32_t stored)
{
    const li_node *node = li_node_record(place->net, k);
    if (node->output_count == 0 || node->input_count == 0) {
        return LI_NO_GROUP;
    }
    const uint32_t out = li_output_index(place, node, 0);
    for (uint32_t i = 0; i < node->input_count && i < 16; i++) {
        const uint32_t in = li_input_index(place, node, i);
        const uint32_t root = in == UINT32_MAX ? LI_NO_GROUP : place->root[in];
        if (root == LI_NO_GROUP || !li_same_bytes(place, stored, root, out)) {
            continue;
        }
        if ((li_operation_rows[node->row].alias != 0 && i == 0 && li_may_alias(place, root, out)) ||
            li_may_overwrite(place, node, i, root, k + 1)) {
            return root;
        }
    }
    return LI_NO_GROUP;
}

/* Groups that an operator may write onto its operand, smaller element by smaller element: no step later reads the operand. */
static void li_place_onto(li_place *place)
{
    const li_net *net = place->net;
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        place->onto[i] = LI_NO_GROUP;
    }
    for (uint32_t k = 0; k < net->node_count && (net->flags & LI_KEEP_TENSORS) == 0; k++) {
        const li_node *node = li_node_record(net, k);
        if (li_operation_rows[node->row].shrink == 0 || node->input_count != 1 || node->output_count != 1) {
            continue;
        }
        const uint32_t in = li_input_index(place, node, 0);
        const uint32_t out = li_output_index(place, node, 0);
        const uint32_t root = in == UINT32_MAX ? LI_NO_GROUP : place->root[in];
        if (root != LI_NO_GROUP && place->root[out] == out && place->last[root] == k + 1 &&
            li_tensor_record(net, out)->bytes < li_tensor_record(net, root)->bytes) {
            place->onto[out] = (uint16_t)root;
        }
    }
}

void li_place_groups(li_place *place, uint32_t stored)
{
    const li_net *net = place->net;
    li_place_lifetimes(place);
    if ((net->flags & LI_KEEP_TENSORS) == 0) {
        for (uint32_t k = 0; k < net->node_count; k++) {
            const uint32_t root = li_place_partner(place, k, stored);
            if (root != LI_NO_GROUP) {
                const uint32_t out = li_output_index(place, li_node_record(net, k), 0);
                place->root[out] = (uint16_t)root;
                place->last[root] = place->last[out] > place->last[root] ? place->last[out] : place->last[root];
            }
        }
    }
    li_place_onto(place);
    place->groups = 0;
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        if (place->root[i] == i && li_tensor_record(net, i)->bytes != 0) {
            place->order[place->groups++] = (uint16_t)i;
        }
    }
}

/* Does group g need bytes of its own at this step? Not where it can lie inside the operand that it overwrites. */
static bool li_takes_room(const li_place *place, uint32_t g, uint32_t step)
{
    const uint32_t begin = place->onto[g] == LI_NO_GROUP ? place->first[g] : place->first[g] + 1u;
    return begin <= step && step <= place->last[g];
}

uint64_t li_place_bound(li_place *place)
{
    uint64_t bound = 0;
    for (uint32_t i = 0; i < place->groups; i++) {
        place->breadth[place->order[i]] = 0;
    }
    for (uint32_t step = 0; step < place->steps; step++) {
        uint64_t sum = 0;
        uint64_t slack = 0;
        for (uint32_t i = 0; i < place->groups; i++) {
            const uint32_t g = place->order[i];
            if (li_takes_room(place, g, step)) {
                const li_tensor *t = li_tensor_record(place->net, g);
                const uint64_t spare = li_rounded(t) - t->bytes;
                sum += li_rounded(t);    /* at most LI_MAX_TENSORS times 2 GiB */
                slack = spare > slack ? spare : slack;
            }
        }
        bound = sum - slack > bound ? sum - slack : bound;
        const uint32_t capped = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
        for (uint32_t i = 0; i < place->groups; i++) {
            const uint32_t g = place->order[i];
            if (place->first[g] <= step && step <= place->last[g] && place->breadth[g] < capped) {
                place->breadth[g] = capped;
            }
        }
    }
    return bound;
}

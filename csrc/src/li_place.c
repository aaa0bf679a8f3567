/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in the arena each tensor lives. Tensors that share bytes (aliases, in-place results) form a group, and groups that
 * are alive at the same time must not overlap. The file's own plan is taken when it holds up; otherwise groups are placed
 * first-fit, in a few orders, until one reaches the lower bound (greedy by size and by breadth: Pisarchyk and Lee,
 * "Efficient Memory Management for Deep Neural Net Inference", 2020).
 *
 * Time is a step per operator: inputs exist from step 0, operator k runs in step k + 1, outputs are read in step
 * operators + 1. Every loop is over groups x groups or groups x steps, both limited by LI_MAX_TENSORS.
 */
#include "li_core.h"

#define LI_NO_GROUP UINT16_MAX    /* a tensor outside the arena */
#define LI_NO_ROOM UINT32_MAX
#define LI_MANY_GROUPS 2048u      /* above this, two orders must do: trying one takes time with the square */

/* The planner's memory behind the nodes: LI_PLACE_BYTES per tensor. Arrays are indexed by tensor; a group is known by its
   root, the tensor that comes first. */
typedef struct li_place {
    li_net *net;
    uint16_t *root, *first, *last;    /* first and last step of the tensor, of the whole group at a root */
    uint16_t *order, *placed;         /* group_count roots: to be placed, and placed by rising offset */
    uint32_t *breadth;                /* most bytes alive at any step of the group */
    uint32_t groups, steps;
} li_place;

static void li_place_memory(li_place *place, li_net *net)
{
    const uint32_t n = net->tensor_count;
    const uint64_t behind = li_size_round_up(net->nodes + (uint64_t)net->node_count * sizeof(li_node), LI_ALIGNMENT);
    place->net = net;
    place->breadth = (uint32_t *)((uintptr_t)net + (uintptr_t)behind);
    place->root = (uint16_t *)(place->breadth + n);
    place->first = place->root + n;
    place->last = place->first + n;
    place->order = place->last + n;
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

static uint64_t li_rounded(const li_tensor *t)
{
    return li_size_round_up(t->bytes, LI_ALIGNMENT);
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
        place->root[i] = t->home == LI_HOME_ARENA ? (uint16_t)i : LI_NO_GROUP;
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

/* Lifetimes, then groups in execution order; `stored` (0: none) is the plan that they have to agree with. */
static void li_place_groups(li_place *place, uint32_t stored)
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
    place->groups = 0;
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        if (place->root[i] == i && li_tensor_record(net, i)->bytes != 0) {
            place->order[place->groups++] = (uint16_t)i;
        }
    }
}

static bool li_meet(const li_place *place, uint32_t a, uint32_t b)
{
    return place->first[a] <= place->last[b] && place->first[b] <= place->last[a];
}

/* The lower bound, and each group's breadth on the way. At any step the groups alive lie apart at multiples of the
   alignment, and only the topmost can save its rounding. */
static uint64_t li_place_bound(li_place *place)
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
            if (place->first[g] <= step && step <= place->last[g]) {
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

/* ---- the file's plan ---- */

/* Takes the file's offsets for the groups made to agree with it; LI_NO_ROOM when they don't hold up. */
static uint32_t li_place_stored(li_place *place, uint32_t stored)
{
    const uint8_t *file = li_file(place->net);
    uint64_t end = 0;
    for (uint32_t i = 0; i < place->groups; i++) {
        li_tensor *t = li_tensor_record(place->net, place->order[i]);
        const int32_t offset = li_load_i32(file + stored + 4 * (uint32_t)place->order[i]);
        if (offset < 0 || (uint32_t)offset % LI_ALIGNMENT != 0 || !li_size_fits((uint64_t)offset + t->bytes)) {
            return LI_NO_ROOM;
        }
        t->data = (uint32_t)offset;
        end = (uint64_t)offset + t->bytes > end ? (uint64_t)offset + t->bytes : end;
        for (uint32_t j = 0; j < i; j++) {
            const li_tensor *u = li_tensor_record(place->net, place->order[j]);
            const bool overlap = t->data < u->data + u->bytes && u->data < t->data + t->bytes;
            if (overlap && li_meet(place, place->order[i], place->order[j])) {
                return LI_NO_ROOM;
            }
        }
    }
    return (uint32_t)end;
}

/* ---- first fit ---- */

enum { LI_BY_SIZE, LI_BY_SIZE_LATEST, LI_BY_BREADTH, LI_BY_BREADTH_LATEST, LI_BY_TIME, LI_ORDERS };

/* Does group a come after group b? A strict total order, so the heap sort below is deterministic. */
static bool li_comes_after(const li_place *place, uint32_t by, uint32_t a, uint32_t b)
{
    const uint32_t size_a = li_tensor_record(place->net, a)->bytes;
    const uint32_t size_b = li_tensor_record(place->net, b)->bytes;
    const bool breadth = by == LI_BY_BREADTH || by == LI_BY_BREADTH_LATEST;
    const bool latest = by == LI_BY_SIZE_LATEST || by == LI_BY_BREADTH_LATEST;
    if (by == LI_BY_TIME && place->first[a] != place->first[b]) {
        return place->first[a] > place->first[b];
    }
    if (breadth && place->breadth[a] != place->breadth[b]) {
        return place->breadth[a] < place->breadth[b];
    }
    if (size_a != size_b) {
        return size_a < size_b;
    }
    return latest ? a < b : a > b;
}

static void li_sift(const li_place *place, uint32_t by, uint32_t start, uint32_t count)
{
    uint16_t *heap = place->order;
    uint32_t parent = start;
    for (uint32_t child = 2 * parent + 1; child < count; child = 2 * parent + 1) {
        if (child + 1 < count && li_comes_after(place, by, heap[child + 1], heap[child])) {
            child++;
        }
        if (!li_comes_after(place, by, heap[child], heap[parent])) {
            return;
        }
        const uint16_t swap = heap[child];
        heap[child] = heap[parent];
        heap[parent] = swap;
        parent = child;
    }
}

static void li_sort_groups(const li_place *place, uint32_t by)
{
    for (uint32_t i = place->groups / 2; i-- > 0;) {
        li_sift(place, by, i, place->groups);
    }
    for (uint32_t count = place->groups; count > 1; count--) {
        const uint16_t last = place->order[0];
        place->order[0] = place->order[count - 1];
        place->order[count - 1] = last;
        li_sift(place, by, 0, count - 1);
    }
}

/* Places the groups in the given order, each in the lowest gap between those alive with it; answers the arena's bytes. */
static uint32_t li_first_fit(li_place *place, uint32_t by)
{
    uint64_t arena = 0;
    li_sort_groups(place, by);
    for (uint32_t i = 0; i < place->groups; i++) {
        const uint16_t g = place->order[i];
        li_tensor *t = li_tensor_record(place->net, g);
        uint64_t low = 0;
        for (uint32_t j = 0; j < i; j++) {
            const li_tensor *u = li_tensor_record(place->net, place->placed[j]);
            if (!li_meet(place, g, place->placed[j])) {
                continue;
            }
            if (u->data >= low && u->data - low >= t->bytes) {
                break;
            }
            const uint64_t above = u->data + li_rounded(u);
            low = above > low ? above : low;
        }
        if (!li_size_fits(low + t->bytes)) {
            return LI_NO_ROOM;
        }
        t->data = (uint32_t)low;
        arena = low + t->bytes > arena ? low + t->bytes : arena;
        uint32_t at = i;
        while (at > 0 && li_tensor_record(place->net, place->placed[at - 1])->data > low) {
            at--;
        }
        li_move(place->placed + at + 1, place->placed + at, (i - at) * sizeof *place->placed);
        place->placed[at] = g;
    }
    return (uint32_t)arena;
}

static uint32_t li_place_greedy(li_place *place, uint64_t bound)
{
    const uint32_t orders = place->groups > LI_MANY_GROUPS ? LI_BY_BREADTH : LI_ORDERS;    /* keep hostile files short */
    uint32_t best = LI_NO_ROOM;
    uint32_t best_by = 0;
    uint32_t last_by = 0;
    for (uint32_t by = 0; by < orders && best > bound; by++) {
        const uint32_t arena = li_first_fit(place, by);
        if (arena < best) {
            best = arena;
            best_by = by;
        }
        last_by = by;
    }
    return best == LI_NO_ROOM || best_by == last_by ? best : li_first_fit(place, best_by);
}

/* ---- the main flow ---- */

li_status li_place_arena(li_net *net, li_need *need)
{
    li_place place;
    li_place_memory(&place, net);
    li_place_groups(&place, 0);
    const uint64_t bound = li_place_bound(&place);
    const uint32_t stored = (net->flags & LI_IGNORE_PLAN) != 0 ? 0 : li_stored_plan(net);
    uint32_t arena = LI_NO_ROOM;
    if (stored != 0) {
        li_place_groups(&place, stored);
        arena = li_place_stored(&place, stored);
    }
    need->plan_from_file = arena != LI_NO_ROOM;
    if (arena == LI_NO_ROOM) {
        li_place_groups(&place, 0);
        arena = li_place_greedy(&place, bound);
    }
    if (arena == LI_NO_ROOM) {
        return li_fail(net, LI_UNSUPPORTED, LI_RULE_PART_LIMIT, NULL, NULL, (int64_t)LI_BYTES_MAX, (int64_t)bound);
    }
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        if (place.root[i] != LI_NO_GROUP) {
            li_tensor *t = li_tensor_record(net, i);
            t->data = t->bytes == 0 ? 0 : li_tensor_record(net, place.root[i])->data;
        }
    }
    net->arena_bytes = arena;
    need->arena = arena;
    need->arena_lower_bound = (size_t)bound;
    return LI_OK;
}

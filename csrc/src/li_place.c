/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in the arena each tensor lives. Tensors that share bytes (aliases, in-place results) form a group, and groups that
 * are alive at the same time must not overlap. The file's own plan is taken when it holds up; otherwise groups are placed
 * first-fit, in a few orders, until one reaches the lower bound (greedy by size and by breadth: Pisarchyk and Lee,
 * "Efficient Memory Management for Deep Neural Net Inference", 2020).
 */
#include "li_place.h"

#define LI_NO_ROOM UINT32_MAX
#define LI_MANY_GROUPS 2048u      /* above this, two orders must do: trying one takes time with the square */

/* ---- the file's plan ---- */

/* Do two placed groups leave each other's bytes alone while these are needed? */
static bool li_are_apart(const li_place *place, uint32_t a, uint32_t b)
{
    const li_tensor *t = li_tensor_record(place->net, a);
    const li_tensor *u = li_tensor_record(place->net, b);
    return !li_meet(place, a, b) || t->data >= u->data + u->bytes || u->data >= t->data + t->bytes ||
           (place->onto[a] == b && t->data <= u->data) || (place->onto[b] == a && u->data <= t->data);
}

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
            if (!li_are_apart(place, place->order[i], place->order[j])) {
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

/* The lowest offset from `low` on where group g fits between the `count` placed groups that are alive with it. */
static uint64_t li_lowest_gap(const li_place *place, uint32_t g, uint32_t count, uint64_t low)
{
    const uint32_t bytes = li_tensor_record(place->net, g)->bytes;
    for (uint32_t j = 0; j < count; j++) {
        const li_tensor *u = li_tensor_record(place->net, place->placed[j]);
        if (!li_meet(place, g, place->placed[j]) || li_are_stacked(place, g, place->placed[j])) {
            continue;
        }
        if (u->data >= low && u->data - low >= bytes) {
            break;
        }
        const uint64_t above = u->data + li_rounded(u);
        low = above > low ? above : low;
    }
    return low;
}

/* The same for the groups that g may overwrite or be overwritten by: `low`, or where it is worth trying next. */
static uint64_t li_beyond_stacked(const li_place *place, uint32_t g, uint32_t count, uint64_t low)
{
    const uint32_t bytes = li_tensor_record(place->net, g)->bytes;
    for (uint32_t j = 0; j < count; j++) {
        const uint32_t other = place->placed[j];
        const li_tensor *u = li_tensor_record(place->net, other);
        if (place->onto[g] == other && low > u->data && low < (uint64_t)u->data + u->bytes) {
            return u->data + li_rounded(u);
        }
        if (place->onto[other] == g && low < u->data && low + bytes > u->data) {
            return u->data;
        }
    }
    return low;
}

/* Places the groups in the given order, each in the lowest gap between those alive with it; answers the arena's bytes. */
static uint32_t li_first_fit(li_place *place, uint32_t by)
{
    uint64_t arena = 0;
    li_sort_groups(place, by);
    for (uint32_t i = 0; i < place->groups; i++) {
        const uint16_t g = place->order[i];
        li_tensor *t = li_tensor_record(place->net, g);
        uint64_t low = li_lowest_gap(place, g, i, 0);
        for (uint64_t next; (next = li_beyond_stacked(place, g, i, low)) != low;) {    /* at most once per stacked group */
            low = li_lowest_gap(place, g, i, next);
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

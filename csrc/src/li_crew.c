/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several operators in a row that are nothing but bands, as one job of the pool: every thread walks them all and takes its own
 * band of each. Before a band it waits until those of the operator before are done, so that a thread tells the others only
 * where it is. Handing over each operator by itself takes two messages between the cores one after the other, and this one at a time.
 *
 * Nobody waits for a thread that has not begun: a band is claimed before it runs, and thread 0, whose task is the caller's, claims
 * what nobody has begun when it has nothing else to do. Another thread that waits too long leaves. So tasks may run in any order,
 * or all on one thread.
 */
#include "li_core.h"
#include "li_crew.h"

#if LI_PACKS

enum {
    LI_CREW_PATIENCE = 200,              /* looks of thread 0 before it takes a band over */
    LI_CREW_FAST_LOOKS = 4000,           /* at full speed, then with pauses */
    LI_CREW_LOOKS = 1 << 18              /* of the others before they leave: milliseconds */
};

/* What one thread writes and all read: numbers of the last operator whose band was begun, and was done, from 1 on. */
typedef struct li_crew_line {
    _Alignas(LI_CREW_LINE) uint32_t claimed;     /* a line that others look at only when they have waited long */
    _Alignas(LI_CREW_LINE) uint32_t done;
} li_crew_line;
_Static_assert(sizeof(li_crew_line) == 2 * LI_CREW_LINE, "the lines of a crew are what li_crew_bytes counts");

typedef struct li_crew {
    li_net *net;
    uint32_t first, end;                 /* nodes */
    int32_t count;
    li_crew_line *lines;                 /* in scratch */
} li_crew;

/* A thread's view of the operator that it runs: the node comes first, as run functions are given it. */
struct li_crew_member {
    li_node node;
    li_crew *crew;
    int32_t number;
    int32_t running;                     /* its band, -1 before the first */
    uint32_t step;                       /* number of the operator */
    uint32_t last[LI_CREW_THREADS];      /* of the last one that had a band for each thread */
    int32_t has_left;
};

static uint32_t li_crew_load(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

static void li_crew_pause(uint32_t looks)
{
    if (looks < LI_CREW_FAST_LOOKS) return;
#if LI_X86
    __builtin_ia32_pause();
#elif LI_AARCH64
    __asm__ volatile("yield");
#endif
}

static int li_crew_claim(li_crew_line *line, uint32_t step)
{
    uint32_t before = li_crew_load(&line->claimed);
    return before < step && __atomic_compare_exchange_n(&line->claimed, &before, step, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Whether every thread's last band is done; false when this band was taken over meanwhile, or it took too long. */
static int li_crew_may_begin(li_crew_member *m)
{
    li_crew *crew = m->crew;
    uint32_t looks = 0;
    int32_t i;
    for (i = 0; i < crew->count; ++i)
        for (; li_crew_load(&crew->lines[i].done) < m->last[i]; ++looks) {
            if (m->number == 0) continue;        /* it has seen to them */
            if (li_crew_load(&crew->lines[m->number].claimed) >= m->step) return 0;
            if (looks > LI_CREW_LOOKS) {
                m->has_left = 1;
                return 0;
            }
            li_crew_pause(looks);
        }
    return 1;
}

/* Whether thread 0, which waits until a band is done, shall run it. */
static int li_crew_takes_over(const li_crew_member *m, li_crew_line *line)
{
    uint32_t looks;
    for (looks = 0; li_crew_load(&line->done) < m->step; ++looks) {
        if (looks >= LI_CREW_PATIENCE && li_crew_claim(line, m->step)) return 1;
        li_crew_pause(looks);
    }
    return 0;
}

int32_t li_crew_next(const li_node *node, int32_t count)
{
    li_crew_member *m = (li_crew_member *)(uintptr_t)node;
    li_crew_line *lines = m->crew->lines;
    int32_t i = m->running;
    if (i >= 0) __atomic_store_n(&lines[i].done, m->step, __ATOMIC_RELEASE);
    else {
        ++m->step;
        if (m->has_left) return -1;
        if (m->number < count && li_crew_may_begin(m) && li_crew_claim(&lines[m->number], m->step)) return m->running = m->number;
    }
    if (m->number == 0)
        for (++i; i < count; ++i)
            if (li_crew_takes_over(m, &lines[i])) return m->running = i;
    for (i = 0; i < count; ++i) m->last[i] = m->step;
    return m->running = -1;
}

static void li_crew_task(void *context, int32_t number)
{
    li_crew *crew = context;
    li_crew_member m = { .crew = crew, .number = number, .running = -1 };
    uint32_t i;
    for (i = crew->first; i < crew->end && !m.has_left; ++i) {
        const li_node *node = li_node_record(crew->net, i);
        if (node->output_count == 0) continue;
        m.node = *node;
        m.node.divided = LI_DIVIDED_CREW;
        (void)li_operation_rows[node->row].run(crew->net, &m.node);      /* it does not fail: li_internal.h */
    }
}

uint32_t li_crew_run(li_net *net, uint32_t first)
{
    li_crew crew = { .net = net, .first = first, .end = first, .count = net->threads };
    uint32_t operators = 0;
    uintptr_t at;
    if (net->threads < 2 || net->threads > LI_CREW_THREADS || net->hook.hook != NULL) return first;
    for (; crew.end < net->node_count; ++crew.end) {
        const li_node *node = li_node_record(net, crew.end);
        if (node->output_count != 0 && (node->divided == 0 || node->as_int8 != 0)) break;
        operators += node->output_count != 0;
    }
    if (operators < 2) return first;
    at = (uintptr_t)li_as_int8_copies(net);      /* of one thread there may be no scratch to count from */
    at += (LI_CREW_LINE - at % LI_CREW_LINE) % LI_CREW_LINE;
    crew.lines = (li_crew_line *)at;
    li_fill(crew.lines, 0, (size_t)crew.count * sizeof *crew.lines);
    net->parallel.parallel(net->pool.pointer, li_crew_task, &crew, crew.count);
    return crew.end;
}

#else
typedef int li_crew_is_left_out;      /* an empty translation unit is not C */
#endif

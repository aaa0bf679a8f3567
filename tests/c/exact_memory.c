/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_memory FILE...: what li_plan says is what a net needs, to the byte.
 *
 * Every part is mapped between pages that may not be touched, once with its first byte at a page's start and once with
 * its end as near to a page's end as alignment allows; the bytes between are canaries. The model is mapped the same way
 * and read-only. For every flag and kernel set: one byte less of any part is refused by its own rule, exact parts open,
 * runs of the same inputs give the same bytes, and all flags and kernels agree. MALLOC is forbidden after li_open.
 */
#define _GNU_SOURCE
#include "support.h"

#include <sys/mman.h>
#include <unistd.h>

/* ---- no allocation after open ---- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static int forbidden;

void *malloc(size_t bytes)
{
    if (forbidden) {
        abort();
    }
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    if (forbidden) {
        abort();
    }
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    if (forbidden) {
        abort();
    }
    return __libc_realloc(old, bytes);
}

/* ---- memory between guard pages ---- */

struct guarded {
    unsigned char *map, *bytes;
    size_t map_bytes, size, page;
};

static struct guarded guard(size_t size, size_t alignment, int at_end)
{
    struct guarded g;
    g.page = (size_t)sysconf(_SC_PAGESIZE);
    g.size = size;
    const size_t inside = (size + g.page - 1) / g.page * g.page;
    g.map_bytes = inside + 2 * g.page;
    g.map = mmap(NULL, g.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(g.map != MAP_FAILED);
    if (inside != 0) {
        CHECK(mprotect(g.map + g.page, inside, PROT_READ | PROT_WRITE) == 0);
        memset(g.map + g.page, 0xc5, inside);
    }
    g.bytes = g.map + g.page + (at_end ? (inside - size) / alignment * alignment : 0);
    return g;
}

/* No byte outside [bytes, bytes + size) has changed. */
static void check_canaries(const struct guarded *g)
{
    const unsigned char *end = g->map + g->map_bytes - g->page;
    for (const unsigned char *p = g->map + g->page; p < end; p++) {
        if (p < g->bytes || p >= g->bytes + g->size) {
            CHECK(*p == 0xc5);
        }
    }
}

static void release(const struct guarded *g)
{
    CHECK(munmap(g->map, g->map_bytes) == 0);
}

/* ---- one model ---- */

struct model {
    const unsigned char *bytes;
    size_t size;
};

/* Each part one byte short in turn. */
static void check_one_byte_less(struct model model, const li_memory *memory, const li_options *options, const li_need *need)
{
    const int64_t needed[4] = { (int64_t)need->arena, (int64_t)need->scratch, (int64_t)need->state, (int64_t)need->packed };
    static const char *const rules[4] = { "the arena is smaller than needed", "the scratch part is smaller than needed",
                                          "the state part is smaller than needed", "the packed part is smaller than needed" };
    for (int i = 0; i < 4; i++) {
        li_memory less = *memory;
        size_t *const bytes[4] = { &less.arena_bytes, &less.scratch_bytes, &less.state_bytes, &less.packed_bytes };
        li_fault fault;
        li_net *net;
        if (needed[i] == 0) {
            continue;
        }
        *bytes[i] -= 1;
        CHECK(li_open(&net, model.bytes, model.size, &less, options, &fault) == LI_NO_MEMORY);
        CHECK(net == NULL && fault.needed == needed[i] && fault.had == needed[i] - 1);
        CHECK(strcmp(li_rule_text(fault.rule), rules[i]) == 0);
    }
}

static uint64_t run_guarded(struct model model, const li_options *options, int at_end)
{
    li_info info;
    li_need need;
    li_fault fault;
    CHECK(li_check(model.bytes, model.size, &info, &fault) == LI_OK);
    struct guarded work = guard(info.work_bytes, 16, at_end);
    CHECK(li_plan(model.bytes, model.size, options, work.bytes, info.work_bytes, &need, &fault) == LI_OK);
    CHECK(li_plan(model.bytes, model.size, options, work.bytes, info.work_bytes - 1, &need, &fault) == LI_NO_MEMORY);
    CHECK(li_plan(model.bytes, model.size, options, work.bytes, info.work_bytes, &need, &fault) == LI_OK);
    check_canaries(&work);
    release(&work);

    struct guarded parts[4] = { guard(need.arena, 16, at_end), guard(need.scratch, 16, at_end), guard(need.state, 16, at_end),
                                guard(need.packed, 16, at_end) };
    const li_memory memory = { parts[0].bytes, need.arena, parts[1].bytes, need.scratch, parts[2].bytes, need.state,
                               parts[3].bytes, need.packed };
    check_one_byte_less(model, &memory, options, &need);
    li_net *net;
    CHECK(li_open(&net, model.bytes, model.size, &memory, options, &fault) == LI_OK);
    forbidden = 1;
    uint64_t hash = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t seed = 7;
        fill_inputs(net, &seed);
        CHECK(li_reset(net) == LI_OK);
        CHECK(li_run(net) == LI_OK);
        CHECK(i == 0 || hash == hash_outputs(net));
        hash = hash_outputs(net);
        if ((options->flags & LI_KEEP_INPUTS) != 0) {    /* inputs survive, so a run without setting them again agrees */
            CHECK(li_reset(net) == LI_OK && li_run(net) == LI_OK && hash == hash_outputs(net));
        }
    }
    forbidden = 0;
    for (int i = 0; i < 4; i++) {
        check_canaries(&parts[i]);
        release(&parts[i]);
    }
    return hash;
}

/* Packed weights of one open serve a second net, read-only; a damaged stamp is refused. */
static void check_packed_ready(struct model model, li_options options)
{
    li_info info;
    li_need need;
    li_fault fault;
    li_net *net;
    CHECK(li_check(model.bytes, model.size, &info, &fault) == LI_OK);
    struct guarded work = guard(info.work_bytes, 16, 0);
    CHECK(li_plan(model.bytes, model.size, &options, work.bytes, info.work_bytes, &need, &fault) == LI_OK);
    release(&work);
    if (need.packed == 0) {
        return;
    }
    struct guarded packed = guard(need.packed, 16, 0);
    struct guarded rest[3] = { guard(need.arena, 16, 0), guard(need.scratch, 16, 0), guard(need.state, 16, 0) };
    const li_memory memory = { rest[0].bytes, need.arena, rest[1].bytes, need.scratch, rest[2].bytes, need.state, packed.bytes,
                               need.packed };
    uint64_t seed = 7;
    options.flags |= LI_PACKED_READY;
    CHECK(li_open(&net, model.bytes, model.size, &memory, &options, &fault) == LI_STALE_PACKED && net == NULL);
    options.flags &= ~(uint32_t)LI_PACKED_READY;
    CHECK(li_open(&net, model.bytes, model.size, &memory, &options, &fault) == LI_OK);
    fill_inputs(net, &seed);
    CHECK(li_run(net) == LI_OK);
    const uint64_t hash = hash_outputs(net);

    options.flags |= LI_PACKED_READY;
    CHECK(mprotect(packed.map + packed.page, packed.map_bytes - 2 * packed.page, PROT_READ) == 0);
    CHECK(li_open(&net, model.bytes, model.size, &memory, &options, &fault) == LI_OK);
    seed = 7;
    fill_inputs(net, &seed);
    CHECK(li_run(net) == LI_OK && hash == hash_outputs(net));
    CHECK(mprotect(packed.map + packed.page, packed.map_bytes - 2 * packed.page, PROT_READ | PROT_WRITE) == 0);

    packed.bytes[0] ^= 1;
    CHECK(li_open(&net, model.bytes, model.size, &memory, &options, &fault) == LI_STALE_PACKED && net == NULL);
    packed.bytes[0] ^= 1;
    options.flags ^= LI_EXACT;
    CHECK(li_open(&net, model.bytes, model.size, &memory, &options, &fault) == LI_STALE_PACKED && net == NULL);
    release(&packed);
    for (int i = 0; i < 3; i++) {
        release(&rest[i]);
    }
}

static void check_model(const char *path)
{
    static const uint32_t flags[] = { 0, LI_KEEP_INPUTS, LI_KEEP_TENSORS, LI_KEEP_TENSORS | LI_KEEP_INPUTS, LI_NO_PACK, LI_IGNORE_PLAN };
    static const int32_t sets[] = { LI_ISA_BEST, LI_ISA_REF };
    size_t size;
    unsigned char *file = read_file(path, &size);
    uint64_t hash = 0;
    int first = 1;
    for (int at_end = 0; at_end < 2; at_end++) {
        struct guarded mapped = guard(size, 4, at_end);
        memcpy(mapped.bytes, file, size);
        CHECK(mprotect(mapped.map + mapped.page, mapped.map_bytes - 2 * mapped.page, PROT_READ) == 0);
        const struct model model = { mapped.bytes, size };
        for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
            for (size_t k = 0; k < sizeof sets / sizeof *sets; k++) {
                li_options options;
                memset(&options, 0, sizeof options);
                options.struct_bytes = sizeof options;
                options.flags = flags[f] | LI_EXACT;
                options.isa = sets[k];
                const uint64_t got = run_guarded(model, &options, at_end);
                CHECK(first || got == hash);
                hash = got;
                first = 0;
                if (at_end == 0 && f == 0) {
                    check_packed_ready(model, options);
                }
            }
        }
        check_canaries(&mapped);
        release(&mapped);
    }
    free(file);
    printf("%s %016llx\n", path, (unsigned long long)hash);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        check_model(argv[i]);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay FILE...                          load each file and run it, whatever it holds
 * replay --mutate SEED COUNT FILE         every truncation, and COUNT mutants of the file: single-bit flips and words
 *                                         replaced by boundary values, half of them outside the buffers' bodies
 *
 * A mutant is refused, or runs on random inputs, one in eight of them twice. It is not run when its multiply-accumulates exceed ten times the
 * original's, or when it needs more memory than MEMORY_LIMIT. Built with AddressSanitizer, bytes behind the file are
 * poisoned; the exit status is 1 when a mutant took longer than a second.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include "li_core.h"

#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define MEMORY_LIMIT ((size_t)64 << 20)
#define SLOWEST_ALLOWED 1.0

enum outcome { REFUSED, TOO_LARGE, TOO_SLOW, STOPPED, RAN, OUTCOMES };
static const char *const outcome_names[OUTCOMES] = { "refused", "too-large", "too-many-macs", "stopped", "ran" };

/* Memory parts that grow and are reused from one mutant to the next. What a net does not own is poisoned. */
struct block {
    unsigned char *bytes;
    size_t capacity;
};

static void *block_of(struct block *block, size_t bytes)
{
    if (bytes > block->capacity) {
        free(block->bytes);
        block->capacity = (bytes + 4095) / 4096 * 4096;
        block->bytes = aligned_alloc(64, block->capacity);
        CHECK(block->bytes != NULL);
        memset(block->bytes, 0xa5, block->capacity);
    }
    if (block->bytes == NULL) {
        return NULL;
    }
    UNPOISON(block->bytes, bytes);
    POISON(block->bytes + bytes, block->capacity - bytes);
    return bytes == 0 ? NULL : block->bytes;
}

static void block_release(struct block *block)
{
    if (block->bytes != NULL) {
        UNPOISON(block->bytes, block->capacity);
    }
}

/* Multiply-accumulates, or elements touched, of one operator: an estimate to keep hostile sizes from running. */
static uint64_t work_of(const li_net *net, const li_node *node)
{
    uint64_t elements = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const li_tensor *t = li_node_input(net, node, i);
        elements += t == NULL ? 0 : li_tensor_elements(t);
    }
    const li_tensor *out = li_node_output(net, node, 0);
    const li_tensor *in = li_node_input(net, node, 0);
    const uint64_t result = out == NULL ? 0 : li_tensor_elements(out);
    uint64_t each = 1;
    switch (li_operation_rows[node->row].builtin) {
    case LI_OP_CONV_2D:
    case LI_OP_FULLY_CONNECTED:
    case LI_OP_DEPTHWISE_CONV_2D: {
        const li_tensor *filter = li_node_input(net, node, 1);
        const bool depthwise = li_operation_rows[node->row].builtin == LI_OP_DEPTHWISE_CONV_2D;
        const int32_t channels = filter->rank == 0 ? 1 : filter->dims[depthwise ? filter->rank - 1 : 0];
        each = channels == 0 ? 1 : li_tensor_elements(filter) / (uint32_t)channels;
        break;
    }
    case LI_OP_AVERAGE_POOL_2D:
    case LI_OP_MAX_POOL_2D:
        if (node->options != 0 && in != NULL && in->rank == 4) {
            const int32_t width = li_table_i32(li_file(net), node->options, LI_SLOT_Pool2DOptions_filter_width, 0);
            const int32_t height = li_table_i32(li_file(net), node->options, LI_SLOT_Pool2DOptions_filter_height, 0);
            each = (uint64_t)(width < in->dims[2] ? width : in->dims[2]) * (uint64_t)(height < in->dims[1] ? height : in->dims[1]);
        }
        break;
    default:
        break;
    }
    return li_size_add(li_size_mul(result, each), elements);
}

static uint64_t work_of_net(const li_net *net)
{
    uint64_t work = 0;
    for (uint32_t i = 0; i < net->node_count; i++) {
        work = li_size_add(work, work_of(net, li_node_record(net, i)));
    }
    return work;
}

struct parts {
    struct block work, arena, scratch, state, packed;
};

/* Reads everything that the API offers, so that the sanitizers see it. */
static void touch(li_net *net)
{
    volatile unsigned char sink = 0;
    for (int32_t i = 0; i < li_tensors(net); i++) {
        const li_tensor *t = li_tensor_at(net, i);
        size_t length;
        float scales[4];
        int32_t zero_points[4];
        const char *name = li_tensor_name(t, &length);
        for (size_t k = 0; k < length; k++) {
            sink = (unsigned char)name[k];
        }
        CHECK(li_tensor_scales(t, scales, 4) >= 0 && li_tensor_zero_points(t, zero_points, 4) >= 0);
        CHECK(li_tensor_index(t) == i);
        if (li_tensor_bytes(t) != 0 && li_tensor_data(t) != NULL) {
            sink = ((unsigned char *)li_tensor_data(t))[li_tensor_bytes(t) - 1];
        }
    }
    for (int32_t i = 0; i < li_operations(net); i++) {
        int32_t indices[4];
        CHECK(li_operator_inputs(net, i, indices, 4) >= 0 && li_operator_outputs(net, i, indices, 4) >= 0);
    }
    (void)sink;
}

static enum outcome run(const void *model, size_t size, struct parts *parts, uint64_t work_limit, uint64_t *work,
                        uint64_t *seed, li_fault *fault)
{
    li_info info;
    li_need need;
    li_options options;
    memset(&options, 0, sizeof options);
    options.struct_bytes = sizeof options;
    options.flags = (uint32_t)next_random(seed) & (LI_KEEP_INPUTS | LI_KEEP_TENSORS | LI_EXACT | LI_NO_PACK);
    if (li_check(model, size, &info, fault) != LI_OK) {
        CHECK(fault->status != LI_OK && fault->rule != LI_RULE_NONE);
        return REFUSED;
    }
    if (info.work_bytes > MEMORY_LIMIT) {
        return TOO_LARGE;
    }
    void *memory = block_of(&parts->work, info.work_bytes);
    if (li_plan(model, size, &options, memory, info.work_bytes, &need, fault) != LI_OK) {
        CHECK(fault->status != LI_OK && fault->rule != LI_RULE_NONE);
        return REFUSED;
    }
    if (need.arena + need.state > MEMORY_LIMIT || need.packed + need.scratch > MEMORY_LIMIT) {
        return TOO_LARGE;
    }
    li_memory all = { block_of(&parts->arena, need.arena), need.arena, block_of(&parts->scratch, need.scratch), need.scratch,
                      block_of(&parts->state, need.state), need.state, block_of(&parts->packed, need.packed), need.packed };
    li_net *net;
    CHECK(li_open(&net, model, size, &all, &options, fault) == LI_OK);    /* what plans, opens */
    *work = work_of_net(net);
    touch(net);
    if (*work > work_limit) {
        return TOO_SLOW;
    }
    const int runs = next_random(seed) % 8 == 0 ? 2 : 1;
    for (int i = 0; i < runs; i++) {
        for (int32_t k = 0; k < li_inputs(net); k++) {
            fill_random(li_tensor_data(li_input(net, k)), li_tensor_bytes(li_input(net, k)), seed);
        }
        if (li_run(net) != LI_OK) {
            return STOPPED;
        }
    }
    touch(net);
    return RAN;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void release(struct parts *parts)
{
    block_release(&parts->work);
    block_release(&parts->arena);
    block_release(&parts->scratch);
    block_release(&parts->state);
    block_release(&parts->packed);
}

/* ---- mutants ---- */

struct tally {
    uint64_t outcomes[OUTCOMES];
    double slowest;
    uint64_t slowest_index;
};

static void count(struct tally *tally, enum outcome outcome, double seconds, uint64_t index)
{
    tally->outcomes[outcome]++;
    if (seconds > tally->slowest) {
        tally->slowest = seconds;
        tally->slowest_index = index;
    }
}

static int print(const char *what, const struct tally *tally)
{
    printf("%s", what);
    for (int i = 0; i < OUTCOMES; i++) {
        printf(" %s %llu", outcome_names[i], (unsigned long long)tally->outcomes[i]);
    }
    printf(" slowest %.3f s (mutant %llu)\n", tally->slowest, (unsigned long long)tally->slowest_index);
    return tally->slowest > SLOWEST_ALLOWED;
}

/* Marks the bytes that lie in bodies of buffers; what remains is structure. */
static unsigned char *mark_bodies(const unsigned char *file, size_t size)
{
    unsigned char *body = calloc(size, 1);
    CHECK(body != NULL);
    uint32_t buffers;
    li_table_vector(file, li_load_u32(file), LI_SLOT_Model_buffers, &buffers);
    for (uint32_t i = 0; i < buffers; i++) {
        uint32_t first, bytes;
        if (li_buffer_bytes(file, i, &first, &bytes) && bytes != 0) {
            memset(body + first, 1, bytes);
        }
    }
    return body;
}

/* Where to damage the file: half anywhere, half in its structure. */
static size_t choose(const unsigned char *body, size_t size, uint64_t *seed)
{
    const bool structure = next_random(seed) % 2 == 0;
    for (int tries = 0; tries < 1000; tries++) {
        const size_t at = (size_t)(next_random(seed) % size);
        if (!structure || body[at] == 0) {
            return at;
        }
    }
    return 0;
}

static void damage(unsigned char *file, size_t size, const unsigned char *body, uint64_t *seed)
{
    static const uint32_t words[] = { 0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x3fffffff,
                                      0x40000000, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
    size_t at = choose(body, size, seed);
    if (next_random(seed) % 2 == 0) {
        file[at] ^= (unsigned char)(1u << (next_random(seed) % 8));
    } else {
        const uint64_t which = next_random(seed) % (sizeof words / sizeof *words + 2);
        const uint32_t word = which < sizeof words / sizeof *words ? words[which] : (uint32_t)size - (uint32_t)(at & ~(size_t)3) * (which & 1);
        at &= ~(size_t)3;
        memcpy(file + at, &word, size - at < 4 ? size - at : 4);
    }
}

static int mutate(uint64_t seed, uint64_t mutants, const char *path)
{
    size_t size;
    unsigned char *original = read_file(path, &size);
    struct block file = { NULL, 0 };
    struct parts parts;
    struct tally truncated, damaged;
    li_fault fault;
    uint64_t work = 0;
    uint64_t scratch;
    memset(&parts, 0, sizeof parts);
    memset(&truncated, 0, sizeof truncated);
    memset(&damaged, 0, sizeof damaged);

    unsigned char *bytes = block_of(&file, size);
    memcpy(bytes, original, size);
    CHECK(run(bytes, size, &parts, UINT64_MAX, &work, &seed, &fault) == RAN);
    const uint64_t limit = 10 * work;
    unsigned char *body = mark_bodies(original, size);

    for (size_t length = 0; length < size; length++) {
        const double start = now();
        CHECK(block_of(&file, length) == bytes || length == 0);
        const enum outcome outcome = run(bytes, length, &parts, limit, &scratch, &seed, &fault);
        count(&truncated, outcome, now() - start, length);
    }
    block_of(&file, size);
    for (uint64_t i = 0; i < mutants; i++) {
        const double start = now();
        memcpy(bytes, original, size);
        damage(bytes, size, body, &seed);
        const enum outcome outcome = run(bytes, size, &parts, limit, &scratch, &seed, &fault);
        count(&damaged, outcome, now() - start, i);
    }
    int slow = print("truncations", &truncated);
    slow |= print("mutants", &damaged);
    release(&parts);
    block_release(&file);
    free(parts.work.bytes);
    free(parts.arena.bytes);
    free(parts.scratch.bytes);
    free(parts.state.bytes);
    free(parts.packed.bytes);
    free(file.bytes);
    free(body);
    free(original);
    return slow;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--mutate") == 0) {
        return mutate(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), argv[4]);
    }
    struct parts parts;
    memset(&parts, 0, sizeof parts);
    for (int i = 1; i < argc; i++) {
        size_t size;
        unsigned char *original = read_file(argv[i], &size);
        unsigned char *exact = aligned_alloc(16, (size + 16) / 16 * 16);
        li_fault fault;
        uint64_t work, seed = 1;
        CHECK(exact != NULL);
        memcpy(exact, original, size);
        POISON(exact + size, (size + 16) / 16 * 16 - size);
        memset(&fault, 0, sizeof fault);
        const enum outcome outcome = run(exact, size, &parts, UINT64_MAX, &work, &seed, &fault);
        printf("%s %s %s\n", outcome_names[outcome], outcome == REFUSED ? li_rule_text(fault.rule) : "-", argv[i]);
        UNPOISON(exact, (size + 16) / 16 * 16);
        free(exact);
        free(original);
    }
    release(&parts);
    free(parts.work.bytes);
    free(parts.arena.bytes);
    free(parts.scratch.bytes);
    free(parts.state.bytes);
    free(parts.packed.bytes);
    return 0;
}

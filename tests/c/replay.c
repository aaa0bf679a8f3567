/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay FILE...                          load each file and run it, whatever it holds
 * replay --mutate SEED COUNT FILE         every truncation, and COUNT mutants of the file: single-bit flips and words
 *                                         replaced by boundary values, half of them outside the buffers' bodies
 * replay --exhaust STRIDE FILE            every truncation, and every STRIDE-th of all single-bit flips and of all aligned
 *                                         words under 16 boundary values
 *
 * A mutant is refused, or runs on random inputs, one in eight of them twice. It is not run when its multiply-accumulates exceed ten times the
 * original's, or when it needs more memory than MEMORY_LIMIT. Built with AddressSanitizer, bytes behind the file are
 * poisoned; the exit status is 1 when a mutant took longer than a second.
 */
#define _POSIX_C_SOURCE 200809L
#include "parts.h"
#include "work.h"

#include <time.h>

#define MEMORY_LIMIT ((size_t)64 << 20)
#define SLOWEST_ALLOWED 1.0

enum outcome { REFUSED, TOO_LARGE, TOO_SLOW, STOPPED, RAN, OUTCOMES };
static const char *const outcome_names[OUTCOMES] = { "refused", "too-large", "too-many-macs", "stopped", "ran" };

/* Any bytes; half of the integers are small instead, since indices must lie within a dimension to get anywhere. */
static void fill_input(li_tensor *t, uint64_t *seed)
{
    const size_t bytes = li_tensor_bytes(t), element = li_type_bytes(t->type);
    unsigned char *data = li_tensor_data(t);
    fill_random(data, bytes, seed);
    if ((t->type == LI_INT32 || t->type == LI_INT64) && next_random(seed) % 2 == 0) {
        for (size_t i = 0; i < bytes; i += element) {
            memset(data + i + 1, 0, element - 1);
            data[i] = (unsigned char)(data[i] % 4);
        }
    }
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
    li_net *net;
    CHECK(parts_open(parts, &net, model, size, &need, &options, fault) == LI_OK);    /* what plans, opens */
    *work = work_of_net(net);
    touch(net);
    if (*work > work_limit) {
        return TOO_SLOW;
    }
    const int runs = next_random(seed) % 8 == 0 ? 2 : 1;
    for (int i = 0; i < runs; i++) {
        for (int32_t k = 0; k < li_inputs(net); k++) {
            fill_input(li_input(net, k), seed);
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

/* A file and the copy that is damaged. */
struct subject {
    unsigned char *original, *copy;
    size_t size;
    uint64_t work_limit, seed;
    struct block file;
    struct parts parts;
};

static void subject_open(struct subject *subject, const char *path, uint64_t seed)
{
    uint64_t work = 0;
    li_fault fault;
    memset(subject, 0, sizeof *subject);
    subject->seed = seed;
    subject->original = read_file(path, &subject->size);
    subject->copy = block_of(&subject->file, subject->size);
    memcpy(subject->copy, subject->original, subject->size);
    const enum outcome intact = run(subject->copy, subject->size, &subject->parts, UINT64_MAX, &work, &subject->seed, &fault);
    CHECK(intact == RAN || intact == STOPPED);    /* random indices seldom fit */
    subject->work_limit = 10 * work;
}

static void subject_close(struct subject *subject)
{
    parts_free(&subject->parts);
    block_free(&subject->file);
    free(subject->original);
}

/* Runs the copy as it is and counts what became of it. */
static void try_copy(struct subject *subject, size_t size, struct tally *tally, uint64_t index)
{
    uint64_t work;
    li_fault fault;
    const double start = now();
    const enum outcome outcome = run(subject->copy, size, &subject->parts, subject->work_limit, &work, &subject->seed, &fault);
    count(tally, outcome, now() - start, index);
}

static int truncate_all(struct subject *subject)
{
    struct tally tally;
    memset(&tally, 0, sizeof tally);
    for (size_t length = 0; length < subject->size; length++) {
        CHECK(block_of(&subject->file, length) == subject->copy || length == 0);
        try_copy(subject, length, &tally, length);
    }
    CHECK(block_of(&subject->file, subject->size) == subject->copy);
    return print("truncations", &tally);
}

static int mutate(uint64_t seed, uint64_t mutants, const char *path)
{
    struct subject subject;
    struct tally tally;
    memset(&tally, 0, sizeof tally);
    subject_open(&subject, path, seed);
    unsigned char *body = mark_bodies(subject.original, subject.size);
    int slow = truncate_all(&subject);
    for (uint64_t i = 0; i < mutants; i++) {
        memcpy(subject.copy, subject.original, subject.size);
        damage(subject.copy, subject.size, body, &subject.seed);
        try_copy(&subject, subject.size, &tally, i);
    }
    slow |= print("mutants", &tally);
    free(body);
    subject_close(&subject);
    return slow;
}

/* Each bit, and each aligned word under each boundary value; of both every `stride`-th. */
static int exhaust(uint64_t stride, const char *path)
{
    static const uint32_t words[16] = { 0, 1, 2, 3, 7, 0x7f, 0x80, 0xff, 0x7fff, 0x10000, 0x40000000,
                                        0x7f800000 /* infinity */, 0x7fc00000 /* NaN */, 0x7fffffff, 0x80000000, 0xffffffff };
    struct subject subject;
    struct tally bits, boundaries;
    memset(&bits, 0, sizeof bits);
    memset(&boundaries, 0, sizeof boundaries);
    CHECK(stride != 0);
    subject_open(&subject, path, 1);
    int slow = truncate_all(&subject);
    memcpy(subject.copy, subject.original, subject.size);
    for (uint64_t i = 0; i < (uint64_t)subject.size * 8; i += stride) {
        subject.copy[i / 8] ^= (unsigned char)(1u << (i % 8));
        try_copy(&subject, subject.size, &bits, i);
        subject.copy[i / 8] = subject.original[i / 8];
    }
    for (uint64_t i = 0; i < (uint64_t)subject.size / 4 * 16; i += stride) {
        memcpy(subject.copy + i / 16 * 4, &words[i % 16], 4);
        try_copy(&subject, subject.size, &boundaries, i);
        memcpy(subject.copy + i / 16 * 4, subject.original + i / 16 * 4, 4);
    }
    slow |= print("flips", &bits);
    slow |= print("words", &boundaries);
    subject_close(&subject);
    return slow;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--mutate") == 0) {
        return mutate(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), argv[4]);
    }
    if (argc == 4 && strcmp(argv[1], "--exhaust") == 0) {
        return exhaust(strtoull(argv[2], NULL, 10), argv[3]);
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
    parts_free(&parts);
    return 0;
}

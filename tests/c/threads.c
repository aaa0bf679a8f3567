/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads FILE...: nets of one model on several threads, the model and the packed weights shared, everything else each
 * net's own. All give the outputs of a net by itself. Meant to be built with ThreadSanitizer.
 */
#include "support.h"

#include <pthread.h>

enum { THREADS = 4, RUNS = 3 };

struct job {
    const unsigned char *model;
    size_t size;
    void *packed;              /* NULL: the first net, which fills its own */
    li_need need;
    uint64_t seed, hash;
    pthread_t thread;
};

static void *room(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    CHECK(memory != NULL);
    return memory;
}

/* Opens a net, runs it a few times on the same inputs, and hashes the outputs. */
static void *work(void *argument)
{
    struct job *job = argument;
    li_options options;
    li_fault fault;
    li_net *net;
    memset(&options, 0, sizeof options);
    options.struct_bytes = sizeof options;
    options.flags = job->packed != NULL ? LI_PACKED_READY : 0;
    if (job->packed == NULL) {
        job->packed = room(job->need.packed);
    }
    const li_memory memory = { room(job->need.arena), job->need.arena, room(job->need.scratch), job->need.scratch,
                               room(job->need.state), job->need.state, job->packed, job->need.packed };
    CHECK(li_open(&net, job->model, job->size, &memory, &options, &fault) == LI_OK);
    for (int i = 0; i < RUNS; i++) {
        uint64_t seed = job->seed;
        fill_inputs(net, &seed);
        CHECK(li_run(net) == LI_OK);
    }
    job->hash = hash_outputs(net);
    free(memory.arena);
    free(memory.scratch);
    free(memory.state);
    return NULL;
}

static void check_model(const char *path)
{
    struct job first, jobs[THREADS];
    li_info info;
    li_fault fault;
    memset(&first, 0, sizeof first);
    unsigned char *file = read_file(path, &first.size);
    first.model = file;
    CHECK(li_check(file, first.size, &info, &fault) == LI_OK);
    void *planning = room(info.work_bytes);
    CHECK(li_plan(file, first.size, NULL, planning, info.work_bytes, &first.need, &fault) == LI_OK);
    free(planning);
    work(&first);

    for (int i = 0; i < THREADS; i++) {
        jobs[i] = first;
        jobs[i].seed = (uint64_t)i / 2;    /* seed 0, the first net's own, among others */
        CHECK(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(jobs[i].thread, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(jobs[i].hash == jobs[i / 2 * 2].hash);
    }
    CHECK(jobs[0].hash == first.hash && jobs[THREADS - 1].hash != first.hash);
    free(first.packed);
    free(file);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        check_model(argv[i]);
    }
    printf("%d models\n", argc - 1);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew FILE...: every model on three threads under each way that a caller may run tasks: one after the other from the first or from
 * the last on, each on a thread of its own, the last of which begin late. All give the outputs of one thread.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 3, RUNS = 3 };

struct task {
    li_task_fn fn;
    void *context;
    int32_t number, late;      /* late: microseconds */
    pthread_t thread;
};

static void *run_task(void *argument)
{
    struct task *task = argument;
    const struct timespec pause = { 0, 1000L * task->late };
    nanosleep(&pause, NULL);
    task->fn(task->context, task->number);
    return NULL;
}

static void forward(void *pool, li_task_fn fn, void *context, int32_t count)
{
    (void)pool;
    for (int32_t i = 0; i < count; i++) {
        fn(context, i);
    }
}

static void backward(void *pool, li_task_fn fn, void *context, int32_t count)
{
    (void)pool;
    for (int32_t i = count; i-- > 0;) {
        fn(context, i);
    }
}

static void apart(int32_t late, li_task_fn fn, void *context, int32_t count)
{
    struct task tasks[THREADS];
    CHECK(count <= THREADS);
    for (int32_t i = 0; i < count; i++) {
        tasks[i] = (struct task){ fn, context, i, i * late, 0 };
        CHECK(pthread_create(&tasks[i].thread, NULL, run_task, &tasks[i]) == 0);
    }
    for (int32_t i = 0; i < count; i++) {
        CHECK(pthread_join(tasks[i].thread, NULL) == 0);
    }
}

static void together(void *pool, li_task_fn fn, void *context, int32_t count)
{
    (void)pool;
    apart(0, fn, context, count);
}

static void late(void *pool, li_task_fn fn, void *context, int32_t count)
{
    (void)pool;
    apart(30, fn, context, count);
}

static void *room(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    CHECK(memory != NULL);
    return memory;
}

static uint64_t outputs(const unsigned char *file, size_t size, li_parallel_fn parallel)
{
    li_options options;
    li_fault fault;
    li_info info;
    li_need need;
    li_net *net;
    uint64_t seed = 7, hash = 0;
    memset(&options, 0, sizeof options);
    options.struct_bytes = sizeof options;
    options.flags = LI_KEEP_INPUTS;
    options.threads = parallel != NULL ? THREADS : 1;
    options.parallel = parallel;
    CHECK(li_check(file, size, &info, &fault) == LI_OK);
    void *planning = room(info.work_bytes);
    CHECK(li_plan(file, size, &options, planning, info.work_bytes, &need, &fault) == LI_OK);
    free(planning);
    const li_memory memory = { room(need.arena), need.arena, room(need.scratch), need.scratch,
                               room(need.state), need.state, room(need.packed), need.packed };
    CHECK(li_open(&net, file, size, &memory, &options, &fault) == LI_OK);
    for (int i = 0; i < RUNS; i++) {
        fill_inputs(net, &seed);
        CHECK(li_run(net) == LI_OK);
        hash = hash * 31 + hash_outputs(net);
    }
    free(memory.arena);
    free(memory.scratch);
    free(memory.state);
    free(memory.packed);
    return hash;
}

int main(int argc, char **argv)
{
    const li_parallel_fn ways[] = { forward, backward, together, late };
    for (int i = 1; i < argc; i++) {
        size_t size;
        unsigned char *file = read_file(argv[i], &size);
        const uint64_t one = outputs(file, size, NULL);
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            CHECK(outputs(file, size, ways[k]) == one);
        }
        free(file);
    }
    printf("%d models\n", argc - 1);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* pool: every task of every job runs exactly once before li_pool_run returns, whether the threads were awake or asleep,
   and several of them take part. Built together with li_threads.c, with and without ThreadSanitizer. */
#include "support.h"

#include "liteinterp_threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { MOST = 4, TASKS = 300, JOBS = 3000 };

struct job {
    int counts[TASKS];                /* not atomic: the pool orders tasks and the end of a job */
    pthread_t by[TASKS];
    atomic_int meeting, here;         /* tasks that wait until so many are here: only several threads end it */
};

static void task(void *context, int32_t i)
{
    struct job *job = context;
    job->counts[i]++;
    job->by[i] = pthread_self();
    atomic_fetch_add(&job->here, 1);
    while (atomic_load(&job->here) < atomic_load(&job->meeting)) {
        sched_yield();
    }
}

static void run(void *pool, int32_t count, int meeting)
{
    struct job job;
    memset(&job, 0, sizeof job);
    atomic_store(&job.meeting, meeting);
    li_pool_run(pool, task, &job, count);
    for (int i = 0; i < TASKS; i++) {
        CHECK(job.counts[i] == (i < count));
    }
    for (int i = 1; i < meeting; i++) {
        CHECK(!pthread_equal(job.by[i], job.by[0]));
    }
}

int main(void)
{
    CHECK(li_pool_bytes(0) == 0 && li_pool_bytes(257) == 0 && li_pool_bytes(256) != 0);
    CHECK(li_pool_open(NULL, 2) == LI_BAD_ARGUMENT);
    for (int32_t threads = 1; threads <= MOST; threads++) {
        unsigned char *pool = aligned_alloc(64, li_pool_bytes(threads));
        CHECK(pool != NULL && li_pool_open(pool, threads) == LI_OK);
        run(pool, threads, threads);
        for (int32_t i = 0; i < JOBS; i++) {
            run(pool, i % 7, 0);
        }
        run(pool, TASKS, 0);
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);     /* long enough for idle threads to sleep */
        run(pool, threads, threads);
        li_pool_close(pool);
        free(pool);
    }
    unsigned char *pool = aligned_alloc(64, li_pool_bytes(2) + 64);
    CHECK(li_pool_open(pool + 16, 2) == LI_MISALIGNED);
    free(pool);
    return 0;
}

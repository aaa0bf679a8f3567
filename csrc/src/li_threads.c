/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: host code beside the core. Thread t of n runs the tasks t, t + n, ... of a job, so that a band of an operator's
 * rows is read where the same thread wrote it. What the caller writes, what a worker writes and what both claim lie on
 * lines of their own: a hand-over is one line that travels to the worker and one that travels back.
 *
 * A worker's jobs are numbered. Whoever raises `claimed` from the last number to the posted one runs the job: the worker,
 * or the caller where the worker has not begun when the caller has nothing else to do. So a thread that the system has put
 * aside holds nobody up unless it has begun, and a wake that comes too late costs time, never progress.
 */
#include "liteinterp_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Looks of a waiting thread: at full speed, since a pause is 60 nanoseconds on some processors, then with pauses between;
   and the caller's before it takes a job back, which a worker on a free core has begun long before. With 4,500 of them two
   threads took ten times as long as one where other programs kept both cores busy. */
enum { LI_POOL_THREADS = 256, LI_POOL_FAST_LOOKS = 4000, LI_POOL_LOOKS = 8000, LI_POOL_PATIENCE = 200 };

typedef struct li_pool_worker {
    _Alignas(64) _Atomic uint32_t posted;      /* the job's number, written behind the rest of it */
    int32_t step, count;                       /* tasks number, number + step, ... below count */
    li_task_fn fn;
    void *context;
    _Alignas(64) struct li_pool *pool;
    pthread_t thread;
    int32_t number;
    _Alignas(64) _Atomic uint32_t done;        /* the last job that the worker has done */
    _Alignas(64) _Atomic uint32_t claimed;     /* the last job that anybody has begun */
} li_pool_worker;

typedef struct li_pool {
    _Alignas(64) _Atomic uint32_t sleeping;
    _Atomic uint32_t closing;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int32_t started;
    li_pool_worker workers[];
} li_pool;

static void li_pool_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void li_pool_tasks(li_task_fn fn, void *context, int32_t first, int32_t step, int32_t count)
{
    for (; first < count; first += step) {
        fn(context, first);
    }
}

/* One winner for each job. */
static int li_pool_claim(li_pool_worker *worker, uint32_t job)
{
    uint32_t last = job - 1;
    return atomic_compare_exchange_strong(&worker->claimed, &last, job);
}

static int li_pool_has_news(li_pool_worker *worker, uint32_t seen)
{
    return atomic_load(&worker->posted) != seen || atomic_load(&worker->pool->closing) != 0;
}

/* Looks for some microseconds, since the next operator follows soon, then sleeps. */
static void li_pool_wait(li_pool_worker *worker, uint32_t seen)
{
    li_pool *pool = worker->pool;
    for (int32_t i = 0; i < LI_POOL_LOOKS; i++) {
        if (li_pool_has_news(worker, seen)) {
            return;
        }
        if (i >= LI_POOL_FAST_LOOKS) {
            li_pool_pause();
        }
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping, 1);
    while (!li_pool_has_news(worker, seen)) {
        pthread_cond_wait(&pool->wake, &pool->lock);
    }
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *li_pool_thread(void *argument)
{
    li_pool_worker *worker = argument;
    uint32_t seen = 0;
    for (;;) {
        li_pool_wait(worker, seen);
        if (atomic_load(&worker->pool->closing) != 0) {
            return NULL;
        }
        seen = atomic_load_explicit(&worker->posted, memory_order_acquire);
        if (li_pool_claim(worker, seen)) {     /* from here on the caller leaves the job as it is */
            li_pool_tasks(worker->fn, worker->context, worker->number, worker->step, worker->count);
            atomic_store_explicit(&worker->done, seen, memory_order_release);
        }
    }
}

/* The wake may miss a worker that is just falling asleep: then the caller takes the job back, and the next one wakes it. */
static void li_pool_wake(li_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

static void li_pool_post(li_pool_worker *worker, li_task_fn fn, void *context, int32_t step, int32_t count)
{
    const uint32_t job = atomic_load_explicit(&worker->posted, memory_order_relaxed) + 1;
    worker->fn = fn;
    worker->context = context;
    worker->step = step;
    worker->count = count;
    atomic_store_explicit(&worker->posted, job, memory_order_release);
}

/* Until the worker has done its job, or, where it has not begun, the caller has. */
static void li_pool_join(li_pool_worker *worker)
{
    const uint32_t job = atomic_load_explicit(&worker->posted, memory_order_relaxed);
    for (uint32_t looks = 0; atomic_load_explicit(&worker->done, memory_order_acquire) != job; looks++) {
        if (looks == LI_POOL_PATIENCE && li_pool_claim(worker, job)) {
            li_pool_tasks(worker->fn, worker->context, worker->number, worker->step, worker->count);
            atomic_store_explicit(&worker->done, job, memory_order_relaxed);
            return;
        }
        if (looks > LI_POOL_LOOKS) {
            sched_yield();
        } else if (looks > LI_POOL_FAST_LOOKS) {
            li_pool_pause();
        }
    }
}

size_t li_pool_bytes(int32_t threads)
{
    if (threads < 1 || threads > LI_POOL_THREADS) {
        return 0;
    }
    return sizeof(li_pool) + ((size_t)threads - 1) * sizeof(li_pool_worker);
}

li_status li_pool_open(void *memory, int32_t threads)
{
    li_pool *pool = memory;
    if (memory == NULL || li_pool_bytes(threads) == 0) {
        return LI_BAD_ARGUMENT;
    }
    if ((uintptr_t)memory % 64 != 0) {
        return LI_MISALIGNED;
    }
    memset(pool, 0, li_pool_bytes(threads));
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        return LI_NO_MEMORY;
    }
    if (pthread_cond_init(&pool->wake, NULL) != 0) {
        pthread_mutex_destroy(&pool->lock);
        return LI_NO_MEMORY;
    }
    for (; pool->started < threads - 1; pool->started++) {
        li_pool_worker *worker = &pool->workers[pool->started];
        worker->pool = pool;
        worker->number = pool->started + 1;
        if (pthread_create(&worker->thread, NULL, li_pool_thread, worker) != 0) {
            li_pool_close(pool);
            return LI_NO_MEMORY;
        }
    }
    return LI_OK;
}

void li_pool_run(void *memory, li_task_fn fn, void *context, int32_t count)
{
    li_pool *pool = memory;
    const int32_t helpers = count - 1 < pool->started ? count - 1 : pool->started;
    for (int32_t i = 0; i < helpers; i++) {
        li_pool_post(&pool->workers[i], fn, context, helpers + 1, count);
    }
    if (helpers > 0 && atomic_load_explicit(&pool->sleeping, memory_order_relaxed) != 0) {
        li_pool_wake(pool);
    }
    li_pool_tasks(fn, context, 0, helpers > 0 ? helpers + 1 : 1, count);
    for (int32_t i = 0; i < helpers; i++) {
        li_pool_join(&pool->workers[i]);
    }
}

void li_pool_close(void *memory)
{
    li_pool *pool = memory;
    atomic_store(&pool->closing, 1);
    li_pool_wake(pool);
    for (int32_t i = 0; i < pool->started; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
}

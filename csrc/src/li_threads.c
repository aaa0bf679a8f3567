/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: host code beside the core. A job is a function and a number of tasks; whoever is free claims the next one, so
 * a thread that the system has put aside holds nobody up unless it has begun a task.
 *
 * One word holds everything that a claim depends on, [job number 32][next task 16][tasks 16]. A compare-and-swap of it
 * succeeds only while the job that the claimant read is still the current one, and a job with a claimed task is not
 * replaced before that task is done.
 */
#include "liteinterp_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { LI_POOL_THREADS = 256, LI_POOL_LOOKS = 4000, LI_POOL_TASKS = 0xffff };

typedef struct li_pool {
    _Alignas(64) _Atomic uint64_t word;        /* read by all the time, so on a line of its own */
    _Alignas(64) _Atomic(li_task_fn) fn;
    _Atomic(void *) context;
    _Alignas(64) _Atomic uint32_t done;        /* tasks of the job */
    _Alignas(64) _Atomic uint32_t sleeping;
    _Atomic uint32_t closing;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int32_t started;
    pthread_t threads[];
} li_pool;

static void li_pool_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t li_pool_next(uint64_t word) { return (uint32_t)(word >> 16) & 0xffffu; }
static uint32_t li_pool_tasks(uint64_t word) { return (uint32_t)word & 0xffffu; }

/* Claims and runs tasks until the current job has none left. */
static void li_pool_work(li_pool *pool)
{
    uint64_t word = atomic_load_explicit(&pool->word, memory_order_acquire);
    while (li_pool_next(word) < li_pool_tasks(word)) {
        const li_task_fn fn = atomic_load_explicit(&pool->fn, memory_order_relaxed);
        void *const context = atomic_load_explicit(&pool->context, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&pool->word, &word, word + 0x10000u, memory_order_acq_rel, memory_order_acquire)) {
            fn(context, (int32_t)li_pool_next(word));
            atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
            word = atomic_load_explicit(&pool->word, memory_order_acquire);
        }
    }
}

static int li_pool_has_work(li_pool *pool)
{
    const uint64_t word = atomic_load(&pool->word);
    return li_pool_next(word) < li_pool_tasks(word) || atomic_load(&pool->closing) != 0;
}

/* Looks for some microseconds, since the next operator follows soon, then sleeps. */
static void li_pool_wait(li_pool *pool)
{
    for (int32_t i = 0; i < LI_POOL_LOOKS; i++) {
        if (li_pool_has_work(pool)) {
            return;
        }
        li_pool_pause();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping, 1);      /* before the last look: li_pool_run looks here after it posts */
    while (!li_pool_has_work(pool)) {
        pthread_cond_wait(&pool->wake, &pool->lock);
    }
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *li_pool_thread(void *argument)
{
    li_pool *pool = argument;
    while (atomic_load(&pool->closing) == 0) {
        li_pool_work(pool);
        li_pool_wait(pool);
    }
    return NULL;
}

static void li_pool_wake(li_pool *pool)
{
    if (atomic_load(&pool->sleeping) != 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

/* Waits for tasks that others have begun. */
static void li_pool_join(li_pool *pool, uint32_t count)
{
    for (uint32_t looks = 0; atomic_load_explicit(&pool->done, memory_order_acquire) != count; looks++) {
        if (looks < LI_POOL_LOOKS) {
            li_pool_pause();
        } else {
            sched_yield();
        }
    }
}

size_t li_pool_bytes(int32_t threads)
{
    if (threads < 1 || threads > LI_POOL_THREADS) {
        return 0;
    }
    return (sizeof(li_pool) + ((size_t)threads - 1) * sizeof(pthread_t) + 63) / 64 * 64;
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
        if (pthread_create(&pool->threads[pool->started], NULL, li_pool_thread, pool) != 0) {
            li_pool_close(pool);
            return LI_NO_MEMORY;
        }
    }
    return LI_OK;
}

void li_pool_run(void *memory, li_task_fn fn, void *context, int32_t count)
{
    li_pool *pool = memory;
    if (pool->started == 0 || count < 2 || count > LI_POOL_TASKS) {
        for (int32_t i = 0; i < count; i++) {
            fn(context, i);
        }
        return;
    }
    const uint64_t job = (atomic_load_explicit(&pool->word, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&pool->context, context, memory_order_relaxed);
    atomic_store(&pool->word, job << 32 | (uint32_t)count);
    li_pool_wake(pool);
    li_pool_work(pool);
    li_pool_join(pool, (uint32_t)count);
}

void li_pool_close(void *memory)
{
    li_pool *pool = memory;
    atomic_store(&pool->closing, 1);
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int32_t i = 0; i < pool->started; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
}

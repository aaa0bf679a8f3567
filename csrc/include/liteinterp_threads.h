/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of threads for li_options.parallel, on systems with POSIX threads; the library itself needs none of it. Callers
 * with a pool of their own give that instead.
 *
 *     void *pool = aligned_alloc(64, li_pool_bytes(2));
 *     li_pool_open(pool, 2);
 *     options.threads = 2, options.parallel = li_pool_run, options.pool = pool;
 *     ...
 *     li_pool_close(pool);
 */
#ifndef LITEINTERP_THREADS_H
#define LITEINTERP_THREADS_H

#include "liteinterp.h"

#ifdef __cplusplus
extern "C" {
#endif
/* cffi-begin: schema/emit_cdef.py copies from here to cffi-end. */

/* Bytes of a pool in which `threads` work, the caller's own counted: 1 to 256. 0 for other numbers. */
LI_API size_t li_pool_bytes(int32_t threads);
/* Starts threads - 1 threads in `pool`, that many bytes aligned to 64, which must not move. LI_NO_MEMORY when the system
   gives no more threads: then none runs. */
LI_API li_status li_pool_open(void *pool, int32_t threads);
/* A li_parallel_fn; used by one caller at a time. The caller works too. Idle threads look for work for some microseconds,
   then sleep. */
LI_API void li_pool_run(void *pool, li_task_fn fn, void *context, int32_t count);
/* Ends the threads. No net may use the pool afterwards. */
LI_API void li_pool_close(void *pool);

/* cffi-end */

#ifdef __cplusplus
}
#endif
#endif

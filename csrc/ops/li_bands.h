/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Divides an operator among the net's threads: band i of n is the same share of every operator's rows, so that a thread
 * mostly reads what it wrote itself. Bands don't depend on each other, so neither do results on the number of threads.
 *
 * A job begins with a li_bands and holds by value whatever a band needs: its lines travel to the other core at once, while
 * every pointer to the caller's stack would be another journey.
 */
#ifndef LI_BANDS_H
#define LI_BANDS_H

#include "../src/li_crew.h"

typedef struct li_bands li_bands;
/* Units [first, first + count) of `job`, which is band `band`. */
typedef void (*li_band_fn)(const li_bands *job, int32_t first, int32_t count, int32_t band);

struct li_bands {
    li_band_fn band;
    int32_t units, count;        /* of rows or the like; of bands */
};

/* Work of a band at least: one unit takes about as long as a product of int8 convolutions. Fewer are done sooner than
   another thread begins. */
enum { LI_BAND_WORK = 64 * 1024 };
/* What takes as long as so many products: one of a depthwise layer, which sums few of them; an element of an elementwise
   operator; a byte that is copied, and one that is copied by itself; an element that is looked up or blended, and one that a
   function is worked out of. */
enum { LI_BAND_DEPTHWISE = 8, LI_BAND_ELEMENT = 16, LI_BAND_COPY = 4, LI_BAND_MOVE = 16, LI_BAND_LOOK_UP = 64, LI_BAND_FUNCTION = 512 };

/* Elements of a unit of elementwise operators: whole lines of the cache. Units of n, and the end of those before `unit`. */
enum { LI_BAND_ELEMENTS = 64 };
static inline int32_t li_bands_of_elements(size_t n) { return (int32_t)((n + LI_BAND_ELEMENTS - 1) / LI_BAND_ELEMENTS); }
static inline size_t li_bands_elements(int32_t unit, size_t n)
{
    const size_t end = (size_t)unit * LI_BAND_ELEMENTS;
    return end < n ? end : n;
}

/* Runs `job` in as many bands as threads, unless units or work are too few. Its `count` is set here. A copy for each operator,
   so that tests/c/stack.py sees which bands belong to which. */
#if LI_PACKS
LI_NOT_INLINE static void li_bands_task(void *context, int32_t i)
{
    const li_bands *job = context;
    const int32_t first = (int32_t)((int64_t)job->units * i / job->count);
    const int32_t end = (int32_t)((int64_t)job->units * (i + 1) / job->count);
    job->band(job, first, end - first, i);
}

static inline void li_bands_run(const li_net *net, const li_node *node, li_bands *job, uint64_t work)
{
    const uint64_t most = work / LI_BAND_WORK;
    const int32_t bands = net->threads < job->units ? net->threads : job->units;
    job->count = (uint64_t)bands <= most ? bands : (int32_t)most;
    if (job->count < 2) job->count = 1;
    if (node->divided == LI_DIVIDED_CREW) {
        int32_t i;
        while ((i = li_crew_next(node, job->count)) >= 0) li_bands_task(job, i);
    } else if (job->count == 1) li_bands_task(job, 0);
    else
        net->parallel.parallel(net->pool.pointer, li_bands_task, job, job->count);
}
#else
static inline void li_bands_run(const li_net *net, const li_node *node, li_bands *job, uint64_t work)
{
    (void)net, (void)node, (void)work;
    job->band(job, 0, job->units, 0);
}
#endif

#endif

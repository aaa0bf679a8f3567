/* SPDX-License-Identifier: Apache-2.0 */
#include "li_bands.h"

#if LI_PACKS

LI_NOT_INLINE static void li_bands_task(void *context, int32_t i)
{
    const li_bands *job = context;
    const int32_t first = (int32_t)((int64_t)job->units * i / job->count);
    const int32_t end = (int32_t)((int64_t)job->units * (i + 1) / job->count);
    job->band(job, first, end - first, i);
}

void li_bands_run(const li_net *net, li_bands *job, uint64_t work)
{
    const uint64_t most = work / LI_BAND_WORK;
    const int32_t bands = net->threads < job->units ? net->threads : job->units;
    job->count = (uint64_t)bands <= most ? bands : (int32_t)most;
    if (job->count < 2) {
        job->count = 1;
        li_bands_task(job, 0);
    } else
        net->parallel.parallel(net->pool.pointer, li_bands_task, job, job->count);
}

#else
typedef int li_bands_are_left_out;      /* an empty translation unit is not C */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes through li_check: an error, or a file that the rest may read. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    li_info info;
    li_fault fault;
    const li_status status = li_check(data, size, &info, &fault);
    CHECK(status == fault.status && (status == LI_OK) == (fault.rule == LI_RULE_NONE));
    CHECK(status == LI_OK || (info.tensors == 0 && info.work_bytes == 0));
    return 0;
}

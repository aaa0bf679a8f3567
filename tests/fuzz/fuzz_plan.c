/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes through li_check, li_plan and li_open, in exactly the memory that the plan answered. */
#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parts parts;
    choice c;
    choice_of(&c, data, size);
    li_net *net = open_file(&parts, &c, place_file(data, size), size);
    if (net != NULL) {
        touch(net);
    }
    return 0;
}

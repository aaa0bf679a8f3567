/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through everything: what opens, runs on arbitrary input data. Some run twice, on an arena that holds what the
 * first run left: the outputs are the same bytes, or an operator read what nothing had written.
 */
#include "harness.h"

/* Half of the inputs are arbitrary bytes; the others hold small numbers, which get further as indices and divisors. */
static void fill_input(li_tensor *t, uint64_t *seed)
{
    uint8_t *to = li_tensor_data(t);
    const size_t bytes = li_tensor_bytes(t), element = li_type_bytes(li_tensor_type(t));
    fill_random(to, bytes, seed);
    if (next_random(seed) % 2 != 0 || element == 0) {
        return;
    }
    for (size_t i = 0; i < bytes / element; i++) {
        const int64_t value = (int64_t)(next_random(seed) % 16) - 4;
        const float real = (float)value / 2.0f;
        if (li_tensor_type(t) == LI_FLOAT32) {
            memcpy(to + i * element, &real, element);
        } else {
            memcpy(to + i * element, &value, element);
        }
    }
}

static li_status run_filled(li_net *net, uint64_t seed)
{
    CHECK(li_reset(net) == LI_OK);
    for (int32_t i = 0; i < li_inputs(net); i++) {
        fill_input(li_input(net, i), &seed);
    }
    const li_status status = li_run(net);
    CHECK(status == LI_OK || status == LI_BAD_INPUT);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parts parts;
    choice c;
    choice_of(&c, data, size);
    li_net *net = open_file(&parts, &c, place_file(data, size), size);
    if (net == NULL || work_of_net(net) > WORK_LIMIT) {
        return 0;
    }
    if (run_filled(net, c.seed) != LI_OK) {
        return 0;
    }
    touch(net);
    if (c.twice) {
        const uint64_t first = hash_outputs(net);
        CHECK(run_filled(net, c.seed) == LI_OK && hash_outputs(net) == first);
    }
    return 0;
}

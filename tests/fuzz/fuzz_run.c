/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through everything: what opens, runs on arbitrary input data. Some run twice, on an arena that holds what the
 * first run left: the outputs are the same bytes, or an operator read what nothing had written. And once more with the
 * portable kernels and bytes of its own for every tensor: the same again, or a placement let something be overwritten.
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

/* As hash_outputs, but every NaN counts as the same: its sign and payload depend on the processor. */
static uint64_t hash_values(li_net *net)
{
    uint64_t hash = 0;
    for (int32_t i = 0; i < li_outputs(net); i++) {
        const li_tensor *t = li_output(net, i);
        const uint8_t *data = li_tensor_data(t);
        for (size_t k = 0; k + 4 <= li_tensor_bytes(t) && li_tensor_type(t) == LI_FLOAT32; k += 4) {
            float value;
            memcpy(&value, data + k, 4);
            hash = (hash ^ (value != value ? 1 : li_load_u32(data + k))) * UINT64_C(0x100000001b3);
        }
        for (size_t k = 0; k < li_tensor_bytes(t) && li_tensor_type(t) != LI_FLOAT32; k++) {
            hash = (hash ^ data[k]) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

static void compare_kept(choice *c, const uint8_t *data, size_t size, uint64_t expected)
{
    static struct parts parts;
    c->options.flags |= LI_KEEP_TENSORS;
    c->options.isa = LI_ISA_REF;
    c->twice = false;
    li_net *net = open_file(&parts, c, data, size);
    if (net != NULL) {
        CHECK(run_filled(net, c->seed) == LI_OK && hash_values(net) == expected);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parts parts;
    choice c;
    choice_of(&c, data, size);
    data = place_file(data, size);
    li_net *net = open_file(&parts, &c, data, size);
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
        if ((c.options.flags & LI_EXACT) != 0) {    /* fast float kernels round as they like */
            compare_kept(&c, data, size, hash_values(net));
        }
    }
    return 0;
}

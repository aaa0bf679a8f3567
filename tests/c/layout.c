/* SPDX-License-Identifier: Apache-2.0 */
/* layout FILE...: arena and state bytes for every flag, and a hash of the outputs on fixed inputs; equal on every target. */
#include "support.h"

static void *aligned(void **block, size_t bytes)
{
    *block = malloc(bytes + 16);
    CHECK(*block != NULL);
    return (void *)(((uintptr_t)*block + 15) & ~(uintptr_t)15);
}

static void describe(const unsigned char *model, size_t size, uint32_t flags)
{
    li_info info;
    li_need need;
    li_fault fault;
    li_net *net;
    void *blocks[5];
    li_options options;
    memset(&options, 0, sizeof options);
    options.struct_bytes = sizeof options;
    options.flags = flags | LI_EXACT;
    options.isa = LI_ISA_REF;
    CHECK(li_check(model, size, &info, &fault) == LI_OK);
    void *work = aligned(&blocks[0], info.work_bytes);
    CHECK(li_plan(model, size, &options, work, info.work_bytes, &need, &fault) == LI_OK);
    li_memory memory;
    memory.arena = aligned(&blocks[1], memory.arena_bytes = need.arena);
    memory.scratch = aligned(&blocks[2], memory.scratch_bytes = need.scratch);
    memory.state = aligned(&blocks[3], memory.state_bytes = need.state);
    memory.packed = aligned(&blocks[4], memory.packed_bytes = need.packed);
    CHECK(li_open(&net, model, size, &memory, &options, &fault) == LI_OK);
    uint64_t seed = 7;
    fill_inputs(net, &seed);
    CHECK(li_run(net) == LI_OK);
    printf("flags %lu work %lu arena %lu state %lu scratch %lu packed %lu bound %lu outputs %016llx\n", (unsigned long)flags,
           (unsigned long)info.work_bytes, (unsigned long)need.arena, (unsigned long)need.state, (unsigned long)need.scratch,
           (unsigned long)need.packed, (unsigned long)need.arena_lower_bound, (unsigned long long)hash_outputs(net));
    for (int i = 0; i < 5; i++) {
        free(blocks[i]);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t flags[] = { 0, LI_KEEP_INPUTS, LI_KEEP_TENSORS, LI_NO_PACK };
    for (int i = 1; i < argc; i++) {
        size_t size;
        unsigned char *file = read_file(argv[i], &size);
        for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
            describe(file, size, flags[f]);
        }
        free(file);
    }
    return 0;
}

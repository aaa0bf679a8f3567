/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stored FILE...: runs files that hold packed weights on every kernel set that finds its own in them, on the least, greatest
 * and random inputs. Prints how many nets ran. The contents may be anything; built with sanitizers.
 */
#include "support.h"

static void *room(size_t bytes)
{
    void *memory = NULL;
    CHECK(posix_memalign(&memory, 64, bytes + 1) == 0);
    return memory;
}

static int run(const unsigned char *model, size_t size, int32_t isa)
{
    li_info info;
    li_need need;
    li_fault fault;
    li_net *net;
    li_options options;
    memset(&options, 0, sizeof options);
    options.struct_bytes = sizeof options;
    options.isa = isa;
    CHECK(li_check(model, size, &info, &fault) == LI_OK);
    void *work = room(info.work_bytes);
    const li_status planned = li_plan(model, size, &options, work, info.work_bytes, &need, &fault);
    free(work);
    if (planned != LI_OK || !need.packed_from_file) {    /* this machine lacks the kernels, or the file their weights */
        return 0;
    }
    const li_memory memory = { room(need.arena), need.arena, room(need.scratch), need.scratch, room(need.state), need.state, NULL, 0 };
    CHECK(li_open(&net, model, size, &memory, &options, &fault) == LI_OK);
    uint64_t seed = 3;
    for (int k = 0; k < 3; k++) {
        fill_inputs(net, &seed);
        for (int32_t i = 0; k < 2 && i < li_inputs(net); i++) {
            memset(li_tensor_data(li_input(net, i)), k == 0 ? 0x80 : 0x7f, li_tensor_bytes(li_input(net, i)));
        }
        CHECK(li_run(net) == LI_OK);
    }
    free(memory.arena);
    free(memory.scratch);
    free(memory.state);
    return 1;
}

int main(int argc, char **argv)
{
    static const int32_t sets[] = { LI_ISA_AVX2, LI_ISA_NEON, LI_ISA_DOTPROD, LI_ISA_AVX512_VNNI, LI_ISA_AVX_VNNI,
                                    LI_ISA_SSE41 };
    int ran = 0;
    for (int i = 1; i < argc; i++) {
        size_t size;
        unsigned char *file = read_file(argv[i], &size), *model = room(size);
        memcpy(model, file, size);
        for (size_t k = 0; k < sizeof sets / sizeof *sets; k++) {
            ran += run(model, size, sets[k]);
        }
        free(file);
        free(model);
    }
    printf("%d\n", ran);
    return 0;
}

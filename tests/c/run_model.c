/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_model MODEL INPUTS OUTPUTS: INPUTS holds samples of the model's first input, one behind the other; the first
 * output of each goes to OUTPUTS. Built for other targets to compare their bytes with this machine's.
 */
#include "liteinterp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    const long length = ftell(file);
    rewind(file);
    void *bytes = length >= 0 ? malloc((size_t)length + 1) : NULL;
    *size = (size_t)length;
    if (bytes != NULL && fread(bytes, 1, *size, file) != *size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

static int fail(const char *what, li_status status, const li_fault *fault)
{
    fprintf(stderr, "%s: %s: %s (operator %d, tensor %d, needed %lld, had %lld)\n", what, li_strerror(status),
            li_rule_text(fault->rule), (int)fault->operation, (int)fault->tensor, (long long)fault->needed,
            (long long)fault->had);
    return 1;
}

int main(int argc, char **argv)
{
    size_t model_size = 0, inputs_size = 0;
    li_info info;
    li_need need;
    li_fault fault = {0};
    li_net *net = NULL;
    const li_options options = {.struct_bytes = sizeof options, .flags = LI_KEEP_INPUTS | LI_EXACT};
    if (argc != 4) {
        fprintf(stderr, "usage: run_model MODEL INPUTS OUTPUTS\n");
        return 2;
    }
    void *model = read_file(argv[1], &model_size), *inputs = read_file(argv[2], &inputs_size);
    FILE *outputs = fopen(argv[3], "wb");
    if (model == NULL || inputs == NULL || outputs == NULL) {
        fprintf(stderr, "run_model: cannot open the files\n");
        return 2;
    }
    li_status status = li_check(model, model_size, &info, &fault);
    if (status != LI_OK)
        return fail("check", status, &fault);
    void *work = aligned_alloc(16, (info.work_bytes + 15) & ~(size_t)15);
    status = li_plan(model, model_size, &options, work, info.work_bytes, &need, &fault);
    if (status != LI_OK)
        return fail("plan", status, &fault);
    const li_memory memory = {
        .arena = aligned_alloc(16, (need.arena + 16) & ~(size_t)15), .arena_bytes = need.arena,
        .scratch = aligned_alloc(16, (need.scratch + 16) & ~(size_t)15), .scratch_bytes = need.scratch,
        .state = aligned_alloc(16, (need.state + 16) & ~(size_t)15), .state_bytes = need.state,
        .packed = aligned_alloc(16, (need.packed + 16) & ~(size_t)15), .packed_bytes = need.packed,
    };
    status = li_open(&net, model, model_size, &memory, &options, &fault);
    if (status != LI_OK)
        return fail("open", status, &fault);
    li_tensor *input = li_input(net, 0), *output = li_output(net, 0);
    const size_t step = li_tensor_bytes(input);
    for (size_t at = 0; at + step <= inputs_size; at += step) {
        memcpy(li_tensor_data(input), (const char *)inputs + at, step);
        status = li_run(net);
        if (status != LI_OK) {
            li_last_fault(net, &fault);
            return fail("run", status, &fault);
        }
        if (fwrite(li_tensor_data(output), 1, li_tensor_bytes(output), outputs) != li_tensor_bytes(output))
            return 2;
    }
    fclose(outputs);
    free(memory.arena);
    free(memory.scratch);
    free(memory.state);
    free(memory.packed);
    free(work);
    free(inputs);
    free(model);
    return 0;
}

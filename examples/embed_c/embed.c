/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embed MODEL.tflite > model.h: the model's bytes as a C array, and the memory that it needs with the portable kernels.
 * Runs on the workstation; the sizes hold on every target.
 */
#include "liteinterp.h"

#include <stdio.h>
#include <stdlib.h>

#define LARGEST_MODEL ((size_t)1 << 20)

static _Alignas(16) unsigned char model[LARGEST_MODEL];

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    const size_t size = file != NULL ? fread(model, 1, sizeof model, file) : 0;
    if (size == 0 || size == sizeof model) {
        fprintf(stderr, "usage: embed MODEL.tflite > model.h   (up to 1 MiB)\n");
        return 2;
    }
    fclose(file);

    const li_options options = {.struct_bytes = sizeof options, .flags = LI_NO_PACK, .isa = LI_ISA_REF};
    li_info info;
    li_need need;
    li_fault fault;
    if (li_check(model, size, &info, &fault) != LI_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], li_rule_text(fault.rule));
        return 5;
    }
    void *work = aligned_alloc(16, (info.work_bytes + 15) / 16 * 16);
    if (work == NULL || li_plan(model, size, &options, work, info.work_bytes, &need, &fault) != LI_OK) {
        fprintf(stderr, "%s: %s (operator %d)\n", argv[1], li_rule_text(fault.rule), (int)fault.operation);
        return 3;
    }
    free(work);

    printf("/* %s, made by embed.c */\n", argv[1]);
    printf("#define MODEL_ARENA_BYTES %zu\n#define MODEL_STATE_BYTES %zu\n", need.arena, need.state);
    printf("static const _Alignas(16) unsigned char model[%zu] = {", size);
    for (size_t i = 0; i < size; i++)
        printf("%s%u,", i % 24 == 0 ? "\n" : "", model[i]);
    printf("\n};\n");
    return 0;
}

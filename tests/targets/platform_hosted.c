/* SPDX-License-Identifier: Apache-2.0 */
/* hash_models LIST [ISA]: on an operating system. ISA is a number of liteinterp.h's LI_ISA_..., 0 (the best) by default. */
#include "platform.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_BYTES ((size_t)64 << 20)

static _Alignas(16) unsigned char memory[MEMORY_BYTES];

size_t platform_read(const char *path, void *to, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return PLATFORM_NO_FILE;
    const size_t size = fread(to, 1, capacity, file);
    const int failed = ferror(file);
    fclose(file);
    return failed ? PLATFORM_NO_FILE : size;
}

void platform_write(const char *text)
{
    fputs(text, stdout);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: hash_models LIST [ISA]\n");
        return 2;
    }
    return hash_models(argv[1], argc == 3 ? atoi(argv[2]) : 0, memory, sizeof memory) == 0 ? 0 : 1;
}

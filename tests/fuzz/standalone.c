/* SPDX-License-Identifier: Apache-2.0 */
/* Replays files through a fuzz target without libFuzzer: with any compiler, and under other sanitizers. */
#include "harness.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t size;
        unsigned char *bytes = read_file(argv[i], &size);
        unsigned char *exact = malloc(size == 0 ? 1 : size);    /* so that a read behind the file is seen */
        CHECK(exact != NULL);
        memcpy(exact, bytes, size);
        free(bytes);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    printf("%d files\n", argc - 1);
    return 0;
}

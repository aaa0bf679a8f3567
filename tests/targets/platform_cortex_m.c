/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On bare metal. The emulator's first argument names the list, and semihosting reads the files; with EMBEDDED_MODEL that model
 * is part of the program, which then needs no file.
 */
#include "platform.h"

#include "cortex_m.h"

#define SERVICE_OPEN 0x01
#define SERVICE_CLOSE 0x02
#define SERVICE_WRITE_TEXT 0x04
#define SERVICE_READ 0x06
#define SERVICE_COMMAND_LINE 0x15
#define OPEN_READ_BINARY 1u

extern unsigned char heap_start[], heap_end[];   /* of the linker script: what RAM is left between data and stack */

int main(void);

void platform_write(const char *text)
{
    semihosting(SERVICE_WRITE_TEXT, text);
}

size_t platform_read(const char *path, void *to, size_t capacity)
{
    uint32_t length = 0;
    while (path[length] != 0) length++;
    const uint32_t open[3] = {(uint32_t)(uintptr_t)path, OPEN_READ_BINARY, length};
    const intptr_t file = semihosting(SERVICE_OPEN, open);
    if (file < 0) return PLATFORM_NO_FILE;
    const uint32_t read[3] = {(uint32_t)file, (uint32_t)(uintptr_t)to, (uint32_t)capacity}, close[1] = {(uint32_t)file};
    const size_t missing = (size_t)semihosting(SERVICE_READ, read);   /* the bytes that were not read */
    semihosting(SERVICE_CLOSE, close);
    return missing > capacity ? PLATFORM_NO_FILE : capacity - missing;
}

#ifdef EMBEDDED_MODEL
__asm__(".section .rodata.model, \"a\"\n"
        ".balign 16\n"
        "model_start: .incbin \"" EMBEDDED_MODEL "\"\n"
        "model_end:\n"
        ".previous\n");
extern const unsigned char model_start[], model_end[];

int main(void)
{
    return hash_embedded(EMBEDDED_MODEL, model_start, (size_t)(model_end - model_start), EMBEDDED_RUNS, heap_start,
                         (size_t)(heap_end - heap_start));
}
#else
int main(void)
{
    static char line[256];
    const uint32_t where[2] = {(uint32_t)(uintptr_t)line, sizeof line};
    char *list = line;
    if (semihosting(SERVICE_COMMAND_LINE, where) != 0) return 2;
    while (*list != 0 && *list != ' ') list++;   /* the program's name */
    while (*list == ' ') list++;
    return hash_models(list, 0, heap_start, (size_t)(heap_end - heap_start)) == 0 ? 0 : 1;
}
#endif

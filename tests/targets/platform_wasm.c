/* SPDX-License-Identifier: Apache-2.0 */
/* In WebAssembly: files and text come and go through two functions of the host, run_wasm.mjs. */
#include "platform.h"

#define IMPORT(name) __attribute__((import_module("host"), import_name(name)))
#define PAGE_BYTES ((size_t)65536)
#define MEMORY_BYTES ((size_t)64 << 20)

IMPORT("read") size_t host_read(const char *path, void *to, size_t capacity);
IMPORT("write") void host_write(const char *text);

extern unsigned char __heap_base;   /* where the linker's own data end */

size_t platform_read(const char *path, void *to, size_t capacity)
{
    return host_read(path, to, capacity);
}

void platform_write(const char *text)
{
    host_write(text);
}

__attribute__((export_name("run"))) int run(const char *list);
__attribute__((export_name("path"))) char *path(void);

static char list_path[1024];

/* Where the host writes the list's path before it calls run. */
char *path(void)
{
    return list_path;
}

int run(const char *list)
{
    const uintptr_t base = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    const size_t pages = (base + MEMORY_BYTES + PAGE_BYTES - 1) / PAGE_BYTES, had = __builtin_wasm_memory_size(0);
    if (had < pages && __builtin_wasm_memory_grow(0, pages - had) == SIZE_MAX) return 1;
    return hash_models(list, 0, (unsigned char *)base, MEMORY_BYTES);
}

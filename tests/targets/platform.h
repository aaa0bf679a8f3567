/* SPDX-License-Identifier: Apache-2.0 */
/* What the hash program needs of a machine: a list of files, their bytes, a place for text, memory. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#define PLATFORM_NO_FILE SIZE_MAX

/* The first `capacity` bytes of a file; returns how many they are, or PLATFORM_NO_FILE. `path` ends with a NUL. */
size_t platform_read(const char *path, void *to, size_t capacity);

/* Appends text to the program's output. */
void platform_write(const char *text);

/* hash_models.c: reads the list, hashes every model in it with the kernel set LI_ISA_..., in this memory, which is aligned
   to 16 bytes; returns how many models failed. */
int hash_models(const char *list, int32_t isa, unsigned char *memory, size_t bytes);

/* The same for one model that lies in memory already. */
int hash_embedded(const char *name, const unsigned char *model, size_t size, uint32_t runs, unsigned char *memory, size_t bytes);

#endif

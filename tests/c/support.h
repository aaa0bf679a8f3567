/* SPDX-License-Identifier: Apache-2.0 */
/* What the C test programs share: files, memory between guard pages, random numbers, a check that says where. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "liteinterp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static inline unsigned char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    const long length = ftell(file);
    CHECK(length >= 0);
    rewind(file);
    unsigned char *bytes = malloc((size_t)length + 1);
    CHECK(bytes != NULL);
    CHECK(fread(bytes, 1, (size_t)length, file) == (size_t)length);
    fclose(file);
    *size = (size_t)length;
    return bytes;
}

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void fill_random(void *to, size_t bytes, uint64_t *state)
{
    unsigned char *p = to;
    for (size_t i = 0; i < bytes; i++) {
        p[i] = (unsigned char)next_random(state);
    }
}

/* Random int8 and the like are plain bytes; random floats stay moderate, so that results can be compared as bytes. */
static inline void fill_inputs(li_net *net, uint64_t *state)
{
    for (int32_t i = 0; i < li_inputs(net); i++) {
        li_tensor *t = li_input(net, i);
        const size_t bytes = li_tensor_bytes(t);
        if (li_tensor_type(t) == LI_FLOAT32) {
            float *data = li_tensor_data(t);
            for (size_t k = 0; k < bytes / 4; k++) {
                data[k] = (float)(int64_t)(next_random(state) >> 40) * (1.0f / 8388608.0f) - 1.0f;
            }
        } else if (bytes != 0) {
            fill_random(li_tensor_data(t), bytes, state);
        }
    }
}

static inline uint64_t hash_outputs(li_net *net)
{
    uint64_t hash = 0;
    for (int32_t i = 0; i < li_outputs(net); i++) {
        const unsigned char *data = li_tensor_data(li_output(net, i));
        for (size_t k = 0; k < li_tensor_bytes(li_output(net, i)); k++) {
            hash = (hash ^ data[k]) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Memory parts that are reused from one net to the next; what a net does not own is poisoned under AddressSanitizer. */
#ifndef PARTS_H
#define PARTS_H

#include "support.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct block {
    unsigned char *bytes;
    size_t capacity, used;     /* bytes from `used` on are poisoned */
};

static inline void block_reserve(struct block *block, size_t capacity)
{
    free(block->bytes);
    block->capacity = (capacity + 4095) / 4096 * 4096;
    block->bytes = aligned_alloc(64, block->capacity);
    CHECK(block->bytes != NULL);
    memset(block->bytes, 0xa5, block->capacity);
    POISON(block->bytes, block->capacity);
    block->used = 0;
}

/* Exactly `bytes` usable bytes, at the block's start; they hold what was there before. NULL for none. */
static inline void *block_of(struct block *block, size_t bytes)
{
    if (bytes > block->capacity) {
        if (block->bytes != NULL) {
            UNPOISON(block->bytes, block->capacity);
        }
        block_reserve(block, bytes);
    }
    if (bytes > block->used) {
        UNPOISON(block->bytes + block->used / 8 * 8, bytes - block->used / 8 * 8);
    } else if (bytes < block->used) {
        POISON(block->bytes + bytes, block->used - bytes);
    }
    block->used = bytes;
    return bytes == 0 ? NULL : block->bytes;
}

static inline void block_free(struct block *block)
{
    if (block->bytes != NULL) {
        UNPOISON(block->bytes, block->capacity);
        free(block->bytes);
    }
}

struct parts {
    struct block work, arena, scratch, state, packed;
};

static inline void parts_free(struct parts *parts)
{
    block_free(&parts->work);
    block_free(&parts->arena);
    block_free(&parts->scratch);
    block_free(&parts->state);
    block_free(&parts->packed);
}

/* li_open in exactly the bytes that li_plan answered. */
static inline li_status parts_open(struct parts *parts, li_net **net, const void *model, size_t size, const li_need *need,
                                   const li_options *options, li_fault *fault)
{
    const li_memory memory = {
        block_of(&parts->arena, need->arena),     need->arena, block_of(&parts->scratch, need->scratch), need->scratch,
        block_of(&parts->state, need->state),     need->state, block_of(&parts->packed, need->packed),   need->packed,
    };
    return li_open(net, model, size, &memory, options, fault);
}

/* Reads everything that the interface offers, so that the sanitizers see it. */
static inline void touch(li_net *net)
{
    volatile unsigned char sink = 0;
    for (int32_t i = 0; i < li_tensors(net); i++) {
        const li_tensor *t = li_tensor_at(net, i);
        size_t length;
        float scales[4];
        int32_t zero_points[4];
        const char *name = li_tensor_name(t, &length);
        for (size_t k = 0; k < length; k++) {
            sink = (unsigned char)name[k];
        }
        CHECK(li_tensor_scales(t, scales, 4) >= 0 && li_tensor_zero_points(t, zero_points, 4) >= 0);
        CHECK(li_tensor_index(t) == i);
        if (li_tensor_bytes(t) != 0 && li_tensor_data(t) != NULL) {
            sink = ((unsigned char *)li_tensor_data(t))[li_tensor_bytes(t) - 1];
        }
    }
    for (int32_t i = 0; i < li_operations(net); i++) {
        int32_t indices[4];
        CHECK(li_operator_inputs(net, i, indices, 4) >= 0 && li_operator_outputs(net, i, indices, 4) >= 0);
    }
    (void)sink;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. An execution is a file whose last four bytes also choose how it is opened:
 *
 *   byte 0   bits 0..4: options flags; bit 5: the portable kernels; bit 6: check twice as much; bit 7: the file lies at an
 *            address that is no multiple of 8
 *   byte 1   0..127: the file's input dims; else dimension (byte 1) % rank of the first input is byte 2 % 9
 *   byte 3   seed of the input data
 *
 * A FlatBuffers file may have bytes behind it, so a seed with four more bytes is still the same model.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include "parts.h"
#include "work.h"

enum { TRAILER = 4 };

/* Larger nets are honest: the caller asks li_need before it gives memory. These bounds keep an execution short. */
#define PART_LIMIT ((size_t)1 << 18)
#define WORK_LIMIT UINT64_C(100000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct choice {
    li_options options;
    li_input_dims dims;
    bool twice;
    uint64_t seed;
} choice;

static inline void choice_of(choice *c, const uint8_t *data, size_t size)
{
    const uint8_t none[TRAILER] = { 0, 0, 0, 0 };
    const uint8_t *trailer = size < TRAILER ? none : data + size - TRAILER;
    memset(c, 0, sizeof *c);
    c->options.struct_bytes = sizeof c->options;
    c->options.flags = trailer[0] & 31u;
    c->options.isa = (trailer[0] & 32u) != 0 ? LI_ISA_REF : LI_ISA_BEST;
    c->twice = (trailer[0] & 64u) != 0;
    c->seed = trailer[3];
    if (trailer[1] >= 128) {
        c->options.input_dims = &c->dims;
        c->options.input_dims_count = 1;
    }
}

/* Completes the input dims from the shape that the file has; the file is checked. */
static inline void choice_dims(choice *c, const uint8_t *file, size_t size)
{
    uint32_t count, first;
    if (c->options.input_dims_count == 0) {
        return;
    }
    c->options.input_dims_count = 0;
    const uint32_t graphs = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_subgraphs, &count);
    if (count == 0) {
        return;
    }
    const uint32_t graph = li_vector_child(file, graphs, 0);
    const uint32_t tensors = li_table_vector(file, graph, LI_SLOT_SubGraph_tensors, &count);
    const uint32_t inputs = li_table_vector(file, graph, LI_SLOT_SubGraph_inputs, &first);
    const uint32_t index = first == 0 ? count : li_load_u32(file + inputs);
    if (index >= count) {
        return;
    }
    uint32_t rank;
    const uint32_t shape = li_table_vector(file, li_vector_child(file, tensors, index), LI_SLOT_Tensor_shape, &rank);
    if (rank == 0 || rank > LI_MAX_RANK) {
        return;
    }
    c->dims.rank = (int32_t)rank;
    for (uint32_t i = 0; i < rank; i++) {
        c->dims.dims[i] = li_load_i32(file + shape + 4 * i);
    }
    c->dims.dims[file[size - 3] % rank] = file[size - 2] % 9;
    c->options.input_dims_count = 1;
}

/* The file where the choice wants it; 16-byte aligned otherwise. */
static inline const uint8_t *place_file(const uint8_t *data, size_t size)
{
    static struct block moved;
    if (size < TRAILER || data[size - TRAILER] < 128) {
        return data;
    }
    uint8_t *to = block_of(&moved, size + 4);
    memcpy(to + 4, data, size);
    return to + 4;
}

/* Plans and opens. NULL when the file is refused, or larger than the bounds. */
static inline li_net *open_file(struct parts *parts, choice *c, const uint8_t *data, size_t size)
{
    li_info info;
    li_need need;
    li_fault fault;
    li_net *net = NULL;
    if (li_check(data, size, &info, &fault) != LI_OK) {
        return NULL;
    }
    choice_dims(c, data, size);
    CHECK(info.work_bytes >= sizeof(li_net));
    if (info.work_bytes > PART_LIMIT) {
        return NULL;
    }
    const li_status planned =
        li_plan(data, size, &c->options, block_of(&parts->work, info.work_bytes), info.work_bytes, &need, &fault);
    if (planned != LI_OK) {
        CHECK(fault.status == planned && fault.rule > LI_RULE_NONE && fault.rule < LI_RULE_COUNT);
        CHECK(need.arena == 0 && need.state == 0 && need.packed == 0 && need.scratch == 0);
        return NULL;
    }
    CHECK(need.state >= info.work_bytes && need.arena >= need.arena_lower_bound);
    if (need.arena > PART_LIMIT || need.state > PART_LIMIT || need.packed > PART_LIMIT || need.scratch > PART_LIMIT) {
        return NULL;
    }
    if (c->twice && need.arena != 0) {    /* one byte less is refused */
        li_need less = need;
        less.arena--;
        CHECK(parts_open(parts, &net, data, size, &less, &c->options, &fault) == LI_NO_MEMORY);
        CHECK(net == NULL && fault.rule == LI_RULE_ARENA_TOO_SMALL && fault.needed == (int64_t)need.arena);
    }
    CHECK(parts_open(parts, &net, data, size, &need, &c->options, &fault) == LI_OK);    /* what plans, opens */
    return net;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in front of packed weights, in memory and in a file: enough to tell whether they are those of a net.
 *
 * A file may hold packed weights beside the plain ones, in the metadata entry "liteinterp.packed.NAME" of a kernel set, at a
 * multiple of 64 bytes: the same bytes that li_open would have made. What is cheap is checked while planning, and an entry
 * that does not fit is left alone with a reason; the hashes are checked by li_open, which refuses where they differ.
 *
 * The hashes find mix-ups, not forgeries. Packed weights are numbers that kernels compute with, no offsets and no counts, so
 * forged ones give wrong results and nothing else.
 */
#include "li_core.h"
#include "li_kernels.h"

#if LI_PACKS

typedef struct li_packed_header {
    uint32_t magic, version;
    int32_t isa;
    uint32_t bytes;        /* of all packed weights, this header included */
    uint64_t layout;       /* hash of where what lies: known while planning */
    uint64_t source;       /* hash of what they were made from: constants, quantization, options of their operators */
    uint64_t content;      /* hash of the bytes behind the header */
} li_packed_header;

_Static_assert(sizeof(li_packed_header) == 40 && sizeof(li_packed_header) <= LI_PACKED_HEADER, "the header lies in front of the weights");

/* ---- hashes ---- */

static uint64_t li_hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

/* Four chains of eight bytes each: a product waits only for the one before it in its chain. */
static uint64_t li_hash_bytes(uint64_t hash, const uint8_t *bytes, size_t count)
{
    uint64_t chains[4] = { hash, hash + 1, hash + 2, hash + 3 }, words[4];
    hash = li_hash_word(hash, count);
    for (; count >= sizeof words; bytes += sizeof words, count -= sizeof words) {
        li_copy(words, bytes, sizeof words);
        chains[0] = li_hash_word(chains[0], words[0]);
        chains[1] = li_hash_word(chains[1], words[1]);
        chains[2] = li_hash_word(chains[2], words[2]);
        chains[3] = li_hash_word(chains[3], words[3]);
    }
    li_fill(words, 0, sizeof words);
    li_copy(words, bytes, count);
    for (uint32_t i = 0; i < 4; i++) {
        hash = li_hash_word(li_hash_word(hash, chains[i]), words[i]);
    }
    return hash;
}

/* Inputs, then outputs; NULL for one that is left out. */
static const li_tensor *li_packed_operand(const li_net *net, const li_node *node, uint32_t i)
{
    return i < node->input_count ? li_node_input(net, node, i) : li_node_output(net, node, i - node->input_count);
}

static uint64_t li_hash_layout(const li_net *net)
{
    uint64_t hash = li_hash_word(LI_PACKING_VERSION, net->flags & LI_EXACT);
    for (uint32_t i = 0; i < net->node_count; i++) {
        const li_node *node = li_node_record(net, i);
        if (node->packed_bytes == 0) {
            continue;
        }
        hash = li_hash_word(hash, ((uint64_t)node->packed << 32) | node->packed_bytes);
        hash = li_hash_word(hash, ((uint64_t)(uint16_t)li_operation_rows[node->row].builtin << 40) | ((uint64_t)node->loop << 32) | i);
        for (uint32_t k = 0; k < (uint32_t)node->input_count + node->output_count; k++) {
            const li_tensor *t = li_packed_operand(net, node, k);
            for (uint32_t d = 0; t != NULL && d < t->rank; d++) {
                hash = li_hash_word(hash, ((uint64_t)(uint8_t)t->type << 32) | (uint32_t)t->dims[d]);
            }
        }
    }
    return hash;
}

static uint64_t li_hash_source(const li_net *net)
{
    const uint8_t *file = li_file(net);
    uint64_t hash = LI_PACKING_VERSION;
    for (uint32_t i = 0; i < net->node_count; i++) {
        const li_node *node = li_node_record(net, i);
        if (node->packed_bytes == 0) {
            continue;
        }
        hash = li_hash_bytes(hash, file + node->options, li_table_bytes(file, node->options));
        for (uint32_t k = 0; k < (uint32_t)node->input_count + node->output_count; k++) {
            const li_tensor *t = li_packed_operand(net, node, k);
            if (t == NULL) {
                continue;
            }
            hash = li_hash_word(hash, ((uint64_t)k << 32) | (uint32_t)t->axis);
            hash = li_hash_bytes(hash, file + t->scales, (size_t)t->scale_count * 4);
            hash = li_hash_bytes(hash, file + t->zero_points, (size_t)t->zero_point_count * 8);
            if (t->home == LI_HOME_MODEL) {
                hash = li_hash_bytes(hash, file + t->data, t->bytes);
            }
        }
    }
    return hash;
}

/* ---- the header ---- */

void li_stamp_packed(const li_net *net)
{
    uint8_t *packed = net->packed.pointer;
    const li_packed_header header = {
        LI_PACKED_MAGIC, LI_PACKING_VERSION, li_kernels_of(net)->isa, net->packed_bytes, li_hash_layout(net), li_hash_source(net),
        li_hash_bytes(0, packed + LI_PACKED_HEADER, net->packed_bytes - LI_PACKED_HEADER),
    };
    li_fill(packed, 0, LI_PACKED_HEADER);
    li_copy(packed, &header, sizeof header);
}

/* LI_RULE_NONE, or why these cannot be the packed weights of a planned net. */
static int32_t li_packed_rule(const li_net *net, const uint8_t *packed)
{
    li_packed_header header;
    li_copy(&header, packed, sizeof header);
    if (header.magic != LI_PACKED_MAGIC || header.version != LI_PACKING_VERSION || header.isa != li_kernels_of(net)->isa) {
        return LI_RULE_PACKED_VERSION;
    }
    return header.bytes == net->packed_bytes && header.layout == li_hash_layout(net) ? LI_RULE_NONE : LI_RULE_PACKED_LAYOUT;
}

li_status li_check_packed(li_net *net)
{
    const uint8_t *packed = net->packed.pointer;
    li_packed_header header;
    li_copy(&header, packed, sizeof header);
    if (li_packed_rule(net, packed) != LI_RULE_NONE || header.source != li_hash_source(net) ||
        header.content != li_hash_bytes(0, packed + LI_PACKED_HEADER, net->packed_bytes - LI_PACKED_HEADER)) {
        return li_fail(net, LI_STALE_PACKED, LI_RULE_PACKED_STALE, NULL, NULL, -1, -1);
    }
    return LI_OK;
}

/* ---- in the file ---- */

int32_t li_find_packed(li_net *net)
{
    uint32_t first, bytes;
    net->stored_packed = 0;
    if (net->packed_bytes == 0 || (net->flags & (LI_IGNORE_PACKED | LI_PACKED_READY)) != 0 ||
        !li_metadata(li_file(net), "liteinterp.packed.", li_kernels_of(net)->name, &first, &bytes)) {
        return LI_RULE_NONE;
    }
    if ((uintptr_t)(li_file(net) + first) % LI_PACKED_ALIGNMENT != 0) {
        return LI_RULE_PACKED_ALIGNMENT;
    }
    if (bytes != net->packed_bytes) {
        return LI_RULE_PACKED_LAYOUT;
    }
    const int32_t rule = li_packed_rule(net, li_file(net) + first);
    net->stored_packed = rule == LI_RULE_NONE ? first : 0;
    return rule;
}

#else
typedef int li_packed_is_left_out;      /* an empty translation unit is not C */
#endif

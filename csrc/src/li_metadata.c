/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata entries, and the memory plan that the converter stored in one: "OfflineMemoryAllocation" names a buffer of int32:
 * version, number of subgraphs, n, then n byte offsets, one for each tensor of all subgraphs, -1 where there is none.
 * TFLite Micro reads the same entry. Only its length is checked here; li_place checks the offsets.
 */
#include "li_core.h"

/* Whether the bytes at *at begin with the word, which then are taken off. */
static bool li_takes(const uint8_t **at, const uint8_t *end, const char *word)
{
    for (; *word != '\0'; word++, (*at)++) {
        if (*at == end || **at != (uint8_t)*word) {
            return false;
        }
    }
    return true;
}

bool li_metadata(const uint8_t *file, const char *name, const char *ending, uint32_t *first, uint32_t *bytes)
{
    uint32_t entries, length;
    const uint32_t metadata = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_metadata, &entries);
    for (uint32_t i = 0; i < entries; i++) {
        const uint32_t entry = li_vector_child(file, metadata, i);
        const uint8_t *at = file + li_table_vector(file, entry, LI_SLOT_Metadata_name, &length);
        const uint8_t *const end = at + length;
        if (li_takes(&at, end, name) && li_takes(&at, end, ending) && at == end) {
            return li_buffer_bytes(file, li_table_u32(file, entry, LI_SLOT_Metadata_buffer, 0), first, bytes);
        }
    }
    return false;
}

/* Tensors of all subgraphs: the plan has a word for each, in order, subgraph 0 first. */
static uint64_t li_all_tensors(const uint8_t *file)
{
    uint32_t count, tensors;
    uint64_t all = 0;
    const uint32_t first = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_subgraphs, &count);
    for (uint32_t i = 0; i < count; i++) {
        li_table_vector(file, li_vector_child(file, first, i), LI_SLOT_SubGraph_tensors, &tensors);
        all += tensors;
    }
    return all;
}

uint32_t li_stored_plan(const li_net *net)
{
    const uint8_t *file = li_file(net);
    uint32_t first, bytes;
    /* int32: version, subgraphs, n, then n offsets */
    if (!li_metadata(file, "OfflineMemoryAllocation", "", &first, &bytes) || bytes < 12) {
        return 0;
    }
    const uint64_t words = li_load_u32(file + first + 8);
    return words == li_all_tensors(file) && 12 + 4 * words <= bytes ? first + 12 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the memory plan that the converter stored: the metadata entry "OfflineMemoryAllocation" names a buffer of int32:
 * version, number of subgraphs, n, then n byte offsets, one for each tensor of all subgraphs, -1 where there is none.
 * TFLite Micro reads the same entry. Only its length is checked here; li_place checks the offsets.
 */
#include "li_core.h"

static bool li_name_is(const uint8_t *file, uint32_t table, uint32_t slot, const char *name, uint32_t length)
{
    uint32_t count;
    const uint32_t first = li_table_vector(file, table, slot, &count);
    if (count != length) {
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (file[first + i] != (uint8_t)name[i]) {
            return false;
        }
    }
    return true;
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
    static const char name[] = "OfflineMemoryAllocation";
    const uint8_t *file = li_file(net);
    uint32_t entries, first, bytes;
    const uint32_t metadata = li_table_vector(file, li_load_u32(file), LI_SLOT_Model_metadata, &entries);
    for (uint32_t i = 0; i < entries; i++) {
        const uint32_t entry = li_vector_child(file, metadata, i);
        if (!li_name_is(file, entry, LI_SLOT_Metadata_name, name, sizeof name - 1)) {
            continue;
        }
        /* int32: version, subgraphs, n, then n offsets */
        if (!li_buffer_bytes(file, li_table_u32(file, entry, LI_SLOT_Metadata_buffer, 0), &first, &bytes) || bytes < 12) {
            return 0;
        }
        const uint64_t words = li_load_u32(file + first + 8);
        return words == li_all_tensors(file) && 12 + 4 * words <= bytes ? first + 12 : 0;
    }
    return 0;
}

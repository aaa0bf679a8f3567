/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the file in place. Everything here trusts li_check: positions lie in the file, fields lie in their tables.
 * Loads go through li_copy, so the model needs no more alignment than its caller gives it.
 */
#include "li_internal.h"

int32_t li_load_i32(const void *p)
{
    int32_t value;
    li_copy(&value, p, sizeof value);
    return value;
}

int64_t li_load_i64(const void *p)
{
    int64_t value;
    li_copy(&value, p, sizeof value);
    return value;
}

uint32_t li_load_u32(const void *p)
{
    uint32_t value;
    li_copy(&value, p, sizeof value);
    return value;
}

float li_load_f32(const void *p)
{
    float value;
    li_copy(&value, p, sizeof value);
    return value;
}

static uint16_t li_load_u16(const void *p)
{
    uint16_t value;
    li_copy(&value, p, sizeof value);
    return value;
}

static uint32_t li_vtable(const uint8_t *file, uint32_t table)
{
    return table - li_load_u32(file + table);    /* a signed distance: unsigned wrap gets it right */
}

#if LI_PACKS
uint32_t li_table_bytes(const uint8_t *file, uint32_t table)
{
    return table == 0 ? 0 : li_load_u16(file + li_vtable(file, table) + 2);
}
#endif

uint32_t li_table_field(const uint8_t *file, uint32_t table, uint32_t slot)
{
    const uint32_t vtable = li_vtable(file, table);
    if (4 + 2 * slot + 2 > li_load_u16(file + vtable)) {
        return 0;
    }
    const uint32_t offset = li_load_u16(file + vtable + 4 + 2 * slot);
    return offset == 0 ? 0 : table + offset;
}

int32_t li_table_i32(const uint8_t *file, uint32_t table, uint32_t slot, int32_t absent)
{
    const uint32_t at = li_table_field(file, table, slot);
    return at == 0 ? absent : li_load_i32(file + at);
}

uint32_t li_table_u32(const uint8_t *file, uint32_t table, uint32_t slot, uint32_t absent)
{
    const uint32_t at = li_table_field(file, table, slot);
    return at == 0 ? absent : li_load_u32(file + at);
}

int32_t li_table_i8(const uint8_t *file, uint32_t table, uint32_t slot, int32_t absent)
{
    const uint32_t at = li_table_field(file, table, slot);
    return at == 0 ? absent : (file[at] < 128 ? file[at] : file[at] - 256);
}

float li_table_f32(const uint8_t *file, uint32_t table, uint32_t slot, float absent)
{
    const uint32_t at = li_table_field(file, table, slot);
    return at == 0 ? absent : li_load_f32(file + at);
}

/* References count from their own position. */
static uint32_t li_follow(const uint8_t *file, uint32_t at)
{
    return at + li_load_u32(file + at);
}

uint32_t li_table_child(const uint8_t *file, uint32_t table, uint32_t slot)
{
    const uint32_t at = li_table_field(file, table, slot);
    return at == 0 ? 0 : li_follow(file, at);
}

uint32_t li_table_vector(const uint8_t *file, uint32_t table, uint32_t slot, uint32_t *count)
{
    const uint32_t vector = li_table_child(file, table, slot);
    *count = vector == 0 ? 0 : li_load_u32(file + vector);
    return vector == 0 ? 0 : vector + 4;
}

uint32_t li_vector_child(const uint8_t *file, uint32_t first, uint32_t i)
{
    return li_follow(file, first + 4 * i);
}

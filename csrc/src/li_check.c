/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure of the file: every offset, list, string and union that the rest of the runtime follows. The shapes of the
 * tables come from gen/li_tables.inc; the walk keeps its place in a small stack of its own.
 *
 * Time is bounded without memory of what was seen: each byte visited is charged to a budget, so a file whose parts are
 * shared so often that visiting them would take long is refused. Because vectors of numbers are charged in full, later
 * stages that read them once per owner stay within the same bound. Only the bodies of buffers are free: they are
 * bounds-checked, not read.
 */
#include "li_core.h"

enum { LI_KIND_SCALAR, LI_KIND_STRING, LI_KIND_VECTOR, LI_KIND_TABLE, LI_KIND_TABLES, LI_KIND_UNION };

/* A table refers to at most five levels below itself (Model, SubGraph, Tensor, SparsityParameters, ...). */
#define LI_CHECK_DEPTH 8

typedef struct li_check_table { uint16_t first, count; } li_check_table;
typedef struct li_check_field { uint8_t slot, kind, size, align, target; } li_check_field;

static const li_check_table li_check_tables[] = {
#define LI_TABLE(name, first_field, field_count) { first_field, field_count },
#include "../gen/li_tables.inc"
};

static const li_check_field li_check_fields[] = {
#define LI_FIELD(table, field, slot, kind, size, align, target) { slot, LI_KIND_##kind, size, align, target },
#include "../gen/li_tables.inc"
};

static const li_check_table li_check_unions[] = {
#define LI_UNION(name, first_member, member_count) { first_member, member_count },
#include "../gen/li_tables.inc"
};

static const uint8_t li_check_members[] = {
#define LI_UNION_MEMBER(union, member, tag, table) table,
#include "../gen/li_tables.inc"
};

/* A run of references to tables of one kind, and the table of the run that is being visited. */
typedef struct li_check_frame {
    uint32_t reference, left;      /* position of the next reference; how many there are */
    uint32_t table, vtable;        /* the table being visited, 0: none */
    uint16_t vtable_bytes, table_bytes;
    uint16_t field, fields_end;
    uint8_t kind;                  /* LI_TABLE_... */
} li_check_frame;

typedef struct li_check_walk {
    const uint8_t *file;
    uint32_t size;
    int64_t budget;
    uint32_t depth;
    int32_t rule;
    int64_t where;
    li_check_frame frames[LI_CHECK_DEPTH];
} li_check_walk;

static bool li_check_refuse(li_check_walk *walk, int32_t rule, int64_t where)
{
    walk->rule = rule;
    walk->where = where;
    return false;
}

static bool li_check_charge(li_check_walk *walk, uint64_t bytes, uint32_t where)
{
    if (bytes > (uint64_t)walk->budget) {
        return li_check_refuse(walk, LI_RULE_FILE_BUDGET, where);
    }
    walk->budget -= (int64_t)bytes;
    return true;
}

static uint32_t li_check_u16(const li_check_walk *walk, uint32_t at)
{
    uint16_t value;
    li_copy(&value, walk->file + at, sizeof value);
    return value;
}

/* Follows the reference at `at`, which lies in the file: its target must leave room for 4 aligned bytes. */
static bool li_check_follow(li_check_walk *walk, uint32_t at, uint32_t *target)
{
    const uint64_t to = (uint64_t)at + li_load_u32(walk->file + at);
    if (to + 4 > walk->size || to == at) {
        return li_check_refuse(walk, LI_RULE_OFFSET_RANGE, at);
    }
    if (to % 4 != 0) {
        return li_check_refuse(walk, LI_RULE_OFFSET_ALIGNMENT, at);
    }
    *target = (uint32_t)to;
    return true;
}

static bool li_check_push(li_check_walk *walk, uint32_t reference, uint32_t count, uint8_t kind)
{
    if (walk->depth == LI_CHECK_DEPTH) {    /* the generated tables have no circle, so this depth is never reached */
        return li_check_refuse(walk, LI_RULE_FILE_BUDGET, reference);
    }
    li_check_frame *frame = &walk->frames[walk->depth++];
    li_fill(frame, 0, sizeof *frame);
    frame->reference = reference;
    frame->left = count;
    frame->kind = kind;
    return true;
}

/* The header of the next table of a run: where its vtable is, and how long both are. */
static bool li_check_open(li_check_walk *walk, li_check_frame *frame)
{
    const li_check_table *shape = &li_check_tables[frame->kind];
    uint32_t table;
    if (!li_check_follow(walk, frame->reference, &table)) {
        return false;
    }
    frame->reference += 4;
    frame->left--;
    const int64_t vtable = (int64_t)table - li_load_i32(walk->file + table);
    if (vtable < 0 || vtable + 4 > walk->size || vtable % 2 != 0) {
        return li_check_refuse(walk, LI_RULE_VTABLE, table);
    }
    const uint32_t vtable_bytes = li_check_u16(walk, (uint32_t)vtable);
    const uint32_t table_bytes = li_check_u16(walk, (uint32_t)vtable + 2);
    if (vtable_bytes < 4 || vtable_bytes % 2 != 0 || vtable_bytes > walk->size - (uint32_t)vtable) {
        return li_check_refuse(walk, LI_RULE_VTABLE, vtable);
    }
    if (table_bytes < 4 || table_bytes > walk->size - table) {
        return li_check_refuse(walk, LI_RULE_VTABLE, vtable);
    }
    frame->table = table;
    frame->vtable = (uint32_t)vtable;
    frame->vtable_bytes = (uint16_t)vtable_bytes;
    frame->table_bytes = (uint16_t)table_bytes;
    frame->field = shape->first;
    frame->fields_end = (uint16_t)(shape->first + shape->count);
    return li_check_charge(walk, 8 + (uint64_t)2 * shape->count, table);
}

/* Where a field of `size` bytes lies: 0 when absent. */
static bool li_check_place(li_check_walk *walk, const li_check_frame *frame, uint32_t slot, uint32_t size, uint32_t align,
                           uint32_t *at)
{
    *at = 0;
    if (4 + 2 * slot + 2 > frame->vtable_bytes) {
        return true;
    }
    const uint32_t offset = li_check_u16(walk, frame->vtable + 4 + 2 * slot);
    if (offset == 0) {
        return true;
    }
    if (offset < 4 || offset + size > frame->table_bytes) {
        return li_check_refuse(walk, LI_RULE_FIELD_RANGE, frame->table);
    }
    if ((frame->table + offset) % align != 0) {
        return li_check_refuse(walk, LI_RULE_OFFSET_ALIGNMENT, frame->table + offset);
    }
    *at = frame->table + offset;
    return li_check_charge(walk, size, *at);
}

/* The vector behind the reference at `at`; elements need the alignment of their own size, whatever the schema asks for:
   that is what reading them needs at most. */
static bool li_check_vector(li_check_walk *walk, uint32_t at, uint32_t size, bool read, uint32_t *first, uint32_t *count)
{
    uint32_t vector;
    if (!li_check_follow(walk, at, &vector)) {
        return false;
    }
    *first = vector + 4;
    *count = li_load_u32(walk->file + vector);
    const uint64_t bytes = (uint64_t)*count * size;
    if (bytes > walk->size - *first) {
        return li_check_refuse(walk, LI_RULE_VECTOR_RANGE, vector);
    }
    if (*count != 0 && *first % size != 0) {
        return li_check_refuse(walk, LI_RULE_OFFSET_ALIGNMENT, *first);
    }
    return li_check_charge(walk, 4 + (read ? bytes : 0), vector);
}

static bool li_check_string(li_check_walk *walk, uint32_t at)
{
    uint32_t first, count;
    if (!li_check_vector(walk, at, 1, true, &first, &count)) {
        return false;
    }
    if (count == walk->size - first || walk->file[first + count] != 0) {
        return li_check_refuse(walk, LI_RULE_STRING_TERMINATOR, first);
    }
    return true;
}

/* A tag goes with a value. Tags newer than this build are bounds-checked as a table. */
static bool li_check_union(li_check_walk *walk, const li_check_frame *frame, const li_check_field *field)
{
    uint32_t tag_at, at;
    if (!li_check_place(walk, frame, field->slot - 1u, 1, 1, &tag_at) ||
        !li_check_place(walk, frame, field->slot, 4, 4, &at)) {
        return false;
    }
    const uint32_t tag = tag_at == 0 ? 0 : walk->file[tag_at];
    if ((tag == 0) != (at == 0)) {
        return li_check_refuse(walk, LI_RULE_UNION_TAG, frame->table);
    }
    if (tag == 0) {
        return true;
    }
    const li_check_table *members = &li_check_unions[field->target];
    const uint8_t table = tag <= members->count ? li_check_members[members->first + tag - 1] : (uint8_t)LI_TABLE_Opaque;
    return li_check_push(walk, at, 1, table);
}

static bool li_check_field_of(li_check_walk *walk, const li_check_frame *frame, const li_check_field *field)
{
    if (field->kind == LI_KIND_UNION) {
        return li_check_union(walk, frame, field);
    }
    const bool scalar = field->kind == LI_KIND_SCALAR;
    uint32_t at, first, count;
    if (!li_check_place(walk, frame, field->slot, scalar ? field->size : 4u, scalar ? field->align : 4u, &at)) {
        return false;
    }
    if (at == 0 || scalar) {
        return true;
    }
    switch (field->kind) {
    case LI_KIND_STRING:
        return li_check_string(walk, at);
    case LI_KIND_VECTOR:
        return li_check_vector(walk, at, field->size, frame->kind != LI_TABLE_Buffer, &first, &count);
    case LI_KIND_TABLE:
        return li_check_push(walk, at, 1, field->target);
    default:
        return li_check_vector(walk, at, 4, true, &first, &count) &&
               (count == 0 || li_check_push(walk, first, count, field->target));
    }
}

/* Bytes of a buffer behind the tables, for files too large for vectors: they must lie in the file all the same. */
static bool li_check_buffer(li_check_walk *walk, const li_check_frame *frame)
{
    const uint32_t offset_at = li_table_field(walk->file, frame->table, LI_SLOT_Buffer_offset);
    const uint32_t size_at = li_table_field(walk->file, frame->table, LI_SLOT_Buffer_size);
    const uint64_t offset = offset_at == 0 ? 0 : (uint64_t)li_load_i64(walk->file + offset_at);
    const uint64_t size = size_at == 0 ? 0 : (uint64_t)li_load_i64(walk->file + size_at);
    if (offset > 1 && (offset > walk->size || size > walk->size - offset)) {
        return li_check_refuse(walk, LI_RULE_BUFFER_RANGE, frame->table);
    }
    return true;
}

static bool li_check_step(li_check_walk *walk)
{
    li_check_frame *frame = &walk->frames[walk->depth - 1];
    if (frame->table == 0) {
        if (frame->left == 0) {
            walk->depth--;
            return true;
        }
        return li_check_open(walk, frame);
    }
    if (frame->field == frame->fields_end) {
        const bool sound = frame->kind != LI_TABLE_Buffer || li_check_buffer(walk, frame);
        frame->table = 0;
        return sound;
    }
    return li_check_field_of(walk, frame, &li_check_fields[frame->field++]);
}

static void li_check_count(const uint8_t *file, li_info *info)
{
    uint32_t count, first;
    const uint32_t model = li_load_u32(file);
    first = li_table_vector(file, model, LI_SLOT_Model_subgraphs, &count);
    info->subgraphs = (int32_t)count;
    if (count != 0) {
        const uint32_t graph = li_vector_child(file, first, 0);
        li_table_vector(file, graph, LI_SLOT_SubGraph_tensors, &count);
        info->tensors = (int32_t)count;
        li_table_vector(file, graph, LI_SLOT_SubGraph_operators, &count);
        info->operations = (int32_t)count;
        li_table_vector(file, graph, LI_SLOT_SubGraph_inputs, &count);
        info->inputs = (int32_t)count;
        li_table_vector(file, graph, LI_SLOT_SubGraph_outputs, &count);
        info->outputs = (int32_t)count;
    }
    info->work_bytes = li_work_bytes((uint32_t)info->tensors, (uint32_t)info->operations) +
                       li_known_capacity(file, (uint32_t)info->tensors);
}

li_status li_check(const void *model, size_t size, li_info *info, li_fault *fault)
{
    li_info found;
    li_fill(&found, 0, sizeof found);
    if (info != NULL) {
        *info = found;
    }
    if (model == NULL) {
        return li_fault_set(fault, LI_BAD_ARGUMENT, LI_RULE_ARGUMENT_NULL, 0, 0);
    }
    if ((uintptr_t)model % 4 != 0) {
        return li_fault_set(fault, LI_MISALIGNED, LI_RULE_MODEL_ALIGNMENT, 4, (int64_t)((uintptr_t)model % 4));
    }
    if (size < 8 || size > LI_BYTES_MAX) {
        return li_fault_set(fault, LI_BAD_FILE, LI_RULE_FILE_SIZE, 8, (int64_t)size);
    }
    li_check_walk walk;
    li_fill(&walk, 0, sizeof walk);
    walk.file = (const uint8_t *)model;
    walk.size = (uint32_t)size;
    walk.budget = 4 * (int64_t)size + 65536;
    if (walk.file[4] != 'T' || walk.file[5] != 'F' || walk.file[6] != 'L' || walk.file[7] != '3') {
        return li_fault_set(fault, LI_BAD_FILE, LI_RULE_FILE_IDENTIFIER, 0, 4);
    }
    bool sound = li_check_push(&walk, 0, 1, LI_TABLE_Model);
    while (sound && walk.depth != 0) {
        sound = li_check_step(&walk);
    }
    if (!sound) {
        return li_fault_set(fault, LI_BAD_FILE, walk.rule, 0, walk.where);
    }
    li_check_count(walk.file, &found);
    if (info != NULL) {
        *info = found;
    }
    return li_fault_set(fault, LI_OK, LI_RULE_NONE, 0, 0);
}

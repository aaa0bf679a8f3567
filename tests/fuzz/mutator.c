/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutator that knows FlatBuffers. Random bytes mostly break offsets, which li_check finds at once; here a file that
 * li_check accepts is walked along the generated tables, one place of a chosen kind is picked with equal chance, and only
 * that place changes. Vectors can grow: the longer copy goes behind the file, where every offset may point.
 * Files that are no longer well formed get libFuzzer's own mutations.
 */
#include "harness.h"

enum { SCALAR, STRING, VECTOR, TABLE, TABLES, UNION };
typedef struct table_shape { uint16_t first, count; } table_shape;
typedef struct field_shape { uint8_t slot, kind, size, target; } field_shape;

static const table_shape tables[] = {
#define LI_TABLE(name, first_field, field_count) { first_field, field_count },
#include "../../csrc/gen/li_tables.inc"
};
static const field_shape fields[] = {
#define LI_FIELD(table, field, slot, kind, size, align, target) { slot, kind, size, target },
#include "../../csrc/gen/li_tables.inc"
};
static const table_shape unions[] = {
#define LI_UNION(name, first_member, member_count) { first_member, member_count },
#include "../../csrc/gen/li_tables.inc"
};
static const uint8_t members[] = {
#define LI_UNION_MEMBER(union, member, tag, table) table,
#include "../../csrc/gen/li_tables.inc"
};

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* What can be changed about a file. */
enum place {
    NUMBER,       /* a scalar field: at, size */
    ELEMENT,      /* an element of a vector of numbers: at, size */
    LENGTH,       /* a vector of anything: at of its reference, size of an element; kind 1: of references to tables */
    PRESENCE,     /* a field's entry in its vtable: at */
    REFERENCE,    /* a reference to a table: at, target's kind */
    BODY,         /* a word of a buffer's bytes: at, size */
    PLACES
};

typedef struct walk {
    const uint8_t *file;
    uint64_t random;
    enum place wanted;
    uint32_t seen, steps;
    uint32_t at, size, kind;    /* the place picked among those seen */
} walk;

static void offer(walk *w, enum place place, uint32_t at, uint32_t size, uint32_t kind)
{
    if (place == w->wanted && next_random(&w->random) % ++w->seen == 0) {
        w->at = at;
        w->size = size;
        w->kind = kind;
    }
}

static void visit(walk *w, uint32_t reference, uint8_t kind);

static void visit_vector(walk *w, uint32_t at, const field_shape *field, uint8_t owner)
{
    const uint32_t vector = at + li_load_u32(w->file + at), count = li_load_u32(w->file + vector);
    const uint32_t size = field->kind == TABLES ? 4 : field->kind == STRING ? 1 : field->size;
    offer(w, LENGTH, at, size, field->kind == TABLES);
    if (owner == LI_TABLE_Buffer && count != 0) {
        const uint32_t wide = count % 4 == 0 && next_random(&w->random) % 2 == 0 ? 4 : 1;
        offer(w, BODY, vector + 4 + (uint32_t)(next_random(&w->random) % (count / wide)) * wide, wide, 0);
        return;
    }
    for (uint32_t i = 0; i < count && w->steps < 100000; i++, w->steps++) {
        if (field->kind == TABLES) {
            visit(w, vector + 4 + 4 * i, field->target);
        } else if (field->kind == VECTOR) {
            offer(w, ELEMENT, vector + 4 + size * i, size, 0);
        }
    }
}

static void visit_union(walk *w, uint32_t table, const field_shape *field, uint32_t at)
{
    const uint32_t tag_at = li_table_field(w->file, table, field->slot - 1u);
    const uint32_t tag = tag_at == 0 ? 0 : w->file[tag_at];
    const table_shape *shape = &unions[field->target];
    if (tag != 0) {
        offer(w, NUMBER, tag_at, 1, 0);
        visit(w, at, tag <= shape->count ? members[shape->first + tag - 1] : (uint8_t)LI_TABLE_Opaque);
    }
}

static void visit(walk *w, uint32_t reference, uint8_t kind)
{
    const uint32_t table = reference + li_load_u32(w->file + reference);
    const uint32_t vtable = table - li_load_u32(w->file + table);
    w->steps++;
    offer(w, REFERENCE, reference, 4, kind);
    for (uint32_t i = 0; i < tables[kind].count; i++) {
        const field_shape *field = &fields[tables[kind].first + i];
        const uint32_t at = li_table_field(w->file, table, field->slot);
        if (at == 0) {
            continue;
        }
        offer(w, PRESENCE, vtable + 4 + 2u * field->slot, 2, 0);
        switch (field->kind) {
        case SCALAR:
            offer(w, NUMBER, at, field->size, 0);
            break;
        case TABLE:
            visit(w, at, field->target);
            break;
        case UNION:
            visit_union(w, table, field, at);
            break;
        default:
            visit_vector(w, at, field, kind);
            break;
        }
    }
}

/* Picks a place; false when the file has none of this kind. `kind` (REFERENCE only): one to a table of this kind. */
static bool pick(walk *w, const uint8_t *file, enum place wanted, uint64_t random)
{
    memset(w, 0, sizeof *w);
    w->file = file;
    w->random = random;
    w->wanted = wanted;
    visit(w, 0, LI_TABLE_Model);
    return w->seen != 0;
}

/* ---- changes ---- */

static uint64_t new_number(uint64_t old, uint32_t size, uint64_t *random)
{
    static const int64_t numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 127, 128, 255, 256, 32767, 65535, 65536, 1 << 30, INT32_MAX,
                                       INT32_MIN, -1, -2, -3, -127, -128, -129, INT64_MAX, INT64_MIN, 0x100000000 };
    static const float reals[] = { 0.0f, 1.0f, -1.0f, 0.05f, 0.0039062500f, 1e-38f, 1e-45f, 1e38f, 3.4e38f, 256.0f, 65536.0f, 1e-5f, 2.0f };
    static const uint32_t words[] = { 0x7f800000, 0xff800000, 0x7fc00000, 0x80000000 };
    const uint64_t value = next_random(random);
    uint32_t word;
    switch (next_random(random) % 8) {
    case 0:
        return old + 1;
    case 1:
        return old - 1;
    case 2:
        return old ^ (UINT64_C(1) << (value % (8 * size)));
    case 3:
        if (size != 4) {
            return value;
        }
        memcpy(&word, &reals[value % (sizeof reals / sizeof *reals)], 4);
        return word;
    case 4:
        return size == 4 ? words[value % 4] : old * 2;
    case 5:    /* operator codes, types, tags and indices are small */
        return value % 160;
    default:
        return (uint64_t)numbers[value % (sizeof numbers / sizeof *numbers)];
    }
}

static void change_number(uint8_t *file, const walk *w, uint64_t *random)
{
    uint64_t value = 0;
    memcpy(&value, file + w->at, w->size);
    value = new_number(value, w->size, random);
    memcpy(file + w->at, &value, w->size);
}

/* A new length within the vector's room, or a longer copy behind the file; answers the file's new size. References only
   point forward, so vectors of tables only shrink. */
static size_t change_length(uint8_t *file, size_t size, size_t max_size, const walk *w, uint64_t *random)
{
    const uint32_t vector = w->at + li_load_u32(file + w->at), count = li_load_u32(file + vector);
    const uint32_t grown = count + 1 + (uint32_t)(next_random(random) % 4);
    const size_t to = (size - TRAILER + 15) / 16 * 16 + 12;    /* elements of 8 bytes lie at multiples of 8 */
    const size_t end = to + 4 + (size_t)grown * w->size + TRAILER;
    if (w->kind == 1 || next_random(random) % 2 == 0 || end > max_size || (size_t)count * w->size > size) {
        const uint32_t less = (uint32_t)(next_random(random) % ((uint64_t)count + 2));
        memcpy(file + vector, &less, 4);
        return size;
    }
    uint8_t trailer[TRAILER];
    memcpy(trailer, file + size - TRAILER, TRAILER);
    memset(file + size - TRAILER, 0, end - (size - TRAILER));
    memcpy(file + to, &grown, 4);
    memcpy(file + to + 4, file + vector + 4, (size_t)count * w->size);
    for (uint32_t i = count; i < grown && count != 0; i++) {    /* what is new repeats an element */
        memcpy(file + to + 4 + (size_t)i * w->size, file + vector + 4 + (size_t)(next_random(random) % count) * w->size, w->size);
    }
    const uint32_t distance = (uint32_t)to - w->at;
    memcpy(file + w->at, &distance, 4);
    memcpy(file + end - TRAILER, trailer, TRAILER);
    return end;
}

/* Two references to tables of one kind become one. */
static void change_reference(uint8_t *file, const walk *w, uint64_t *random)
{
    walk other;
    for (int tries = 0; tries < 8; tries++) {
        if (pick(&other, file, REFERENCE, next_random(random)) && other.kind == w->kind) {
            const uint32_t target = other.at + li_load_u32(file + other.at);
            const uint32_t distance = target - w->at;
            if (target > w->at) {
                memcpy(file + w->at, &distance, 4);
                return;
            }
        }
    }
}

static size_t mutate_once(uint8_t *file, size_t size, size_t max_size, uint64_t *random)
{
    static const uint8_t places[16] = { NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, ELEMENT, ELEMENT, ELEMENT,
                                        ELEMENT, LENGTH, LENGTH, PRESENCE, REFERENCE, BODY, BODY, NUMBER };
    const uint16_t absent = 0;
    walk w;
    li_info info;
    if (size < 8 + TRAILER || li_check(file, size, &info, NULL) != LI_OK) {
        return LLVMFuzzerMutate(file, size, max_size);
    }
    if (next_random(random) % 16 == 0) {
        const uint64_t trailer = next_random(random);
        memcpy(file + size - TRAILER, &trailer, TRAILER);
        return size;
    }
    if (!pick(&w, file, (enum place)places[next_random(random) % 16], next_random(random))) {
        return LLVMFuzzerMutate(file, size, max_size);
    }
    switch (w.wanted) {
    case LENGTH:
        return change_length(file, size, max_size, &w, random);
    case PRESENCE:
        memcpy(file + w.at, &absent, 2);
        return size;
    case REFERENCE:
        change_reference(file, &w, random);
        return size;
    default:
        change_number(file, &w, random);
        return size;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t random = seed;
    if (next_random(&random) % 16 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    const uint64_t changes = 1 + next_random(&random) % 3;
    for (uint64_t i = 0; i < changes; i++) {
        size = mutate_once(data, size, max_size, &random);
    }
    return size;
}

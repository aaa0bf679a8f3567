/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uint8 operands, shown to an operator as int8. Operators that compute on 8 bits are written for int8 alone; where
 * ops.toml says `unsigned`, a node on uint8 sees its operands under another face while it plans, prepares and runs: type
 * int8, zero point 128 less, and each code 128 less, which is its byte with the highest bit turned. The numbers that the
 * codes stand for do not change. Bytes in the arena and the state are turned where they lie, and turned back behind the
 * operator; constants are turned into a copy at the end of the scratch part. What only such operators read and write stays
 * turned between them, unless a hook or the caller may look at it.
 *
 * int4 weights, two to a byte in the file, are shown as int8 likewise: the copy has a byte for each.
 */
#include "li_core.h"
#include "li_kernels.h"

enum { LI_HIGHEST_BIT = 0x80 };

bool li_as_int8(const li_net *net, const li_node *node)
{
    const li_tensor *first = li_node_input(net, node, 0);
    const li_tensor *filter = li_node_input(net, node, 1);
    return (li_operation_rows[node->row].as_int8 != 0 && first != NULL && first->type == LI_UINT8) ||
           (filter != NULL && filter->type == LI_INT4);
}

/* Whether the tensor is int4 in the file, whatever it is shown as. */
static bool li_is_halved(const li_net *net, const li_tensor *t)
{
    return t != NULL && li_table_i8(li_file(net), t->table, LI_SLOT_Tensor_type, 0) == LI_INT4;
}

/* Inputs, then outputs; NULL for one that is left out. These operators have a fixed, small number of operands. */
static li_tensor *li_operand_at(const li_net *net, const li_node *node, uint32_t i)
{
    return i < node->input_count ? li_node_input(net, node, i) : li_node_output(net, node, i - node->input_count);
}

static void li_as_int8_types(li_net *net, const li_node *node, bool shown)
{
    for (uint32_t i = 0; i < (uint32_t)node->input_count + node->output_count; i++) {
        li_tensor *t = li_operand_at(net, node, i);
        if (li_is_halved(net, t)) {
            t->type = shown ? LI_INT8 : LI_INT4;
        } else if (t != NULL && shown && t->type == LI_UINT8) {
            t->type = LI_INT8;
            t->flags |= LI_TENSOR_AS_INT8;
        } else if (t != NULL && !shown && (t->flags & LI_TENSOR_AS_INT8) != 0) {
            t->type = LI_UINT8;
            t->flags &= (uint8_t)~LI_TENSOR_AS_INT8;
        }
    }
}

/* ---- bytes ---- */

/* Eight bytes at a time: a network of uint8 turns all of its activations. */
static void li_turn(uint8_t *to, const uint8_t *from, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t eight;
        li_copy(&eight, from + i, sizeof eight);
        eight ^= LI_HIGHEST_BIT * UINT64_C(0x0101010101010101);
        li_copy(to + i, &eight, sizeof eight);
    }
    for (; i < count; i++) {
        to[i] = from[i] ^ LI_HIGHEST_BIT;
    }
}

/* int4 to int8: the low half of a byte comes first. */
static void li_unfold(uint8_t *to, const uint8_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (uint8_t)((((from[i / 2] >> (i % 2 * 4)) & 15) ^ 8) - 8);
    }
}

/* Of the first `count` operands the last one with the i-th one's bytes: a tensor may come twice, one tensor may be another under
   another shape, and an output may take an input's bytes. */
static bool li_is_last(const li_net *net, const li_node *node, uint32_t i, uint32_t count)
{
    const li_tensor *t = li_operand_at(net, node, i);
    while (++i < count) {
        const li_tensor *later = li_operand_at(net, node, i);
        if (later != NULL && later->bytes != 0 && later->type == t->type && later->home == t->home && later->data == t->data) {
            return false;
        }
    }
    return true;
}

static bool li_is_turned(const li_tensor *t)
{
    return t != NULL && t->bytes != 0 && (t->type == LI_UINT8 || (t->flags & LI_TENSOR_AS_INT8) != 0);
}

/* Bytes of the copy that the operator sees; 0 when it sees the constant itself. */
static uint32_t li_copy_bytes(const li_net *net, const li_tensor *t)
{
    if (t == NULL || t->home != LI_HOME_MODEL || t->bytes == 0) {
        return 0;
    }
    return li_is_halved(net, t) ? li_tensor_elements(t) : li_is_turned(t) ? t->bytes : 0;
}

/* Turns the bytes of the node's first `count` operands that can be written, but for those in `stays`. */
static void li_turn_operands(li_net *net, const li_node *node, uint32_t count, uint32_t stays)
{
    for (uint32_t i = 0; i < count; i++) {
        const li_tensor *t = li_operand_at(net, node, i);
        const bool stays_so = i < LI_AS_INT8_OPERANDS && (stays >> i & 1) != 0;
        if (li_is_turned(t) && t->home != LI_HOME_MODEL && !stays_so && li_is_last(net, node, i, count)) {
            uint8_t *bytes = li_tensor_data(t);
            li_turn(bytes, bytes, t->bytes);
        }
    }
}

/* Sets or clears the mark on every uint8 operand of the operators that take uint8 itself, or that have no bit for it. */
static void li_mark_seen_as_uint8(li_net *net, bool mark)
{
    for (uint32_t k = 0; k < net->node_count; k++) {
        const li_node *node = li_node_record(net, k);
        for (uint32_t i = node->as_int8 == 0 ? 0 : LI_AS_INT8_OPERANDS; i < (uint32_t)node->input_count + node->output_count; i++) {
            li_tensor *t = li_operand_at(net, node, i);
            if (t != NULL && t->type == LI_UINT8) {
                t->flags = (uint8_t)(mark ? t->flags | LI_TENSOR_AS_INT8 : t->flags & ~LI_TENSOR_AS_INT8);
            }
        }
    }
}

void li_as_int8_join(li_net *net)
{
    const uint32_t seen = LI_TENSOR_AS_INT8 | LI_TENSOR_INPUT | LI_TENSOR_OUTPUT;
    if (!LI_PACKS || (net->flags & LI_KEEP_TENSORS) != 0) {    /* beside kernels window by window it would gain little */
        return;
    }
    li_mark_seen_as_uint8(net, true);
    for (uint32_t k = 0; k < net->node_count; k++) {
        li_node *node = li_node_record(net, k);
        const uint32_t operands = (uint32_t)node->input_count + node->output_count;
        for (uint32_t i = 0; node->as_int8 != 0 && i < operands && i < LI_AS_INT8_OPERANDS; i++) {
            const li_tensor *t = li_operand_at(net, node, i);
            if (t != NULL && t->type == LI_UINT8 && t->home == LI_HOME_ARENA && (t->flags & seen) == 0) {
                node->as_int8 |= (uint8_t)(LI_AS_INT8_STAYS << i);
            }
        }
    }
    li_mark_seen_as_uint8(net, false);
}

uint64_t li_as_int8_bytes(const li_net *net, const li_node *node)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; node->as_int8 != 0 && i < node->input_count; i++) {
        bytes = li_size_add(bytes, li_size_round_up(li_copy_bytes(net, li_node_input(net, node, i)), LI_ALIGNMENT));
    }
    return bytes;
}

uint8_t *li_as_int8_copies(const li_net *net)
{
    return (uint8_t *)net->scratch.pointer + net->scratch_bytes * (size_t)net->threads;
}

static void li_as_int8_constants(li_net *net, const li_node *node)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        li_tensor *t = li_node_input(net, node, i);
        const uint32_t bytes = li_copy_bytes(net, t);
        if (bytes != 0 && (t->flags & LI_TENSOR_COPIED) == 0) {
            if (li_is_halved(net, t)) {
                li_unfold(li_as_int8_copies(net) + at, li_file(net) + t->data, bytes);
            } else {
                li_turn(li_as_int8_copies(net) + at, li_file(net) + t->data, bytes);
            }
            t->data = at;
            t->flags |= LI_TENSOR_COPIED;
            at += (uint32_t)li_size_round_up(bytes, LI_ALIGNMENT);
        }
    }
}

static void li_forget_copies(li_net *net, const li_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        li_tensor *t = li_node_input(net, node, i);
        if (t != NULL && (t->flags & LI_TENSOR_COPIED) != 0) {
            uint32_t bytes;
            li_buffer_bytes(li_file(net), li_table_u32(li_file(net), t->table, LI_SLOT_Tensor_buffer, 0), &t->data, &bytes);
            t->flags &= (uint8_t)~LI_TENSOR_COPIED;
        }
    }
}

/* ---- an operator's stations ---- */

li_status li_as_int8_plan(li_net *net, li_node *node)
{
    li_as_int8_types(net, node, true);
    const li_status status = li_operation_rows[node->row].plan(net, node);
    li_as_int8_types(net, node, false);
    return status;
}

void li_as_int8_prepare(li_net *net, const li_node *node)
{
    li_as_int8_types(net, node, true);
    if (node->packed_bytes != 0) {
        li_as_int8_constants(net, node);
    }
    li_operation_rows[node->row].prepare(net, node);
    li_forget_copies(net, node);
    li_as_int8_types(net, node, false);
}

li_status li_as_int8_run(li_net *net, const li_node *node, bool is_unseen)
{
    const uint32_t stays = LI_PACKS && is_unseen ? node->as_int8 / LI_AS_INT8_STAYS : 0;
    li_turn_operands(net, node, node->input_count, stays);
    li_as_int8_types(net, node, true);
    /* Where nothing is computed constants may be large; packed weights hold all but those of dense layers. */
    if (li_node_output(net, node, 0)->bytes != 0 && (node->packed_bytes == 0 || node->loop == LI_LOOP_DENSE)) {
        li_as_int8_constants(net, node);
    }
    const li_status status = li_operation_rows[node->row].run(net, node);
    li_forget_copies(net, node);
    li_as_int8_types(net, node, false);
    li_turn_operands(net, node, (uint32_t)node->input_count + node->output_count, stays);
    return status;
}

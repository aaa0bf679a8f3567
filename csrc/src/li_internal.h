/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stations of the runtime share: the net's records, and what an operator family must provide.
 *
 * Every record holds 32-bit offsets, never pointers, so that a net takes the same bytes on every target. The few
 * pointers of a net lie in 8-byte slots of its header.
 *
 * The state part:   [li_net][li_tensor x tensors][li_node x nodes][known results][what prepare wrote, per node][variables]
 * During li_plan the same layout is built in `work`; behind the known results lies the planner's own working memory.
 */
#ifndef LI_INTERNAL_H
#define LI_INTERNAL_H

#include "li_config.h"
#include "li_port.h"
#include "li_size.h"
#include "liteinterp.h"
#include "../gen/li_schema.h"
#include "li_rules.h"

/* ---- the net ---- */

typedef union li_slot {         /* 8 bytes on every target */
    const void *constant;
    void *pointer;
    li_hook_fn hook;
    li_parallel_fn parallel;
    const struct li_kernels *kernels;
    uint64_t bits;
} li_slot;

/* What li_tensor.data counts from. */
enum li_home { LI_HOME_NONE, LI_HOME_MODEL, LI_HOME_ARENA, LI_HOME_STATE, LI_HOME_KNOWN, LI_HOME_PACKED };

struct li_tensor {
    uint32_t self;              /* offset of this record from its net */
    uint32_t table;             /* file offset of the Tensor table */
    uint32_t data;              /* offset of the first byte in its home */
    uint32_t bytes;
    int32_t dims[LI_MAX_RANK];
    uint8_t rank;
    int8_t type;                /* li_type */
    uint8_t home;               /* enum li_home */
    uint8_t flags;              /* LI_TENSOR_... */
    uint32_t scales;            /* file offset of the first scale, 0 when there is none */
    uint32_t scale_count;
    uint32_t zero_points;       /* file offset of the first int64 zero point, 0 when absent (all zero) */
    uint32_t zero_point_count;
    int32_t axis;               /* quantized_dimension */
};
enum {
    LI_TENSOR_INPUT = 1, LI_TENSOR_OUTPUT = 2, LI_TENSOR_VARIABLE = 4, LI_TENSOR_PRODUCED = 8, LI_TENSOR_SHAPED = 16,
    LI_TENSOR_AS_INT8 = 32,     /* a uint8 tensor that an operator sees as int8 */
    LI_TENSOR_COPIED = 64,      /* a constant of which that operator sees a copy; data counts from the copies */
    LI_TENSOR_BETWEEN = 128     /* nobody knows it but the operator that writes it and the next one, which reads it */
};

typedef struct li_node {
    uint32_t inputs, outputs;   /* file offsets of the first index (int32 each) */
    uint16_t input_count, output_count;
    uint8_t row;                /* index into li_operation_rows[] */
    uint8_t as_int8;            /* LI_AS_INT8_..., 0: sees operands as they are */
    uint8_t divided;            /* LI_DIVIDED_...: plan sets it */
    uint8_t loop;               /* LI_LOOP_... of li_kernels.h: what computes the layer; plan sets it with packed_bytes */
    uint32_t options;           /* file offset of the options table, 0 when absent (all defaults) */
    uint32_t state, state_bytes;       /* what prepare writes and run reads; offset from the net, 16-byte aligned */
    uint32_t packed, packed_bytes;     /* rearranged weights; offset in the packed part, 64-byte aligned */
    uint32_t scratch_bytes;            /* of one thread, of this node */
} li_node;

/* Sees operands as int8, li_as_int8.c; << i: the i-th operand, inputs before outputs, is stored so between operators. */
enum { LI_AS_INT8 = 1, LI_AS_INT8_STAYS = 2, LI_AS_INT8_OPERANDS = 7 };

/* An operator whose run does nothing but bands of li_bands.h on what it reads in records and state, and never fails: several threads may
   run it side by side, each its own bands. A member of a crew sees such a node as LI_DIVIDED_CREW. */
enum { LI_DIVIDED_BANDS = 1, LI_DIVIDED_CREW = 2 };

struct li_net {
    li_slot model, arena, scratch, packed, kernels, hook, hook_context, parallel, pool;
    uint32_t magic, flags;
    uint32_t size;              /* of the model */
    int32_t threads;
    uint32_t tensors, tensor_count;      /* offset of the records from the net; how many */
    uint32_t nodes, node_count;
    uint32_t inputs, input_count;        /* file offsets of the graph's index vectors */
    uint32_t outputs, output_count;
    uint32_t state_bytes;
    uint32_t known_end, known_limit;     /* results known while planning: where the next one goes, and where none may reach */
    uint32_t scratch_bytes;              /* of one thread: thread i works at li_scratch(net) + i * scratch_bytes */
    uint32_t packed_limit, packed_bytes; /* of the packed part; while nodes are planned, of those so far */
    uint32_t stored_packed;     /* file offset of the packed weights, where the file holds them; 0: they are in the packed part */
    uint32_t arena_bytes;
    li_fault fault;
};

/* Bytes at the start of a packed part that is not empty: the stamp of what filled it. */
#define LI_PACKED_HEADER 64u

/* The header takes these bytes on every target, so that what follows it has the same offsets everywhere. */
#define LI_NET_BYTES 192u
_Static_assert(sizeof(li_net) <= LI_NET_BYTES, "the net's header grew");
_Static_assert(sizeof(li_tensor) == 64 && sizeof(li_node) == 40, "records take the same bytes on every target");

/* ---- reading the file: valid only after li_check ---- */
/* A table is named by its file offset. An absent field gives the default. */

static inline const uint8_t *li_file(const li_net *net) { return (const uint8_t *)net->model.constant; }

uint32_t li_table_field(const uint8_t *file, uint32_t table, uint32_t slot);    /* file offset of the field, 0 when absent */
int32_t li_table_i32(const uint8_t *file, uint32_t table, uint32_t slot, int32_t absent);
uint32_t li_table_u32(const uint8_t *file, uint32_t table, uint32_t slot, uint32_t absent);
int32_t li_table_i8(const uint8_t *file, uint32_t table, uint32_t slot, int32_t absent);   /* enums, bools, union tags */
float li_table_f32(const uint8_t *file, uint32_t table, uint32_t slot, float absent);
uint32_t li_table_child(const uint8_t *file, uint32_t table, uint32_t slot);    /* file offset of a table, 0 when absent */
uint32_t li_table_vector(const uint8_t *file, uint32_t table, uint32_t slot, uint32_t *count);  /* file offset of the first element; absent: 0 and count 0 */
uint32_t li_table_bytes(const uint8_t *file, uint32_t table);                   /* of its fields, from its offset on; 0 for table 0 */
uint32_t li_vector_child(const uint8_t *file, uint32_t first, uint32_t i);      /* file offset of the i-th table of a vector of tables */
int32_t li_load_i32(const void *p);
int64_t li_load_i64(const void *p);
uint32_t li_load_u32(const void *p);
float li_load_f32(const void *p);

/* ---- tensors and nodes ---- */

static inline li_tensor *li_tensor_record(const li_net *net, uint32_t i)
{
    return (li_tensor *)((uintptr_t)net + net->tensors) + i;
}
static inline li_node *li_node_record(const li_net *net, uint32_t i)
{
    return (li_node *)((uintptr_t)net + net->nodes) + i;
}
/* The i-th operand, or NULL when it is optional and left out (index -1, or behind the last one given). */
li_tensor *li_node_input(const li_net *net, const li_node *node, uint32_t i);
li_tensor *li_node_output(const li_net *net, const li_node *node, uint32_t i);
void *li_node_state(li_net *net, const li_node *node);                 /* node->state_bytes bytes, NULL when 0 */
const void *li_node_state_const(const li_net *net, const li_node *node);
void *li_node_packed(const li_net *net, const li_node *node);
void *li_scratch(const li_net *net);

size_t li_type_bytes(int32_t type);                                    /* of one element; 0 when unknown */
uint32_t li_tensor_elements(const li_tensor *t);                       /* checked when the shape was set: fits */
float li_tensor_scale(const li_net *net, const li_tensor *t, uint32_t i);          /* i-th scale; the only one where there is one */
int32_t li_tensor_zero_point(const li_net *net, const li_tensor *t, uint32_t i);

/* What the codes of the file have more than those that an operator sees: 128 where uint8 is shown as int8. */
static inline int32_t li_tensor_shift(const li_tensor *t) { return (t->flags & LI_TENSOR_AS_INT8) != 0 ? 128 : 0; }

/* ---- what families use while planning ---- */

/* Report a broken rule: fills net->fault and answers `status`. */
li_status li_fail(li_net *net, li_status status, int32_t rule, const li_node *node, const li_tensor *t, int64_t needed, int64_t had);
#define LI_TRY(call) do { const li_status li_try_ = (call); if (li_try_ != LI_OK) return li_try_; } while (0)

/* Give an output its shape: checks rank, dims >= 0, element count and bytes against overflow. */
li_status li_set_shape(li_net *net, const li_node *node, li_tensor *t, uint32_t rank, const int64_t *dims);
li_status li_set_shape_like(li_net *net, const li_node *node, li_tensor *t, const li_tensor *like);

/* The values of a small integer operand (shape, axes, paddings, perm) that are known while planning: constants of int32
   or int64, and what li_known.c made of shapes; at most `capacity` elements. LI_UNSUPPORTED with rule LI_RULE_OPERAND_UNKNOWN when they are not. */
li_status li_known_ints(li_net *net, const li_node *node, const li_tensor *t, int64_t *values, uint32_t capacity, uint32_t *count);
/* The same without the values, and the i-th of them afterwards: for operators that have little stack to spare. */
li_status li_known_count(li_net *net, const li_node *node, const li_tensor *t, uint32_t capacity, uint32_t *count);
int64_t li_known_int(const li_net *net, const li_tensor *t, uint32_t i);

/* Per tensor quantization: exactly one finite positive scale and a zero point inside the type's range. */
li_status li_need_quantized(li_net *net, const li_node *node, const li_tensor *t);
/* As li_need_quantized; int16 has the zero point 0. */
li_status li_need_centred(li_net *net, const li_node *node, const li_tensor *t);
/* Weights: one scale or one per element of `axis`; all zero points 0. uint8: one scale, any zero point. */
li_status li_need_weight_scales(li_net *net, const li_node *node, const li_tensor *t, uint32_t axis);
/* Both per tensor, with equal scale and zero point. */
li_status li_need_same_quantization(li_net *net, const li_node *node, const li_tensor *a, const li_tensor *b);

/* numpy-style broadcast of two shapes, aligned at the last dimension. */
li_status li_broadcast_shape(li_net *net, const li_node *node, const li_tensor *a, const li_tensor *b, int64_t *dims, uint32_t *rank);

/* ---- operators ---- */

/*
 * What a family provides for each of its operators.
 *   plan     checks everything about the node (operand types, counts and constness are checked before, from the row of
 *            ops.toml), sets the shapes of the outputs, and writes state_bytes, packed_bytes and scratch_bytes. It
 *            must not touch tensor data other than through li_known_ints.
 *   prepare  fills li_node_state and li_node_packed, once, in li_open; NULL when there is nothing to fill. It can't fail.
 *            With LI_PACKED_READY the packed part is already filled: `net->flags` says so.
 *   run      computes. It can fail only with LI_BAD_INPUT.
 * Input and output either share no byte or, where ops.toml allows it, are the same bytes (in_place, alias), or the
 * smaller output begins at or below its input (shrink): run then reads each element before it writes its result, in order.
 */
typedef struct li_operation {
    li_status (*plan)(li_net *net, li_node *node);
    void (*prepare)(li_net *net, const li_node *node);
    li_status (*run)(li_net *net, const li_node *node);
    int16_t builtin;            /* BuiltinOperator code */
    uint8_t options_tag;        /* BuiltinOptions tag that the file must carry, 0: none */
    uint8_t max_version;
    uint8_t min_inputs, max_inputs, min_outputs, max_outputs;    /* 255: any number */
    uint16_t optional;          /* bit i: input i may be -1 */
    uint16_t constant;          /* bit i: input i must be a constant, unless it is float32 */
    uint16_t in_place;          /* bit i: the output may take the bytes of input i */
    uint8_t alias;              /* 1: the output is input 0 under another shape */
    uint8_t shrink;             /* 1: a smaller output may begin at or below the bytes of the only input */
    uint8_t variadic;           /* 1: the last input may repeat */
    uint16_t types, type_count; /* rows of li_type_rows[] that are allowed */
    uint8_t as_int8;            /* 1: sees uint8 operands as int8, li_as_int8.c */
} li_operation;

/* One allowed combination of element types: -1 in `operands` behind the last; with `variadic` the last input's repeats. */
typedef struct li_type_row { int8_t inputs[LI_MAX_TYPED_OPERANDS]; int8_t outputs[2]; } li_type_row;

extern const li_operation li_operation_rows[];          /* csrc/src/li_operations.c, from gen/li_operations.inc */
extern const uint16_t li_operation_count;
extern const li_type_row li_type_rows[];

const struct li_kernels *li_kernels_choose(int32_t isa);     /* NULL when the machine lacks it */
const struct li_kernels *li_kernels_known(int32_t isa);      /* for sizes alone; NULL when the build has none of it */
static inline const struct li_kernels *li_kernels_of(const li_net *net) { return net->kernels.kernels; }

#endif

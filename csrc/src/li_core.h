/* SPDX-License-Identifier: Apache-2.0 */
/* What the stations check, plan, place and open share with each other; operator families need none of it. */
#ifndef LI_CORE_H
#define LI_CORE_H

#include "li_internal.h"

#define LI_MAGIC 0x494c544cu    /* in net->magic between li_open and the end */
#define LI_MAGIC_PLANNED 0x504e414cu    /* in a net of li_plan: sizes can be asked, nothing can run */

#define LI_PACKED_MAGIC 0x4b43504cu
/* How weights lie in the packed part, for all sets together: raise it with every change, or files that hold packed weights
   would be misread. tests/runtime/test_packed.py notices. */
#define LI_PACKING_VERSION 9u
#define LI_PACKED_ALIGNMENT 64u

/* Bytes per tensor that li_place needs behind the nodes: six 16-bit numbers and one 32-bit. */
#define LI_PLACE_BYTES 16u

/* Fills *fault (which may be NULL) with a fault that has no operator or tensor, and answers `status`. */
li_status li_fault_set(li_fault *fault, li_status status, int32_t rule, int64_t needed, int64_t had);

/* Header, records and the planner's own memory, for any options: what li_plan needs, and the least state of li_open. */
size_t li_work_bytes(uint32_t tensors, uint32_t operations);
/* Bytes behind that for results that are known while planning. */
uint32_t li_known_capacity(const uint8_t *file, uint32_t tensors);
/* Runs a planned node once and for all, if its result follows from shapes and constants: it has no operands afterwards. */
void li_know_result(li_net *net, li_node *node);

/* Makes an empty net in `memory`, at least li_work_bytes long, of a file that li_check accepted; options may be NULL. */
li_status li_net_begin(li_net *net, const void *model, const li_info *info, size_t size, const li_options *options);

/* Meaning, order, placement: fills the records and *need. */
li_status li_plan_net(li_net *net, const li_options *options, li_need *need);

/* The stations of li_plan_net. */
li_status li_read_tensors(li_net *net);
li_status li_read_graph_inputs(li_net *net, const li_options *options);
li_status li_read_nodes(li_net *net);
li_status li_read_graph_outputs(li_net *net);
li_status li_place_arena(li_net *net, li_need *need);

/* Joins the operators of look-ups in tables. Operators without outputs afterwards have nothing left to do. */
void li_join_lookups(li_net *net);

/* Shape and size of a tensor: LI_RULE_NONE, or the rule that is broken. */
int32_t li_tensor_shape(li_tensor *t, uint32_t rank, const int64_t *dims);
/* Scales and zero points against the tensor's type, and against its shape where there is one per channel. */
li_status li_check_quantization(li_net *net, const li_node *node, const li_tensor *t);

/* uint8 operands shown to the family as int8: whether that is so for a node, the stations of such a node, and the bytes of
   scratch behind those of the threads that its constants take. */
bool li_as_int8(const li_net *net, const li_node *node);
li_status li_as_int8_plan(li_net *net, li_node *node);
void li_as_int8_prepare(li_net *net, const li_node *node);
void li_as_int8_join(li_net *net);              /* marks what stays turned between operators, when all nodes are planned */
li_status li_as_int8_run(li_net *net, const li_node *node, bool is_unseen);    /* unseen: no hook looks at its operands */
uint64_t li_as_int8_bytes(const li_net *net, const li_node *node);
uint8_t *li_as_int8_copies(const li_net *net);

/* The bytes of a buffer: file offset and length; false when there is no such buffer. */
bool li_buffer_bytes(const uint8_t *file, uint32_t index, uint32_t *first, uint32_t *bytes);

/* Finds the metadata entry whose name is the two parts in a row: file offset and length of its buffer. */
bool li_metadata(const uint8_t *file, const char *name, const char *ending, uint32_t *first, uint32_t *bytes);

/* Packed weights, li_packed.c. Where the file holds those of a planned net, net->stored_packed says where, otherwise 0; the
   answer is the rule by which an entry is left alone, or LI_RULE_NONE. */
#if LI_PACKS
int32_t li_find_packed(li_net *net);
/* Writes the header in front of what prepare packed; refuses what is not this net's. */
void li_stamp_packed(const li_net *net);
li_status li_check_packed(li_net *net);
#else
static inline int32_t li_find_packed(li_net *net) { return net->stored_packed = 0, LI_RULE_NONE; }
static inline void li_stamp_packed(const li_net *net) { (void)net; }
static inline li_status li_check_packed(li_net *net) { return net != NULL ? LI_OK : LI_BAD_ARGUMENT; }
#endif

/* The file's memory plan: file offset of the first tensor's word, 0 when there is none of the right length. */
uint32_t li_stored_plan(const li_net *net);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How long an open net would run: an estimate, so that programs on hostile files can leave honest but huge nets alone. */
#ifndef WORK_H
#define WORK_H

#include "li_core.h"

static inline uint64_t work_of_operand(const li_net *net, const li_node *node, uint32_t i)
{
    const li_tensor *t = li_node_input(net, node, i);
    return t == NULL ? 0 : li_tensor_elements(t);
}

/* Taps of a filter per channel of its dimension `axis`. */
static inline uint64_t work_of_filter(const li_net *net, const li_node *node, uint32_t axis)
{
    const li_tensor *filter = li_node_input(net, node, 1);
    const int32_t channels = axis < filter->rank ? filter->dims[axis] : 1;
    return channels == 0 ? 1 : li_tensor_elements(filter) / (uint32_t)channels;
}

static inline uint64_t work_of_window(const li_net *net, const li_node *node)
{
    const li_tensor *in = li_node_input(net, node, 0);
    if (node->options == 0 || in->rank != 4) {
        return 1;
    }
    const int32_t width = li_table_i32(li_file(net), node->options, LI_SLOT_Pool2DOptions_filter_width, 0);
    const int32_t height = li_table_i32(li_file(net), node->options, LI_SLOT_Pool2DOptions_filter_height, 0);
    return (uint64_t)(width < in->dims[2] ? width : in->dims[2]) * (uint64_t)(height < in->dims[1] ? height : in->dims[1]);
}

/* Multiply-accumulates, or elements touched, of one operator. */
static inline uint64_t work_of(const li_net *net, const li_node *node)
{
    uint64_t elements = 0;
    uint64_t result = 0;
    uint64_t each = 1;
    for (uint32_t i = 0; i < node->input_count; i++) {
        elements += work_of_operand(net, node, i);
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        result += li_tensor_elements(li_node_output(net, node, i));
    }
    switch (li_operation_rows[node->row].builtin) {
    case LI_OP_CONV_2D:
    case LI_OP_FULLY_CONNECTED:
        each = work_of_filter(net, node, 0);
        break;
    case LI_OP_DEPTHWISE_CONV_2D:
        each = work_of_filter(net, node, 3);
        break;
    case LI_OP_TRANSPOSE_CONV:    /* every element of the input meets every tap of every output channel */
        return li_size_add(li_size_mul(work_of_operand(net, node, 2), work_of_filter(net, node, 3)), result + elements);
    case LI_OP_BATCH_MATMUL: {
        const li_tensor *in = li_node_input(net, node, 0);
        for (uint32_t i = in->rank < 2 ? 0 : in->rank - 2u; i < in->rank; i++) {
            each = (uint64_t)in->dims[i] > each ? (uint64_t)in->dims[i] : each;    /* one of the two is summed over */
        }
        break;
    }
    case LI_OP_AVERAGE_POOL_2D:
    case LI_OP_MAX_POOL_2D:
        each = work_of_window(net, node);
        break;
    default:
        break;
    }
    return li_size_add(li_size_mul(result, each), elements);
}

static inline uint64_t work_of_net(const li_net *net)
{
    uint64_t work = 0;
    for (uint32_t i = 0; i < net->node_count; i++) {
        work = li_size_add(work, work_of(net, li_node_record(net, i)));
    }
    return work;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "li_window.h"

/* Everything below 2^30, so that start + k * dilation stays inside 32 bits for every tap that is evaluated. */
enum { LI_WINDOW_LIMIT = 1 << 30 };

static li_status li_window_axis(li_net *net, const li_node *node, const li_tensor *input, int32_t size, int32_t filter,
                                int32_t stride, int32_t dilation, int32_t padding, int32_t *out, int32_t *before)
{
    int64_t extent, total, count;
    if (filter < 1 || stride < 1 || dilation < 1)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_STRIDE, node, input, 1, filter < 1 ? filter : stride < 1 ? stride : dilation);
    extent = (int64_t)(filter - 1) * dilation + 1;
    if (extent > LI_WINDOW_LIMIT || stride > LI_WINDOW_LIMIT || size > LI_WINDOW_LIMIT)
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, input, LI_WINDOW_LIMIT, extent > size ? extent : size);
    if (padding == LI_PADDING_SAME) {
        count = ((int64_t)size + stride - 1) / stride;
        total = (count - 1) * stride + extent - size;
        if (total < 0 || count == 0) total = 0;
    } else if (padding == LI_PADDING_VALID) {
        if (extent > size) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, input, extent, size);
        count = ((int64_t)size - extent + stride) / stride;
        total = 0;
    } else {
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, input, LI_PADDING_VALID, padding);
    }
    *out = (int32_t)count;
    *before = (int32_t)(total / 2);
    return LI_OK;
}

li_status li_window_place(li_net *net, const li_node *node, const li_tensor *input, int32_t padding, li_window *w)
{
    w->batches = input->dims[0];
    w->in_h = input->dims[1];
    w->in_w = input->dims[2];
    LI_TRY(li_window_axis(net, node, input, w->in_h, w->filter_h, w->stride_h, w->dilation_h, padding, &w->out_h, &w->pad_top));
    return li_window_axis(net, node, input, w->in_w, w->filter_w, w->stride_w, w->dilation_w, padding, &w->out_w, &w->pad_left);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SLICE and STRIDED_SLICE: a view of the input. The box must be known while planning. */
#include "li_view.h"

/* What a decoded operator takes: output dimension d has dims[d] elements, steps[d] elements of the input apart. A rank above
   the limit is refused with the shape; its dimensions are not kept. */
typedef struct li_box {
    uint32_t rank;
    int64_t dims[LI_MAX_RANK];
    int32_t steps[LI_MAX_RANK];
    int64_t start;
} li_box;

static li_status li_slice_decode(li_net *net, const li_node *node, li_box *box)
{
    const li_tensor *input = li_node_input(net, node, 0), *begin = li_node_input(net, node, 1), *size = li_node_input(net, node, 2);
    int64_t begins[LI_MAX_RANK], sizes[LI_MAX_RANK];
    int32_t steps[LI_MAX_RANK];
    uint32_t count, sized, d;

    LI_TRY(li_known_ints(net, node, begin, begins, LI_MAX_RANK, &count));
    LI_TRY(li_known_ints(net, node, size, sizes, LI_MAX_RANK, &sized));
    if (count != input->rank) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, begin, input->rank, count);
    if (sized != input->rank) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, size, input->rank, sized);
    li_view_steps(input, steps);
    box->rank = input->rank;
    box->start = 0;
    for (d = 0; d < input->rank; ++d) {
        const int64_t whole = input->dims[d];
        if (begins[d] < 0 || begins[d] > whole)
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, begin, whole, begins[d]);
        if (sizes[d] < -1 || sizes[d] > whole - begins[d])
            return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, size, whole - begins[d], sizes[d]);
        box->dims[d] = sizes[d] == -1 ? whole - begins[d] : sizes[d];
        box->steps[d] = steps[d];
        box->start += begins[d] * steps[d];
    }
    return LI_OK;
}

/* One entry of STRIDED_SLICE's operands, and the bits of its masks. */
typedef struct li_stride_entry {
    int64_t begin, end, stride;
    bool from_edge, to_edge, one, offset;
} li_stride_entry;

static int64_t li_stride_clamp(int64_t at, int64_t size, int64_t stride)
{
    const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
    if (at < 0) at += size;
    return at < low ? low : at > high ? high : at;
}

/* The first index and the number of indices that an entry takes of a dimension of `size`. */
static li_status li_stride_range(li_net *net, const li_node *node, const li_stride_entry *entry, int64_t size, int64_t *first, int64_t *count)
{
    const int64_t stride = entry->one ? 1 : entry->stride;
    const int64_t begin = entry->from_edge ? (stride > 0 ? 0 : size - 1) : li_stride_clamp(entry->begin, size, stride);
    int64_t end = entry->end;

    *first = begin;
    *count = 1;
    if (entry->one) {
        if (begin < size) return LI_OK;
        return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_VALUE, node, li_node_input(net, node, 1), size, entry->begin);
    }
    if (entry->offset) end += begin;
    end = entry->to_edge ? (stride > 0 ? size : -1) : li_stride_clamp(end, size, stride);
    if (stride > 0) *count = end > begin ? (end - begin + stride - 1) / stride : 0;
    else *count = begin > end ? (begin - end - stride - 1) / -stride : 0;
    return LI_OK;
}

typedef struct li_stride_masks {
    uint32_t begin, end, ellipsis, new_axis, shrink;
    bool offset;
} li_stride_masks;

static li_stride_masks li_stride_masks_of(const li_net *net, const li_node *node)
{
    li_stride_masks m;
    m.begin = (uint32_t)li_option_i32(net, node, LI_SLOT_StridedSliceOptions_begin_mask, 0);
    m.end = (uint32_t)li_option_i32(net, node, LI_SLOT_StridedSliceOptions_end_mask, 0);
    m.ellipsis = (uint32_t)li_option_i32(net, node, LI_SLOT_StridedSliceOptions_ellipsis_mask, 0);
    m.new_axis = (uint32_t)li_option_i32(net, node, LI_SLOT_StridedSliceOptions_new_axis_mask, 0);
    m.shrink = (uint32_t)li_option_i32(net, node, LI_SLOT_StridedSliceOptions_shrink_axis_mask, 0);
    m.offset = li_option_i8(net, node, LI_SLOT_StridedSliceOptions_offset, 0) != 0;
    return m;
}

static void li_box_add(li_box *box, int64_t size, int64_t step)
{
    if (box->rank < LI_MAX_RANK) {
        box->dims[box->rank] = size;
        /* A step is used only between elements that exist, and then fits. */
        box->steps[box->rank] = size > 1 ? (int32_t)step : 0;
    }
    ++box->rank;
}

/* begin, end and strides are known, and have one element per entry. */
static li_status li_stride_count(li_net *net, const li_node *node, uint32_t *count)
{
    enum { MOST = LI_MAX_RANK * 2 };    /* every dimension of the input, and as many new ones as an output can have */
    uint32_t i, other;
    LI_TRY(li_known_count(net, node, li_node_input(net, node, 1), MOST, count));
    for (i = 2; i < 4; ++i) {
        const li_tensor *operand = li_node_input(net, node, i);
        LI_TRY(li_known_count(net, node, operand, MOST, &other));
        if (other != *count) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, operand, *count, other);
    }
    return LI_OK;
}

/* The entries [0, count) against the input's dimensions; without an ellipsis the dimensions left over are whole. */
LI_NOT_INLINE static li_status li_strided_slice_walk(li_net *net, const li_node *node, const li_stride_masks *m, uint32_t count,
                                                     uint32_t skipped, li_box *box)
{
    const li_tensor *input = li_node_input(net, node, 0);
    int32_t steps[LI_MAX_RANK];
    uint32_t i, d = 0, whole;

    li_view_steps(input, steps);
    box->rank = 0;
    box->start = 0;
    for (i = 0; i <= count; ++i) {
        const bool fills = i == count || (m->ellipsis >> i & 1u) != 0;
        if (fills) {
            for (whole = i == count ? input->rank - d : skipped; whole > 0; --whole, ++d) li_box_add(box, input->dims[d], steps[d]);
        } else if ((m->new_axis >> i & 1u) != 0) {
            li_box_add(box, 1, 0);
        } else {
            const int64_t stride = li_known_int(net, li_node_input(net, node, 3), i);
            const li_stride_entry entry = { li_known_int(net, li_node_input(net, node, 1), i),
                                            li_known_int(net, li_node_input(net, node, 2), i), stride, (m->begin >> i & 1u) != 0,
                                            (m->end >> i & 1u) != 0, (m->shrink >> i & 1u) != 0, m->offset };
            int64_t first, taken;
            if (stride == 0) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_STRIDE, node, li_node_input(net, node, 3), 1, 0);
            LI_TRY(li_stride_range(net, node, &entry, input->dims[d], &first, &taken));
            if (taken > 0) box->start += first * steps[d];
            if (!entry.one) li_box_add(box, taken, stride * steps[d]);
            ++d;
        }
    }
    return LI_OK;
}

static li_status li_strided_slice_decode(li_net *net, const li_node *node, li_box *box)
{
    const li_tensor *input = li_node_input(net, node, 0);
    const li_stride_masks m = li_stride_masks_of(net, node);
    uint32_t count, i, taking = 0, ellipses = 0;

    LI_TRY(li_stride_count(net, node, &count));
    for (i = 0; i < count; ++i) {
        const bool fills = (m.ellipsis >> i & 1u) != 0;
        ellipses += fills;
        taking += !fills && (m.new_axis >> i & 1u) == 0;
    }
    if (ellipses > 1) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPTION_RANGE, node, NULL, 1, ellipses);
    if (taking > input->rank) return li_fail(net, LI_BAD_MODEL, LI_RULE_OPERAND_SHAPE, node, li_node_input(net, node, 1), input->rank, taking);
    return li_strided_slice_walk(net, node, &m, count, input->rank - taking, box);
}

static li_status li_box_plan(li_net *net, li_node *node, const li_box *box)
{
    li_tensor *output = li_node_output(net, node, 0);
    LI_TRY(li_set_shape(net, node, output, box->rank, box->dims));
    LI_TRY(li_need_moved(net, node, li_node_input(net, node, 0), output));
    node->state_bytes = sizeof(li_view);
    return LI_OK;
}

static void li_box_prepare(li_net *net, const li_node *node, const li_box *box)
{
    const li_tensor *output = li_node_output(net, node, 0);
    const uint32_t element = (uint32_t)li_type_bytes(output->type);
    li_view_make(li_node_state(net, node), output->rank, output->dims, box->steps, (uint32_t)box->start, element);
}

li_status li_slice_plan(li_net *net, li_node *node)
{
    li_box box;
    LI_TRY(li_slice_decode(net, node, &box));
    return li_box_plan(net, node, &box);
}

void li_slice_prepare(li_net *net, const li_node *node)
{
    li_box box;
    if (li_slice_decode(net, node, &box) == LI_OK) li_box_prepare(net, node, &box);
}

li_status li_slice_run(li_net *net, const li_node *node)
{
    const void *x = li_tensor_data(li_node_input(net, node, 0));
    li_view_copy(net, node, li_tensor_data(li_node_output(net, node, 0)), x, li_node_state_const(net, node));
    return LI_OK;
}

li_status li_strided_slice_plan(li_net *net, li_node *node)
{
    li_box box;
    LI_TRY(li_strided_slice_decode(net, node, &box));
    return li_box_plan(net, node, &box);
}

void li_strided_slice_prepare(li_net *net, const li_node *node)
{
    li_box box;
    if (li_strided_slice_decode(net, node, &box) == LI_OK) li_box_prepare(net, node, &box);
}

li_status li_strided_slice_run(li_net *net, const li_node *node)
{
    return li_slice_run(net, node);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SHAPE: the dimensions of its input, whose elements it does not read. */
#include "li_ops.h"

li_status li_shape_plan(li_net *net, li_node *node)
{
    const int64_t rank = li_node_input(net, node, 0)->rank;
    return li_set_shape(net, node, li_node_output(net, node, 0), 1, &rank);
}

/* Nothing to prepare. */
void li_shape_prepare(li_net *net, const li_node *node)
{
    (void)net;
    (void)node;
}

li_status li_shape_run(li_net *net, const li_node *node)
{
    const li_tensor *input = li_node_input(net, node, 0), *output = li_node_output(net, node, 0);
    const size_t element = li_type_bytes(output->type);
    char *out = li_tensor_data(output);
    uint32_t d;
    for (d = 0; d < input->rank; ++d) {
        const int64_t dim = input->dims[d];
        li_copy(out + d * element, &dim, element);    /* little endian: li_config.h */
    }
    return LI_OK;
}

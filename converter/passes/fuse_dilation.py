"""Turns a convolution on interleaved images into one dilated convolution."""

from __future__ import annotations

import numpy as np

from ..ir.graph import Graph, Node, OptionValue, Value, with_options
from ..ops.space import blocks_of
from .geometry import windows
from .manager import Context, Pass
from .rewrite import only_reader, same_representation

DILATING = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


class FuseDilation(Pass):
    """Turns a convolution on interleaved images into one dilated convolution.

    SPACE_TO_BATCH_ND, CONV_2D or DEPTHWISE_CONV_2D with stride 1, BATCH_TO_SPACE_ND of the same blocks, each read by
    the next alone, become PAD and the convolution with VALID and its dilation times the blocks. Every d-th element of
    the padded image is in one of the images in between, so output o reads the elements o + k·d: the same sums.

    1. What BATCH_TO_SPACE_ND crops at an end is padded less there. Where it crops more than was padded, all stays.
    2. A convolution with SAME pads each image in between, which is d times as much of the whole.
    """

    name = "fuse_dilation"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            if node.op != "SPACE_TO_BATCH_ND" or len(node.input(0).shape) != 4:
                continue
            context.at(node)
            refusal = _fuse(graph, node)
            if refusal is None:
                context.applied(node)
            else:
                context.rejected(node, refusal)


def _fuse(graph: Graph, node: Node) -> str | None:
    """The reason when it does not apply."""
    readers = graph.consumers()
    convolution = only_reader(graph, readers, node.output)
    if convolution is None or convolution.op not in DILATING or convolution.input(0) is not node.output:
        return "no convolution alone reads it"
    back = only_reader(graph, readers, convolution.output)
    if back is None or back.op != "BATCH_TO_SPACE_ND":
        return f"no BATCH_TO_SPACE_ND alone reads {convolution.op} {convolution.name!r}"
    if any(value.data is None for reader in (node, back) for value in (reader.input(1), reader.input(2))):
        return "blocks or paddings are not constant"
    (blocks, padded), (blocks_back, cropped) = blocks_of(node), blocks_of(back)
    window = windows(convolution)
    if blocks != blocks_back or any(one.stride != 1 for one in window):
        return f"{convolution.op} {convolution.name!r} has a stride, or the blocks differ"
    source = node.input(0)
    if not same_representation(source, node.output) or not same_representation(convolution.output, back.output):
        return "it changes the quantization"
    paddings = np.zeros((4, 2), np.int32)
    for i, (one, block) in enumerate(zip(window, blocks, strict=True)):
        own = one.same_padding(node.output.shape[1 + i]) if convolution.options["padding"] == "SAME" else (0, 0)  # 2
        paddings[1 + i] = [padded[i][end] + own[end] * block - cropped[i][end] for end in (0, 1)]  # 1
    if paddings.min() < 0:
        return "more is cropped than was padded"
    _rewrite(graph, node, convolution, back, paddings)
    return None


def _rewrite(
    graph: Graph, node: Node, convolution: Node, back: Node, paddings: np.ndarray[tuple[int, int], np.dtype[np.int32]]
) -> None:
    source = node.input(0)
    rows, columns = windows(convolution)
    block_h, block_w = blocks_of(node)[0]
    if paddings.any():
        shape = tuple(size + int(ends.sum()) for size, ends in zip(source.shape, paddings, strict=True))
        wide = Value(graph.unique_name(f"{source.name}_padded"), shape, source.dtype, source.quantization)
        operand = graph.constant(f"{wide.name}/paddings", paddings)
        graph.insert_before(node, Node("PAD", [source, operand], [wide], {}, node.name))
        source = wide
    changes: dict[str, OptionValue] = {
        "padding": "VALID",
        "dilation_h_factor": rows.dilation * block_h,
        "dilation_w_factor": columns.dilation * block_w,
    }
    convolution.options = with_options(convolution, changes)
    convolution.inputs[0] = source
    convolution.outputs = [back.output]
    graph.remove([node, back])

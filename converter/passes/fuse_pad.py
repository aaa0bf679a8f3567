"""Lets operators do the padding before them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..ir.graph import Graph, Node
from .bounds import bounds
from .geometry import windows
from .manager import Context, Pass
from .rewrite import only_reader, same_representation

PADDABLE = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"})


class FusePad(Pass):
    """Lets operators do the padding before them.

    1. PAD of a PAD that nothing else reads becomes one PAD.
    2. PAD before CONV_2D or DEPTHWISE_CONV_2D with VALID becomes SAME, when it adds exactly what SAME stands for
       (`geometry.py`); PyTorch's symmetric padding at stride 2 is not that, and stays.
    3. The same before MAX_POOL_2D of values that are never negative: a zero never exceeds the window's maximum.
    """

    name = "fuse_pad"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            if node.op != "PAD" and node.op not in PADDABLE:
                continue
            context.at(node)
            pad = graph.producers().get(node.input(0))
            if pad is None or pad.op != "PAD" or not same_representation(pad.input(0), pad.output):
                continue
            if _paddings(pad) is None:
                continue
            refusal = _merge(graph, node, pad) if node.op == "PAD" else _fuse(graph, node, pad)
            if refusal is None:
                context.applied(pad)
            else:
                context.rejected(pad, refusal)


def _paddings(pad: Node) -> npt.NDArray[np.int64] | None:
    """Elements before and after, [rank, 2]; None when not constant."""
    data = pad.input(1).data
    return None if data is None else data.astype(np.int64).reshape(-1, 2)


def _merge(graph: Graph, node: Node, pad: Node) -> str | None:
    """Case 1. The reason when it does not apply."""
    inner, outer = _paddings(pad), _paddings(node)
    if inner is None or outer is None:
        return "the paddings are not constant"
    if only_reader(graph, graph.consumers(), pad.output) is None:
        return "others read it as well"
    node.inputs = [pad.input(0), graph.constant(node.input(1).name, (inner + outer).astype(np.int32))]
    graph.remove([pad])
    return None


def _fuse(graph: Graph, node: Node, pad: Node) -> str | None:
    """Cases 2 and 3. The reason when neither applies."""
    paddings = _paddings(pad)
    source = pad.input(0)
    if paddings is None or len(source.shape) != 4 or node.options["padding"] != "VALID":
        return f"{node.op} {node.name!r} pads by itself"
    if np.any(paddings[0]) or np.any(paddings[3]):
        return "it pads the batch or the channels"
    if node.op == "MAX_POOL_2D" and bounds(source, graph.producers())[0] < 0:
        return f"{node.op} {node.name!r} would not see the zeros, and its input may be negative"
    for window, length, padding in zip(windows(node), source.shape[1:3], paddings[1:3], strict=True):
        before, after = (int(n) for n in padding)
        padded = length + before + after
        if (before, after) != window.same_padding(length) or window.extent(padded, "VALID") != window.extent(
            length, "SAME"
        ):
            return f"{before} before and {after} after is not what SAME stands for at {node.op} {node.name!r}"
    node.inputs[0] = source
    node.options["padding"] = "SAME"
    if not graph.consumers().get(pad.output) and not any(pad.output is value for value in graph.outputs):
        graph.remove([pad])
    return None

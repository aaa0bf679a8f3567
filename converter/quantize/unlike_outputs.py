"""Finds concatenations of unlike ranges at the graph's float32 outputs, boxes in pixels beside scores for example.

In int8 such an output has one scale, and the widest part sets it. The output is float32 in any case, so its parts can
as well be dequantized one by one, each with a scale of its own, and joined as floats: no more work, nothing lost.
"""

from __future__ import annotations

from ..ir.graph import Graph, Node
from ..ir.judged import MOVING
from ..ir.ranges import Ranges
from ..ir.types import DType
from .scheme import Scheme

#: Ranges of parts that differ by less than this factor may share a scale: two bits of eight at most are lost.
UNLIKE = 4.0
REASON = "its parts have unlike ranges, and its output is float32"


def unlike_outputs(graph: Graph, scheme: Scheme, ranges: Ranges) -> dict[str, str]:
    """By the name of their output: the concatenations, and what moves their elements to a graph output; and why."""
    found: dict[str, str] = {}
    readers = graph.consumers()
    for node in graph.nodes:
        if node.op != "CONCATENATION" or node not in scheme.int8_nodes or not _are_unlike(node, ranges):
            continue
        path = [node]
        while path[-1].output not in graph.outputs:
            following = readers[path[-1].output]
            if len(following) != 1 or following[0].op not in MOVING or following[0] not in scheme.int8_nodes:
                break
            path.append(following[0])
        last = path[-1].output
        if last in graph.outputs and last.dtype is DType.FLOAT32 and not readers[last]:
            found.update((step.output.name, REASON) for step in path)
    return found


def _are_unlike(node: Node, ranges: Ranges) -> bool:
    spans = []
    for value in node.inputs:
        seen = ranges.by_name.get(value.name) if value is not None else None
        if seen is not None:
            spans.append(max(seen.high, 0.0) - min(seen.low, 0.0))
    return len(spans) > 1 and max(spans) > UNLIKE * min(spans)

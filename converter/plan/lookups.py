"""Look-ups in tables, which the runtime joins to one node (csrc/src/li_lookup.c): what lies between needs no memory.

A look-up is QUANTIZE from int8 to uint8 (the codes + 128), CAST to int32 and GATHER from 256 int8 constants, one right
after the other, where nothing else reads what lies between.
"""

from __future__ import annotations

from ..ir.graph import Graph, Node
from ..ir.types import DType

ENTRIES = 256


def joined_lookups(graph: Graph) -> tuple[list[Node], dict[Node, tuple[Node, ...]]]:
    """The nodes with a stand-in for each look-up, from its codes to its result; and what each stand-in stands for."""
    readers = graph.consumers()
    nodes: list[Node] = []
    parts: dict[Node, tuple[Node, ...]] = {}
    for node in graph.nodes:
        nodes.append(node)
        if node.op != "GATHER" or len(nodes) < 3:
            continue
        quantize, cast, gather = nodes[-3:]
        chained = quantize.op == "QUANTIZE" and cast.op == "CAST" and _is_lookup(quantize, cast, gather)
        between = (quantize.output, cast.output) if chained else ()
        if chained and not any(len(readers[v]) > 1 or v in graph.outputs for v in between):
            stand_in = Node("GATHER", [quantize.input(0)], [gather.output], {}, gather.name)
            parts[stand_in] = (quantize, cast, gather)
            nodes[-3:] = [stand_in]
    return nodes, parts


def with_lookups(nodes: list[Node], parts: dict[Node, tuple[Node, ...]]) -> list[Node]:
    """The nodes with the look-ups themselves instead of their stand-ins."""
    return [part for node in nodes for part in parts.get(node, (node,))]


def _is_lookup(quantize: Node, cast: Node, gather: Node) -> bool:
    codes, shifted, table = quantize.input(0), quantize.output, gather.input(0)
    if cast.input(0) is not shifted or gather.input(1) is not cast.output or cast.output.dtype is not DType.INT32:
        return False
    if codes.dtype is not DType.INT8 or shifted.dtype is not DType.UINT8:
        return False
    before, after = codes.quantization, shifted.quantization
    if before is None or after is None or before.scales != after.scales or not before.is_per_tensor:
        return False
    if after.zero_point - before.zero_point != 128:
        return False
    return table.is_constant and table.dtype is DType.INT8 and table.shape == (ENTRIES,)

"""Operands of the operators with weights, in whatever order the wire format has them."""

from __future__ import annotations

from functools import cache

from ..gen.ops import OPS
from .graph import Graph, Node, Value

#: The operators whose output is linear in the input before the fused activation.
WEIGHTED = tuple(name for name, spec in OPS.items() if spec.quantize == "weights")


@cache
def position_of(op: str, operand: str) -> int:
    """Where an operator has its "input", "filter" or "bias". Raises ValueError for an operator without weights."""
    return [spec.name for spec in OPS[op].inputs].index(operand)


def source_of(node: Node) -> Value:
    """The activation that the weights are applied to."""
    return node.input(position_of(node.op, "input"))


def filter_of(node: Node) -> Value:
    return node.input(position_of(node.op, "filter"))


def bias_of(node: Node) -> Value | None:
    return node.optional(position_of(node.op, "bias"))


def stored_constants(graph: Graph) -> set[Value]:
    """Constants that the graph keeps in fewer bits: the results of DEQUANTIZE of constants."""
    return {node.output for node in graph.nodes if node.op == "DEQUANTIZE" and node.input(0).is_constant}

"""Writes functions as products, which have an int8 form that runtimes agree on."""

from __future__ import annotations

import numpy as np

from ..ir.graph import Graph, Node, Value
from ..ir.types import DType
from .manager import Context, Pass
from .rewrite import activation, float_constant


class ReplaceFunctions(Pass):
    """Writes functions of float32 values as products.

    The quantizer would keep them in float32: LiteRT refuses SQUARE of int8, disregards scales in NEG, and answers
    arbitrary codes in DIV.

    1. SQUARE: the product of the value with itself, to the bit.
    2. NEG: the product with -1, to the bit.
    3. DIV by a constant without zeros whose reciprocals are normal numbers: the product with those, within a rounding.
    """

    name = "replace_functions"

    def run(self, graph: Graph, context: Context) -> None:
        for node in graph.nodes:
            is_float = len(node.outputs) == 1 and node.output.dtype is DType.FLOAT32
            factor = _factor(graph, node) if is_float else None
            if factor is None:
                continue
            node.options = {"fused_activation_function": activation(node)}
            node.op, node.inputs = "MUL", [node.inputs[0], factor]
            context.applied(context.at(node))


def _factor(graph: Graph, node: Node) -> Value | None:
    """What input 0 is multiplied with, None where the node is something else."""
    if node.op == "SQUARE":  # 1
        return node.input(0)
    if node.op == "NEG":  # 2
        return graph.constant(f"{node.output.name}/sign", np.array(-1, np.float32))
    if node.op == "DIV":  # 3
        divisor = float_constant(node.input(1))
        if divisor is None or node.input(0).is_constant or not np.all(divisor):
            return None
        with np.errstate(over="ignore"):
            reciprocal = (1.0 / divisor).astype(np.float32)
        limits = np.finfo(np.float32)
        if np.all((np.abs(reciprocal) >= limits.tiny) & (np.abs(reciprocal) <= limits.max)):
            return graph.constant(f"{node.input(1).name}/reciprocal", reciprocal)
    return None

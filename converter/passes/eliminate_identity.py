"""Removes operators that give back their input."""

from __future__ import annotations

import numpy as np

from ..ir.graph import Graph, Node, Value, option_int
from ..ir.types import DType
from ..ops.slice import entries_of
from .bounds import ACTIVATION_BOUNDS, bounds
from .manager import Context, Pass
from .rewrite import (
    RESHAPES,
    activation,
    bypass,
    constant_operand,
    identity,
    only_reader,
    same_representation,
    transpose_permutation,
)


class EliminateIdentity(Pass):
    """Removes operators that give back their input, with the same element type and quantization.

    1. RESHAPE, SQUEEZE, EXPAND_DIMS to the shape that the input has; TRANSPOSE that keeps the axes.
    2. ADD of 0 and MUL by 1 (float32, constant operand, no activation).
    3. PAD by nothing; SLICE and STRIDED_SLICE of all; CONCATENATION of one; pooling with a 1x1 window and stride 1.
    4. RELU, RELU6, RELU_N1_TO_1 of a value known to lie within their range.
    5. RELU whose only reader is RELU6: the second implies the first.
    6. QUANTIZE to the type and quantization that the input has.
    """

    name = "eliminate_identity"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            if len(node.outputs) != 1 or not node.inputs or node.inputs[0] is None:
                continue
            context.at(node)
            equal = _gives_back_input(graph, node)
            if not equal and not _is_implied(graph, node):
                continue
            if node.input(0).is_constant:
                continue  # fold_constants takes it
            if bypass(graph, node, equal=equal):
                context.applied(node)
            else:
                context.rejected(node, "it joins a graph input or output to another graph output")


def _gives_back_input(graph: Graph, node: Node) -> bool:
    source, result = _data_operand(node), node.output
    if source is None or source.shape != result.shape or not same_representation(source, result):
        return False
    if node.op in RESHAPES or node.op == "QUANTIZE":  # 1, 6
        return True
    if node.op == "TRANSPOSE":  # 1
        return transpose_permutation(node) == identity(len(source.shape))
    if node.op in ("ADD", "MUL"):  # 2
        return activation(node) == "NONE"
    if node.op == "PAD":  # 3
        paddings = node.input(1).data
        return paddings is not None and not np.any(paddings)
    if node.op == "SLICE":  # 3
        return True
    if node.op == "STRIDED_SLICE":  # 3
        return all(entry.stride == 1 for entry in entries_of(node))
    if node.op == "CONCATENATION":  # 3
        return len(node.inputs) == 1 and activation(node) == "NONE"
    if node.op in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):  # 3
        sizes = ("filter_height", "filter_width", "stride_h", "stride_w")
        return all(option_int(node, size) == 1 for size in sizes) and activation(node) == "NONE"
    if node.op in ("RELU", "RELU6", "RELU_N1_TO_1"):  # 4
        low, high = bounds(source, graph.producers())
        own_low, own_high = ACTIVATION_BOUNDS[node.op]
        return low >= own_low and high <= own_high
    return False


def _data_operand(node: Node) -> Value | None:
    """The operand that the result would equal; of ADD and MUL the one beside a neutral constant, moved to the front."""
    if node.op not in ("ADD", "MUL"):
        return node.input(0)
    split = constant_operand(node)
    if split is None:
        return None
    computed, constant = split
    if not np.all(constant == (0.0 if node.op == "ADD" else 1.0)):
        return None
    if node.input(0) is not computed:
        node.inputs = [node.inputs[1], node.inputs[0]]
    return computed


def _is_implied(graph: Graph, node: Node) -> bool:
    """Case 5."""
    if node.op != "RELU" or node.output.dtype is not DType.FLOAT32:
        return False
    reader = only_reader(graph, graph.consumers(), node.output)
    return reader is not None and reader.op == "RELU6"

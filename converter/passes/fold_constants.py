"""Computes at conversion what does not depend on the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir.executor import evaluate
from ..ir.graph import Graph, Node, Value
from ..ir.types import DType
from .manager import Context, Pass
from .rewrite import RESHAPES, is_output, transpose_permutation

#: Folding may multiply the bytes of a node's constants by this (int8 weights behind DEQUANTIZE grow fourfold) …
GROWTH = 4
#: … and small constants may grow to this many bytes whatever they come from.
SMALL_BYTES = 64 * 1024


class FoldConstants(Pass):
    """Replaces operators on constants by their results.

    1. Data movement (RESHAPE, TRANSPOSE, …) and float16 to float32 are exact, and done in numpy.
    2. Anything else runs on the executor, all such operators in one graph, so that there is one arithmetic.

    An operator stays when its result is a graph output, when it has variables or no inputs, and when the result would
    grow the file: more than GROWTH times its constants and more than SMALL_BYTES.
    """

    name = "fold_constants"

    def run(self, graph: Graph, context: Context) -> None:
        known: set[int] = set()
        folded: list[Node] = []
        for node in graph.nodes:
            if not _has_constant_inputs(node, known) or any(is_output(graph, value) for value in node.outputs):
                continue
            context.at(node)
            if _grows(node):
                context.rejected(node, f"its result of {_output_bytes(node)} bytes would be larger than its constants")
                continue
            if context.executor is None and not _can_move(node):
                context.rejected(node, "there is no executor to compute it")
                continue
            folded.append(node)
            known.update(id(value) for value in node.outputs)
        rest = [node for node in folded if not _fold_by_moving(node)]  # 1
        if rest:
            _fold_by_running(graph, context, rest)  # 2
        for node in folded:
            context.applied(node)
        graph.remove(folded)


def _has_constant_inputs(node: Node, known: set[int]) -> bool:
    operands = [value for value in node.inputs if value is not None]
    if not operands or not node.outputs or any(value.is_variable for value in operands):
        return False
    if any(value.elements == 0 for value in node.outputs):
        return False  # a file cannot hold such a constant
    return all(value.is_constant or id(value) in known for value in operands)


def _output_bytes(node: Node) -> int:
    return sum(value.size_bytes for value in node.outputs)


def _grows(node: Node) -> bool:
    input_bytes = sum(value.size_bytes for value in node.inputs if value is not None)
    return _output_bytes(node) > max(GROWTH * input_bytes, SMALL_BYTES)


def _can_move(node: Node) -> bool:
    if node.op in RESHAPES or node.op == "TRANSPOSE":
        return True
    return node.op == "DEQUANTIZE" and node.input(0).dtype is DType.FLOAT16


def _fold_by_moving(node: Node) -> bool:
    """Turn the output into a constant in numpy. False when the operator computes, or its input is still to be run."""
    data = node.input(0).data
    if data is None or not _can_move(node):
        return False
    if node.op == "TRANSPOSE":
        permutation = transpose_permutation(node)
        if permutation is None:
            return False
        _set(node.output, np.transpose(data, permutation))
    elif node.op == "DEQUANTIZE":
        _set(node.output, data.astype(np.float32))
    else:
        _set(node.output, data)
    return True


def _fold_by_running(graph: Graph, context: Context, nodes: list[Node]) -> None:
    if context.executor is None:
        raise ValueError("an operator on constants needs an executor")
    results = [value for node in nodes for value in node.outputs]
    arrays = evaluate(context.executor, Graph(list(nodes), [], results, name=graph.name), _NO_INPUTS)
    for value, array in zip(results, arrays, strict=True):
        _set(value, array)


_NO_INPUTS: Mapping[str, npt.NDArray[Any]] = {}


def _set(value: Value, array: npt.NDArray[Any]) -> None:
    value.data = np.ascontiguousarray(array).reshape(value.shape)

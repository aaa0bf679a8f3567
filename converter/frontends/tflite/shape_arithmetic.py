"""Integers that follow from shapes: SHAPE and what is computed of its result, as files with open dimensions have it.

All shapes are fixed at conversion, so these numbers are constants, and operators such as RESHAPE need them as such.
They are few and exact; the executor cannot compute them, since it needs the shapes that depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...ir.graph import Graph, Node, Value
from ...ir.rules import int_option, normal_axis
from ...ir.types import DType, Shape
from ...ops.slice import entries_of

_Array = npt.NDArray[Any]
_INTEGERS = (DType.INT32, DType.INT64)


def shape_nodes(graph: Graph) -> set[Node]:
    """The nodes whose results follow from shapes and constants alone, unless they are outputs of the graph."""
    found: set[Node] = set()
    derived: set[Value] = set()
    for node in graph.nodes:
        known = node.op == "SHAPE" or (
            node.op in _RESULTS and all(value is None or value.is_constant or value in derived for value in node.inputs)
        )
        from_shape = node.op == "SHAPE" or any(value in derived for value in node.inputs)
        integers = all(value.dtype in _INTEGERS and value not in graph.outputs for value in node.outputs)
        if known and from_shape and integers and len(node.outputs) == 1:
            found.add(node)
            derived.add(node.output)
    return found


def fold_shape(node: Node, shape: Shape) -> None:
    """Make the result of one of `shape_nodes` a constant of this shape. Raises ValueError where it is undefined."""
    if node.op == "SHAPE":
        result: _Array = np.array(node.input(0).shape)
    else:
        result = _RESULTS[node.op](node, [np.asarray(value.data) for value in node.inputs if value is not None])
    node.output.shape = shape
    node.output.data = np.ascontiguousarray(result, node.output.dtype.numpy).reshape(shape)


def _slice(node: Node, operands: list[_Array]) -> _Array:
    source, begin, size = operands
    whole = zip(begin.reshape(-1), size.reshape(-1), source.shape, strict=True)
    return source[tuple(slice(first, dim if count == -1 else first + count) for first, count, dim in whole)]


def _strided_slice(node: Node, operands: list[_Array]) -> _Array:
    index: list[slice | int | None] = []
    for entry in entries_of(node):
        end = entry.first + entry.count * entry.stride
        if entry.axis is None:
            index.append(None)
        elif not entry.kept:
            index.append(entry.first)
        else:
            index.append(slice(entry.first, end if end >= 0 else None, entry.stride) if entry.count else slice(0, 0))
    return np.asarray(operands[0][tuple(index)])


def _gather(node: Node, operands: list[_Array]) -> _Array:
    if int_option(node, "batch_dims"):
        raise ValueError("batch_dims in arithmetic on shapes")
    return np.take(operands[0], operands[1], normal_axis(int_option(node, "axis"), operands[0].ndim))


def _divide(node: Node, operands: list[_Array]) -> _Array:
    """Toward zero, as LiteRT does."""
    a, b = operands
    if not b.all():
        raise ValueError("a division by 0 in arithmetic on shapes")
    return np.asarray(np.sign(a) * np.sign(b) * (abs(a) // abs(b)))


_RESULTS: Mapping[str, Callable[[Node, list[_Array]], _Array]] = {
    "ADD": lambda node, operands: np.add(*operands),
    "CAST": lambda node, operands: operands[0],
    "CONCATENATION": lambda node, operands: np.concatenate(operands, int_option(node, "axis")),
    "DIV": _divide,
    "EXPAND_DIMS": lambda node, operands: operands[0],
    "GATHER": _gather,
    "MAXIMUM": lambda node, operands: np.maximum(*operands),
    "MINIMUM": lambda node, operands: np.minimum(*operands),
    "MUL": lambda node, operands: np.multiply(*operands),
    "PACK": lambda node, operands: np.stack(operands, int_option(node, "axis")),
    "RESHAPE": lambda node, operands: operands[0],
    "SLICE": _slice,
    "SQUEEZE": lambda node, operands: operands[0],
    "STRIDED_SLICE": _strided_slice,
    "SUB": lambda node, operands: np.subtract(*operands),
}

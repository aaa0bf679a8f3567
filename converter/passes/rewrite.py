"""Edits and questions that several passes share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.types import DType, Origin, Quantization, Shape

Permutation = tuple[int, ...]
T = TypeVar("T")

#: Operators whose output holds the input's elements in the same order.
RESHAPES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})


def identity(rank: int) -> Permutation:
    return tuple(range(rank))


def compose(first: Permutation, then: Permutation) -> Permutation:
    """transpose(transpose(x, first), then) == transpose(x, compose(first, then))."""
    return tuple(first[axis] for axis in then)


def inverse(permutation: Permutation) -> Permutation:
    """transpose(transpose(x, p), inverse(p)) == x."""
    return tuple(int(axis) for axis in np.argsort(permutation))


def permuted(items: Sequence[T], permutation: Permutation) -> tuple[T, ...]:
    """The items of axes, in the order that transpose(x, permutation) gives the axes."""
    return tuple(items[axis] for axis in permutation)


def essence(shape: Shape, permutation: Permutation) -> Permutation:
    """The axes longer than 1 in their new order. Permutations of equal essence give the same order of bytes."""
    return tuple(axis for axis in permutation if shape[axis] != 1)


def moves_data(shape: Shape, permutation: Permutation) -> bool:
    """False when the transpose only moves dimensions of size 1, so that a RESHAPE does the same."""
    return essence(shape, permutation) != essence(shape, identity(len(shape)))


def transpose_permutation(node: Node) -> Permutation | None:
    """The permutation of a TRANSPOSE whose permutation is constant, axes counted from the front; else None."""
    if node.op != "TRANSPOSE" or node.input(1).data is None:
        return None
    rank = len(node.input(0).shape)
    return tuple(int(axis) % rank for axis in np.asarray(node.input(1).data).ravel())


def moved_origin(origin: Origin | None, permutation: Permutation) -> Origin | None:
    """The origin of transpose(value, permutation)."""
    if origin is None:
        return None
    axes = compose(origin.permutation or identity(len(permutation)), permutation)
    return Origin(origin.name, None if axes == identity(len(axes)) else axes)


def moved_quantization(quantization: Quantization | None, permutation: Permutation) -> Quantization | None:
    """The quantization of transpose(value, permutation)."""
    if quantization is None or quantization.is_per_tensor:
        return quantization
    return Quantization(quantization.scales, quantization.zero_points, permutation.index(quantization.axis))


def is_unary(node: Node) -> bool:
    """An elementwise operator on one tensor: a function of each element, a change of its type."""
    spec = OPS[node.op]
    one_element = spec.quantize in ("table", "keep") or spec.family in ("quantize", "compare")
    return len(spec.inputs) == 1 and one_element and len(node.inputs) == 1


def same_representation(a: Value, b: Value) -> bool:
    """Equal element type and quantization: equal bytes mean equal numbers."""
    return a.dtype is b.dtype and a.quantization == b.quantization


def activation(node: Node) -> str:
    """The fused activation, NONE where the operator has no such option."""
    return str(node.options.get("fused_activation_function", "NONE"))


def is_output(graph: Graph, value: Value) -> bool:
    return any(value is output for output in graph.outputs)


def only_reader(graph: Graph, readers: dict[Value, list[Node]], value: Value) -> Node | None:
    """The single operator that reads a value, once; None when there are more, none, or it is a graph output."""
    reading = readers.get(value, [])
    return reading[0] if len(reading) == 1 and not is_output(graph, value) else None


def float_constant(value: Value | None) -> npt.NDArray[np.float64] | None:
    """The elements of a float32 constant in float64, or None for anything else."""
    if value is None or value.data is None or value.dtype is not DType.FLOAT32:
        return None
    return value.data.astype(np.float64)


def constant_operand(node: Node) -> tuple[Value, npt.NDArray[np.float64]] | None:
    """Of a float32 two-operand node, the computed operand and the constant one; None unless it has one of each."""
    if len(node.inputs) != 2:
        return None
    for i in (0, 1):
        computed, constant = node.input(i), float_constant(node.input(1 - i))
        if constant is not None and not computed.is_constant and computed.dtype is DType.FLOAT32:
            return computed, constant
    return None


def per_channel(array: npt.NDArray[np.float64], channels: int) -> npt.NDArray[np.float64] | None:
    """An array that broadcasts along the last axis only, as shape (channels,); None when it varies along others."""
    if array.size == 1:
        return np.full(channels, array.reshape(()), np.float64)
    if array.size == channels and array.shape[-1] == channels:
        return array.reshape(channels)
    return None


def reshape_node(graph: Graph, source: Value, result: Value, name: str) -> Node:
    """A RESHAPE from one value to another of as many elements, its shape as an operand and as an option.

    To a scalar it is a SQUEEZE: a file cannot hold a shape operand without elements.
    """
    if not result.shape:
        return Node("SQUEEZE", [source], [result], {"squeeze_dims": tuple(range(len(source.shape)))}, name)
    shape = graph.constant(f"{result.name}/shape", np.array(result.shape, np.int32))
    return Node("RESHAPE", [source, shape], [result], {"new_shape": result.shape}, name)


def transpose_node(graph: Graph, source: Value, result: Value, permutation: Permutation, name: str) -> Node:
    """A TRANSPOSE, or a RESHAPE when only dimensions of size 1 move."""
    if not moves_data(source.shape, permutation):
        return reshape_node(graph, source, result, name)
    axes = graph.constant(f"{result.name}/permutation", np.array(permutation, np.int32))
    return Node("TRANSPOSE", [source, axes], [result], {}, name)


def transposed_constant(graph: Graph, value: Value, permutation: Permutation) -> Value:
    """A constant with its axes permuted, under a new name."""
    data: npt.NDArray[Any] = np.ascontiguousarray(np.transpose(np.asarray(value.data), permutation))
    result = graph.constant(f"{value.name}_transposed", data, moved_quantization(value.quantization, permutation))
    result.dtype = value.dtype  # INT4 is held as int8
    result.origin = moved_origin(value.origin, permutation)
    return result


def bypass(graph: Graph, node: Node, *, equal: bool = True) -> bool:
    """Let readers of a node's only output read its input 0. False when both are fixed by the graph's interface.

    Where the output is a graph output, the input's producer takes it over, so that its name stays. `equal` says that
    both values are the same, not only to these readers.
    """
    source, result = node.input(0), node.output
    if not is_output(graph, result):
        graph.remove([node])
        graph.replace_uses(result, source)
        if equal:
            source.origin = source.origin or result.origin
        return True
    producer = graph.producers().get(source)
    if producer is None or is_output(graph, source):
        return False
    producer.outputs = [result if value is source else value for value in producer.outputs]
    result.origin = result.origin or source.origin
    graph.remove([node])
    graph.replace_uses(source, result)
    return True

"""Which operators can work in another order of axes, and how. Convolutions, pools and others without a rule cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.rules import bool_option, constant_ints, int_option, normal_axis
from ..ir.types import Quantization, Shape
from .layout_movement import movement_rule
from .layout_reshape import DenseInput, Flatten, Reshape, Unflatten
from .layout_rule import IMPOSSIBLE, LayoutRule
from .rewrite import (
    Permutation,
    is_output,
    is_unary,
    moved_quantization,
    moves_data,
    permuted,
    reshape_node,
    transpose_node,
    transposed_constant,
)


class Elementwise(LayoutRule):
    """One to three operands, with broadcasting. Constants are permuted, tensors of lower rank reshaped."""

    @property
    def ports(self) -> Shape:
        return tuple(i for i, value in enumerate(self.node.inputs) if value is not None and self._is_port(value))

    def _is_port(self, value: Value) -> bool:
        return not value.is_constant and len(value.shape) == self.rank

    def cost(self, p: Permutation) -> int:
        total = 0
        for value in self.node.inputs:
            if value is not None and not value.is_constant and not self._is_port(value):
                wide = self._widened(value)
                total += value.size_bytes if moves_data(wide, p) else 0
        return total

    def _widened(self, value: Value) -> Shape:
        return (1,) * (self.rank - len(value.shape)) + value.shape

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        before: list[Node] = []
        for i, value in enumerate(self.node.inputs):
            if value is None or self._is_port(value) or value.elements == 1:
                continue
            if value.is_constant:
                self.node.inputs[i] = _widened_constant(graph, value, self._widened(value), p)
            else:
                self.node.inputs[i] = self._lifted(graph, value, p, before)
        return before

    def _lifted(self, graph: Graph, value: Value, p: Permutation, before: list[Node]) -> Value:
        wide_shape = self._widened(value)
        wide = Value(graph.unique_name(f"{value.name}_wide"), wide_shape, value.dtype, value.quantization)
        moved_name = graph.unique_name(f"{value.name}_moved")
        moved = Value(moved_name, permuted(wide_shape, p), value.dtype, value.quantization)
        if not moves_data(wide_shape, p):
            before.append(reshape_node(graph, value, moved, self.node.name))
        else:
            before.append(reshape_node(graph, value, wide, self.node.name))
            before.append(transpose_node(graph, wide, moved, p, self.node.name))
        return moved


class Concatenation(LayoutRule):
    """Joins along an axis that moves with the others; constants among the inputs are permuted."""

    @property
    def ports(self) -> Shape:
        return tuple(i for i, value in enumerate(self.node.inputs) if value is not None and not value.is_constant)

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        axis = normal_axis(int_option(self.node, "axis"), self.rank)
        self.node.options = {**self.node.options, "axis": p.index(axis)}
        for i, value in enumerate(self.node.inputs):
            if value is not None and value.is_constant:
                self.node.inputs[i] = transposed_constant(graph, value, p)
        return []


class Reduction(LayoutRule):
    """The axes move. Without keep_dims the result is not permuted, so the axes that stay must stay in order."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.moves_output = bool_option(node, "keep_dims")
        self.constrained = not self.moves_output
        self._axes = {normal_axis(axis, self.rank) for axis in constant_ints(node, 1)}

    @property
    def rank(self) -> int:
        return len(self.node.input(0).shape)

    @property
    def ports(self) -> Shape:
        return (0,)

    def cost(self, p: Permutation) -> int:
        staying = [axis for axis in p if axis not in self._axes]
        return 0 if self.moves_output or staying == sorted(staying) else IMPOSSIBLE

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        axes = sorted(p.index(axis) for axis in self._axes)
        self.node.inputs[1] = graph.constant(self.node.input(1).name, np.array(axes, np.int32))
        return []


class Search(LayoutRule):
    """The axis moves. It is dropped, so the axes that stay must stay in order."""

    moves_output = False
    constrained = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        (self._axis,) = (normal_axis(axis, self.rank) for axis in constant_ints(node, 1))

    @property
    def rank(self) -> int:
        return len(self.node.input(0).shape)

    @property
    def ports(self) -> Shape:
        return (0,)

    def cost(self, p: Permutation) -> int:
        staying = [axis for axis in p if axis != self._axis]
        return 0 if staying == sorted(staying) else IMPOSSIBLE

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        self.node.inputs[1] = graph.constant(self.node.input(1).name, np.array(p.index(self._axis), np.int32))
        return []


class LastAxis(LayoutRule):
    """Works along the last axis, which must stay there."""

    constrained = True

    @property
    def ports(self) -> Shape:
        return (0,)

    def cost(self, p: Permutation) -> int:
        return 0 if p[-1] == self.rank - 1 else IMPOSSIBLE


_RULES: Mapping[str, Callable[[Node], LayoutRule]] = {
    "ARG_MAX": Search,
    "ARG_MIN": Search,
    "CONCATENATION": Concatenation,
    "L2_NORMALIZATION": LastAxis,
    "MEAN": Reduction,
    "REDUCE_MAX": Reduction,
    "REDUCE_MIN": Reduction,
    "SOFTMAX": LastAxis,
    "SUM": Reduction,
}


def find_rule(
    graph: Graph, node: Node, producers: Mapping[Value, Node], readers: Mapping[Value, list[Node]]
) -> LayoutRule | None:
    """The rule of a node, None when its axes are fixed."""
    rule: LayoutRule | None = None
    if node.inputs[0] is None or any(v.elements == 0 for v in node.outputs):
        return None
    if all(value is None or value.is_constant for value in node.inputs):
        return None  # what makes a constant a graph output
    movement = movement_rule(node)
    if movement is not None or len(node.outputs) != 1:
        rule = movement
    elif node.op == "RESHAPE":
        rule = _reshape_rule(graph, node, producers, readers)
    elif node.op == "FULLY_CONNECTED":
        rule = DenseInput(node) if _takes_rows(node, node.input(0)) else None
    elif node.op in _RULES:
        rule = _RULES[node.op](node)
    elif is_unary(node) or OPS[node.op].broadcast:
        rule = Elementwise(node)
    return rule if rule is not None and rule.rank >= 2 else None


def _reshape_rule(
    graph: Graph, node: Node, producers: Mapping[Value, Node], readers: Mapping[Value, list[Node]]
) -> LayoutRule:
    result, source = node.output, node.input(0)
    reading = readers[result]
    if reading and not is_output(graph, result) and all(_takes_rows(r, result, source) for r in reading):
        return Flatten(node, reading)
    producer = producers.get(source)
    if producer is not None and producer.op == "FULLY_CONNECTED" and len(readers[source]) == 1:
        rows_stay = len(source.shape) == 2 and len(result.shape) > 1 and source.shape[0] == result.shape[0]
        if rows_stay and producer.input(1).is_constant and not is_output(graph, source):
            return Unflatten(node, producer)
    return Reshape(node)


def _takes_rows(reader: Node, value: Value, shaped: Value | None = None) -> bool:
    """Whether FULLY_CONNECTED, weights constant, flattens `value` to a row for each element of axis 0 (of `shaped`)."""
    if reader.op != "FULLY_CONNECTED" or reader.input(0) is not value or not reader.input(1).is_constant:
        return False
    shape = (shaped or value).shape
    if not shape or (bool_option(reader, "keep_num_dims") and len(value.shape) != 2):
        return False
    return reader.input(1).shape[1] * shape[0] == value.elements


def _widened_constant(graph: Graph, value: Value, shape: Shape, p: Permutation) -> Value:
    """A constant reshaped to `shape` and permuted, without the leading axes of size 1."""
    data = np.transpose(np.asarray(value.data).reshape(shape), p)
    quantization = value.quantization
    if quantization is not None and not quantization.is_per_tensor:
        axis = quantization.axis + len(shape) - len(value.shape)
        quantization = moved_quantization(Quantization(quantization.scales, quantization.zero_points, axis), p)
    return graph.constant(value.name, data, quantization)

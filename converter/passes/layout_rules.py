"""How operators take part in another order of axes.

A rule says, for a node that stores its result with the axes permuted by p (result' = transpose(result, p)): which of its
inputs must come permuted and how, what that costs beyond transposes, and how to rewrite the node's constants and options.
Operators without a rule (convolutions, pools, …) keep the axes that the wire format prescribes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.rules import bool_option, constant_ints, int_option, normal_axis
from .rewrite import (
    Permutation,
    compose,
    essence,
    identity,
    inverse,
    is_output,
    moved_quantization,
    permuted,
    reshape_node,
    transpose_node,
    transposed_constant,
)

#: Cost in bytes of what cannot be done.
IMPOSSIBLE = 1 << 50


def is_unary(node: Node) -> bool:
    """An elementwise operator on one tensor: a function of each element, a change of its type."""
    spec = OPS[node.op]
    return len(spec.inputs) == 1 and (spec.quantize == "table" or spec.family == "quantize") and len(node.inputs) == 1


class LayoutRule(ABC):
    """A node's part in the layout; p stands for the permutation of its label, of rank `rank`."""

    #: Whether the result is stored permuted too. False for operators that end a layout, such as MEAN that drops axes.
    moves_output = True

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def rank(self) -> int:
        """Rank that the node's label permutes."""
        return len(self.node.output.shape)

    @property
    @abstractmethod
    def ports(self) -> tuple[int, ...]:
        """The inputs whose axes follow the label."""

    def demand(self, p: Permutation) -> Permutation:
        """How the ports must be permuted under label p."""
        return p

    def label_for(self, demand: Permutation) -> Permutation | None:
        """The label under which the ports are permuted like this, None when there is none."""
        return demand

    #: Whether the ports may come in any shape that holds the elements in the demanded order.
    any_shape = False

    def cost(self, p: Permutation) -> int:
        """Bytes moved under label p besides the transposes at the ports and the output."""
        return 0

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        """Rewrite constants and options for label p; ports and output are exchanged by the caller.

        Returns nodes that must run before this one. Called only where p is not the identity.
        """
        return []


class Elementwise(LayoutRule):
    """One or two operands, with broadcasting. Constants are permuted here; smaller tensors are reshaped up to the rank."""

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(i for i, value in enumerate(self.node.inputs) if value is not None and self._is_port(value))

    def _is_port(self, value: Value) -> bool:
        return not value.is_constant and len(value.shape) == self.rank

    def cost(self, p: Permutation) -> int:
        total = 0
        for value in self.node.inputs:
            if value is not None and not value.is_constant and not self._is_port(value):
                wide = self._widened(value)
                total += value.size_bytes if essence(wide, p) != essence(wide, identity(self.rank)) else 0
        return total

    def _widened(self, value: Value) -> tuple[int, ...]:
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
        if essence(wide_shape, p) == essence(wide_shape, identity(self.rank)):
            before.append(reshape_node(graph, value, moved, self.node.name))
        else:
            before.append(reshape_node(graph, value, wide, self.node.name))
            before.append(transpose_node(graph, wide, moved, p, self.node.name))
        return moved


class Concatenation(LayoutRule):
    """Joins along an axis that moves with the others; constants among the inputs are permuted."""

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(i for i, value in enumerate(self.node.inputs) if value is not None and not value.is_constant)

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        axis = normal_axis(int_option(self.node, "axis"), self.rank)
        self.node.options = {**self.node.options, "axis": p.index(axis)}
        for i, value in enumerate(self.node.inputs):
            if value is not None and value.is_constant:
                self.node.inputs[i] = transposed_constant(graph, value, p)
        return []


class Pad(LayoutRule):
    """The rows of the paddings [rank, 2] move with the axes."""

    @property
    def ports(self) -> tuple[int, ...]:
        return (0,)

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        old = self.node.input(1)
        self.node.inputs[1] = graph.constant(old.name, np.asarray(old.data).reshape(-1, 2)[list(p)])
        return []


class Mean(LayoutRule):
    """The axes move. Without keep_dims the result is not permuted, so the axes that stay must stay in order."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.moves_output = bool_option(node, "keep_dims")
        self._axes = {normal_axis(axis, self.rank) for axis in constant_ints(node, 1)}

    @property
    def rank(self) -> int:
        return len(self.node.input(0).shape)

    @property
    def ports(self) -> tuple[int, ...]:
        return (0,)

    def cost(self, p: Permutation) -> int:
        staying = [axis for axis in p if axis not in self._axes]
        return 0 if self.moves_output or staying == sorted(staying) else IMPOSSIBLE

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        axes = sorted(p.index(axis) for axis in self._axes)
        self.node.inputs[1] = graph.constant(self.node.input(1).name, np.array(axes, np.int32))
        return []


class Softmax(LayoutRule):
    """Works along the last axis, which must stay there."""

    @property
    def ports(self) -> tuple[int, ...]:
        return (0,)

    def cost(self, p: Permutation) -> int:
        return 0 if p[-1] == self.rank - 1 else IMPOSSIBLE


class Reshape(LayoutRule):
    """Splits and merges runs of neighbouring axes: a permutation that moves whole runs passes through.

    Input and output axes longer than 1 fall into the smallest runs of equal products; the label permutes the output.
    """

    any_shape = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        runs = matching_runs(node.input(0).shape, node.output.shape)
        self._input_of = {output: source for source, output in runs}
        self._output_of = {source: output for source, output in runs}

    @property
    def ports(self) -> tuple[int, ...]:
        return (0,)

    def demand(self, p: Permutation) -> Permutation:
        source = self.node.input(0).shape
        axes = _exchange_runs(essence(self.node.output.shape, p), self._input_of)
        return identity(len(source)) if axes is None else _with_unit_axes(axes, source)

    def label_for(self, demand: Permutation) -> Permutation | None:
        axes = _exchange_runs(essence(self.node.input(0).shape, demand), self._output_of)
        return None if axes is None else _with_unit_axes(axes, self.node.output.shape)

    def cost(self, p: Permutation) -> int:
        return IMPOSSIBLE if _exchange_runs(essence(self.node.output.shape, p), self._input_of) is None else 0

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        set_shape(graph, self.node, permuted(self.node.output.shape, p))
        return []


class Flatten(LayoutRule):
    """RESHAPE to rows that only FULLY_CONNECTED reads: the columns of its constant weights move instead of the data."""

    moves_output = False
    any_shape = True

    def __init__(self, node: Node, readers: list[Node]) -> None:
        super().__init__(node)
        self._readers = readers

    @property
    def rank(self) -> int:
        return len(self.node.input(0).shape)

    @property
    def ports(self) -> tuple[int, ...]:
        return (0,)

    def cost(self, p: Permutation) -> int:
        return 0 if self.node.input(0).shape[0] == 1 or p[0] == 0 else IMPOSSIBLE

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        shape = self.node.input(0).shape
        if essence(shape, p) != essence(shape, identity(self.rank)):
            order = row_order(shape, p)
            for reader in self._readers:
                _move_weights(graph, reader, 1, order)
            self.node.output.origin = None  # its elements are in an order that the source never had
        return []


class DenseInput(Flatten):
    """FULLY_CONNECTED that flattens by itself."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, [node])

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        origin = self.node.output.origin
        super().apply(graph, p)
        self.node.output.origin = origin
        return []


class Unflatten(LayoutRule):
    """RESHAPE of rows that only it reads from a FULLY_CONNECTED: the rows of the constant weights and the bias move."""

    def __init__(self, node: Node, producer: Node) -> None:
        super().__init__(node)
        self._producer = producer

    @property
    def ports(self) -> tuple[int, ...]:
        return ()

    def cost(self, p: Permutation) -> int:
        return 0 if self.node.output.shape[0] == 1 or p[0] == 0 else IMPOSSIBLE

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        shape = self.node.output.shape
        if essence(shape, p) != essence(shape, identity(self.rank)):
            order = row_order(shape, p)
            _move_weights(graph, self._producer, 0, order)
            if self._producer.optional(2) is not None:
                self._producer.inputs[2] = _taken(graph, self._producer.input(2), 0, order)
            self.node.input(0).origin = None
        set_shape(graph, self.node, permuted(shape, p))
        return []


def find_rule(
    graph: Graph, node: Node, producers: Mapping[Value, Node], readers: Mapping[Value, list[Node]]
) -> LayoutRule | None:
    """The rule of a node, None when its axes are fixed."""
    rule: LayoutRule | None = None
    if len(node.outputs) != 1 or node.inputs[0] is None or any(v.elements == 0 for v in node.outputs):
        return None
    if node.op == "RESHAPE":
        rule = _reshape_rule(graph, node, producers, readers)
    elif node.op == "FULLY_CONNECTED":
        rule = DenseInput(node) if _takes_rows(node, node.input(0)) else None
    elif node.op == "CONCATENATION":
        rule = Concatenation(node)
    elif node.op in ("PAD", "MEAN", "SOFTMAX"):
        rule = {"PAD": Pad, "MEAN": Mean, "SOFTMAX": Softmax}[node.op](node)
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
        batch_and_row = len(source.shape) == 2 and (source.shape[0] == 1 or source.shape[0] == result.shape[0])
        if batch_and_row and producer.input(1).is_constant and not is_output(graph, source):
            return Unflatten(node, producer)
    return Reshape(node)


def _takes_rows(reader: Node, value: Value, shaped: Value | None = None) -> bool:
    """Whether FULLY_CONNECTED flattens `value` to one row for each element of axis 0 (of `shaped`), weights constant."""
    if reader.op != "FULLY_CONNECTED" or reader.input(0) is not value or not reader.input(1).is_constant:
        return False
    shape = (shaped or value).shape
    if not shape or (bool_option(reader, "keep_num_dims") and len(value.shape) != 2):
        return False
    return reader.input(1).shape[1] * shape[0] == value.elements


def matching_runs(source: tuple[int, ...], result: tuple[int, ...]) -> list[tuple[Permutation, Permutation]]:
    """The smallest runs of axes longer than 1 with equal products, in order, as (input axes, output axes)."""
    left = [axis for axis, size in enumerate(source) if size != 1]
    right = [axis for axis, size in enumerate(result) if size != 1]
    runs: list[tuple[Permutation, Permutation]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first_i, first_j = i, j
        a, b = source[left[i]], result[right[j]]
        while a != b:
            if a < b:
                i += 1
                a *= source[left[i]]
            else:
                j += 1
                b *= result[right[j]]
        i, j = i + 1, j + 1
        runs.append((tuple(left[first_i:i]), tuple(right[first_j:j])))
    return runs


def _exchange_runs(axes: Permutation, other: Mapping[Permutation, Permutation]) -> Permutation | None:
    """Replace each whole run of axes by the run on the other side; None when the order breaks a run."""
    by_first = {run[0]: run for run in other}
    result: list[int] = []
    i = 0
    while i < len(axes):
        run = by_first.get(axes[i])
        if run is None or axes[i : i + len(run)] != run:
            return None
        result += other[run]
        i += len(run)
    return tuple(result)


def _with_unit_axes(axes: Permutation, shape: tuple[int, ...]) -> Permutation:
    """A permutation of all axes from the order of the long ones: each axis of size 1 follows its left neighbour."""
    order = list(axes)
    for axis, size in enumerate(shape):
        if size == 1:
            order.insert(order.index(axis - 1) + 1 if axis else 0, axis)
    return tuple(order)


def row_order(shape: tuple[int, ...], p: Permutation) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each place in a row of transpose(x, p), flattened without axis 0, its place in a row of x."""
    places = np.arange(int(np.prod(shape[1:])), dtype=np.int64).reshape(1, *shape[1:])
    return np.transpose(places, p).reshape(-1)


def _move_weights(graph: Graph, dense: Node, axis: int, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    dense.inputs[1] = _taken(graph, dense.input(1), axis, order)


def _taken(graph: Graph, value: Value, axis: int, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Value:
    """A constant with the elements of an axis reordered, scales included."""
    quantization = value.quantization
    if quantization is not None and not quantization.is_per_tensor and quantization.axis == axis:
        scales, zero_points = np.array(quantization.scales)[order], np.array(quantization.zero_points)[order]
        quantization = type(quantization)(tuple(scales.tolist()), tuple(zero_points.tolist()), axis)
    result = graph.constant(value.name, np.take(np.asarray(value.data), order, axis), quantization)
    result.dtype = value.dtype
    return result


def _widened_constant(graph: Graph, value: Value, shape: tuple[int, ...], p: Permutation) -> Value:
    """A constant reshaped to `shape` and permuted, without the leading axes of size 1."""
    data = np.transpose(np.asarray(value.data).reshape(shape), p)
    quantization = value.quantization
    if quantization is not None and not quantization.is_per_tensor:
        axis = quantization.axis + len(shape) - len(value.shape)
        quantization = moved_quantization(type(quantization)(quantization.scales, quantization.zero_points, axis), p)
    return graph.constant(value.name, data, quantization)


def set_shape(graph: Graph, node: Node, shape: tuple[int, ...]) -> None:
    """Give a RESHAPE another result shape, as an operand and as an option."""
    name = node.optional(1).name if node.optional(1) is not None else f"{node.output.name}/shape"  # type: ignore[union-attr]
    node.inputs = [node.input(0), graph.constant(name, np.array(shape, np.int32))]
    node.options = {**node.options, "new_shape": shape}


__all__ = ["IMPOSSIBLE", "LayoutRule", "compose", "find_rule", "inverse", "is_unary"]

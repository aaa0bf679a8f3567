"""Layout rules of RESHAPE: runs of axes that move as one, and weights of FULLY_CONNECTED that move instead of data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..ir.graph import Graph, Node, Value
from ..ir.types import Quantization, Shape
from .layout_rule import IMPOSSIBLE, LayoutRule
from .rewrite import Permutation, essence, identity, moves_data, permuted


class Reshape(LayoutRule):
    """Splits and merges runs of neighbouring axes: a permutation that moves whole runs passes through.

    Input and output axes longer than 1 fall into the smallest runs of equal products; the label permutes the output.
    """

    any_shape = True
    constrained = True

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        runs = matching_runs(node.input(0).shape, node.output.shape)
        self._input_of = {output: source for source, output in runs}
        self._output_of = dict(runs)

    @property
    def ports(self) -> Shape:
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
    constrained = True

    def __init__(self, node: Node, readers: list[Node]) -> None:
        super().__init__(node)
        self._readers = readers

    @property
    def rank(self) -> int:
        return len(self.node.input(0).shape)

    @property
    def ports(self) -> Shape:
        return (0,)

    def cost(self, p: Permutation) -> int:
        return 0 if self.node.input(0).shape[0] == 1 or p[0] == 0 else IMPOSSIBLE

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        shape = self.node.input(0).shape
        if moves_data(shape, p):
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

    constrained = True

    def __init__(self, node: Node, producer: Node) -> None:
        super().__init__(node)
        self._producer = producer

    @property
    def ports(self) -> Shape:
        return ()

    def cost(self, p: Permutation) -> int:
        return 0 if self.node.output.shape[0] == 1 or p[0] == 0 else IMPOSSIBLE

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        shape = self.node.output.shape
        if moves_data(shape, p):
            order = row_order(shape, p)
            _move_weights(graph, self._producer, 0, order)
            if self._producer.optional(2) is not None:
                self._producer.inputs[2] = taken(graph, self._producer.input(2), 0, order)
            self.node.input(0).origin = None
        set_shape(graph, self.node, permuted(shape, p))
        return []


def matching_runs(source: Shape, result: Shape) -> list[tuple[Permutation, Permutation]]:
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


def _with_unit_axes(axes: Permutation, shape: Shape) -> Permutation:
    """A permutation of all axes from the order of the long ones: each axis of size 1 follows its left neighbour."""
    order = list(axes)
    for axis, size in enumerate(shape):
        if size == 1:
            order.insert(order.index(axis - 1) + 1 if axis else 0, axis)
    return tuple(order)


def row_order(shape: Shape, p: Permutation) -> npt.NDArray[np.int64]:
    """For each place in a row of transpose(x, p), flattened without axis 0, its place in a row of x."""
    places = np.arange(int(np.prod(shape[1:])), dtype=np.int64).reshape(1, *shape[1:])
    return np.transpose(places, p).reshape(-1)


def _move_weights(graph: Graph, dense: Node, axis: int, order: npt.NDArray[np.int64]) -> None:
    dense.inputs[1] = taken(graph, dense.input(1), axis, order)


def taken(graph: Graph, value: Value, axis: int, order: npt.NDArray[np.int64]) -> Value:
    """A constant with the elements of an axis reordered, scales included."""
    quantization = value.quantization
    if quantization is not None and not quantization.is_per_tensor and quantization.axis == axis:
        scales, zero_points = np.array(quantization.scales)[order], np.array(quantization.zero_points)[order]
        quantization = Quantization(tuple(scales.tolist()), tuple(zero_points.tolist()), axis)
    result = graph.constant(value.name, np.take(np.asarray(value.data), order, axis), quantization)
    result.dtype = value.dtype
    return result


def set_shape(graph: Graph, node: Node, shape: Shape) -> None:
    """Give a RESHAPE another result shape, as an operand and as an option."""
    name = node.optional(1).name if node.optional(1) is not None else f"{node.output.name}/shape"  # type: ignore[union-attr]
    node.inputs = [node.input(0), graph.constant(name, np.array(shape, np.int32))]
    node.options = {**node.options, "new_shape": shape}

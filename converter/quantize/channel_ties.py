"""Which channels can be scaled, and which only together.

Multiplying a channel of an activation by a positive number changes nothing behind the layers that read it, if they
divide their weights for that channel by it. What lies between has to hand the number on: RELU and pooling do, an
addition does where both operands' channels have it, a concatenation hands on those of its operands. So channels form
sets that share one factor, across residual connections as well. A set is *fixed* where something touches it that is not
homogeneous, like a sigmoid, or where the number would show: inputs, outputs, and the values that a graph is judged by.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from ..ir.graph import Graph, Node, Value
from ..ir.judged import judged_values
from ..ir.types import DType
from ..ir.weighted import WEIGHTED, bias_of, filter_of, source_of

Indices = npt.NDArray[np.int64]

#: f(s·x) = s·f(x) for s > 0, element by element or over positions of one channel.
HOMOGENEOUS = frozenset({"RELU", "LEAKY_RELU", "PRELU", "ABS", "MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD"}) | {
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "MIRROR_PAD",
}
#: Bounded activations: homogeneous as long as no channel goes beyond the bound, which callers see to.
BOUNDED = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0}
FUSED = frozenset({"NONE", "RELU", *BOUNDED})
SUMS = frozenset({"ADD", "SUB", "MAXIMUM", "MINIMUM"})


class ChannelTies:
    """The sets of channels of a graph (union-find), by a number for each channel of each activation."""

    def __init__(self, graph: Graph) -> None:
        self._first: dict[Value, int] = {}
        count = 0
        for value in graph.values():
            if _has_channels(value):
                self._first[value] = count
                count += value.shape[-1]
        self._parent = list(range(count))
        self._fixed: set[int] = set()
        self._shared = {value for value, uses in _weight_uses(graph).items() if uses > 1}
        for value in (*graph.inputs, *graph.outputs, *judged_values(graph)):
            self._fix(value)
        for node in graph.nodes:
            self._visit(node)
        self._roots = np.array([self._root(i) for i in range(count)], np.int64)

    def values(self) -> tuple[Value, ...]:
        """The activations that have channels."""
        return tuple(self._first)

    def sets(self, value: Value) -> Indices:
        """The number of each channel's set, for a value among `values`."""
        first = self._first[value]
        return self._roots[first : first + value.shape[-1]]

    def fixed(self) -> Indices:
        """Numbers of the sets that cannot be scaled."""
        return np.unique(self._roots[sorted(self._fixed)])

    def total(self) -> int:
        """Set numbers are below it."""
        return len(self._roots)

    def _visit(self, node: Node) -> None:
        if node.options.get("fused_activation_function", "NONE") not in FUSED:
            self._fix_all(node)
        elif node.op in WEIGHTED:
            if not self._absorbs(node):
                self._fix_all(node)
        elif node.op in HOMOGENEOUS or node.op in BOUNDED:
            self._tie(node.input(0), node.output)
        elif node.op in SUMS:
            for operand in (node.input(0), node.input(1)):
                if not operand.is_constant:
                    self._tie(operand, node.output)
        elif node.op == "MUL":
            self._visit_product(node)
        elif node.op == "MEAN" and node.output.shape[-1:] == node.input(0).shape[-1:] and _spares_channels(node):
            self._tie(node.input(0), node.output)
        elif node.op == "RESHAPE":
            self._tie_flat(node.input(0), node.output)
        elif node.op == "CONCATENATION" and _along_channels(node):
            self._tie_parts(node)
        else:
            self._fix_all(node)

    def _absorbs(self, node: Node) -> bool:
        """Whether a layer can take up factors on both sides. Its own activation ties nothing: it has one value."""
        weights, bias = filter_of(node), bias_of(node)
        if weights.data is None or weights in self._shared or weights.dtype is not DType.FLOAT32:
            return False
        if bias is not None and bias.data is None:
            return False
        if node.op == "FULLY_CONNECTED" and (
            source_of(node).shape[-1] != weights.shape[1] or node.output.shape[-1] != weights.shape[0]
        ):
            return False
        return all(value in self._first for value in (source_of(node), node.output))

    def _visit_product(self, node: Node) -> None:
        """A factor may pass from one operand to the product; the other operand has to stay."""
        a, b = node.input(0), node.input(1)
        if b.is_constant or (not a.is_constant and b.elements < a.elements):
            moving, staying = a, b
        else:
            moving, staying = b, a
        if not staying.is_constant:
            self._fix(staying)
        if moving.shape == node.output.shape and moving.elements > (0 if staying.is_constant else staying.elements):
            self._tie(moving, node.output)
        else:
            self._fix(moving)
            self._fix(node.output)

    def _tie(self, a: Value, b: Value) -> None:
        if a not in self._first or b not in self._first or a.shape[-1] != b.shape[-1]:
            self._fix(a)
            self._fix(b)
            return
        for i in range(a.shape[-1]):
            self._unite(self._first[a] + i, self._first[b] + i)

    def _tie_flat(self, source: Value, result: Value) -> None:
        """A reshape that keeps whole pixels together: element j of the new last axis belongs to channel j mod C."""
        if source not in self._first or result not in self._first or result.shape[-1] % source.shape[-1]:
            self._fix(source)
            self._fix(result)
            return
        channels = source.shape[-1]
        for i in range(result.shape[-1]):
            self._unite(self._first[source] + i % channels, self._first[result] + i)

    def _tie_parts(self, node: Node) -> None:
        start = self._first[node.output]
        for operand in node.inputs:
            assert operand is not None
            if operand.is_constant:
                self._fixed.update(range(start, start + operand.shape[-1]))
            else:
                for i in range(operand.shape[-1]):
                    self._unite(self._first[operand] + i, start + i)
            start += operand.shape[-1]

    def _fix_all(self, node: Node) -> None:
        for value in (*node.inputs, *node.outputs):
            if value is not None:
                self._fix(value)

    def _fix(self, value: Value) -> None:
        if value in self._first:
            self._fixed.update(range(self._first[value], self._first[value] + value.shape[-1]))

    def _root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def _unite(self, i: int, j: int) -> None:
        i, j = self._root(i), self._root(j)
        self._parent[max(i, j)] = min(i, j)


def _has_channels(value: Value) -> bool:
    return (
        not value.is_constant
        and value.dtype is DType.FLOAT32
        and not value.is_variable
        and len(value.shape) > 1
        and value.elements > 0
    )


def _weight_uses(graph: Graph) -> Counter[Value]:
    return Counter(value for node in graph.nodes for value in node.inputs if value is not None and value.is_constant)


def _spares_channels(node: Node) -> bool:
    """A mean over axes that are constant, none of them the last."""
    axes, rank = node.input(1).data, len(node.input(0).shape)
    return axes is not None and all(int(axis) % rank != rank - 1 for axis in np.asarray(axes).reshape(-1))


def _along_channels(node: Node) -> bool:
    axis, rank = node.options["axis"], len(node.output.shape)
    values = [*node.inputs, *node.outputs]
    return (
        isinstance(axis, int)
        and axis % rank == rank - 1
        and rank > 1
        and all(value is not None and value.dtype is DType.FLOAT32 for value in values)
    )

"""Layout rules of operators that take parts of a tensor or continue it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.rules import constant_ints, int_option, normal_axis
from ..ir.types import Shape
from .layout_rule import LayoutRule
from .rewrite import Permutation


class Pad(LayoutRule):
    """The rows of the paddings [rank, 2] move with the axes."""

    @property
    def ports(self) -> Shape:
        return (0,)

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        old = self.node.input(1)
        self.node.inputs[1] = graph.constant(old.name, np.asarray(old.data).reshape(-1, 2)[list(p)])
        return []


class Slice(LayoutRule):
    """Begins and sizes, or begins, ends and strides with the bits of their masks, move with the axes."""

    @property
    def ports(self) -> Shape:
        return (0,)

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        for i in range(1, len(self.node.inputs)):
            old = self.node.input(i)
            self.node.inputs[i] = graph.constant(old.name, np.asarray(old.data).reshape(-1)[list(p)])
        if self.node.op == "STRIDED_SLICE":
            for name in ("begin_mask", "end_mask"):
                mask = int_option(self.node, name)
                moved = sum((mask >> axis & 1) << i for i, axis in enumerate(p))
                self.node.options = {**self.node.options, name: moved}
        return []


class Gather(LayoutRule):
    """The axis moves with the others; the indices have one dimension."""

    @property
    def ports(self) -> Shape:
        return (0,)

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        axis = normal_axis(int_option(self.node, "axis"), self.rank)
        self.node.options = {**self.node.options, "axis": p.index(axis)}
        return []


class Split(LayoutRule):
    """The axis moves with the others; all parts are stored alike."""

    @property
    def ports(self) -> Shape:
        return (1 if self.node.op == "SPLIT" else 0,)

    def apply(self, graph: Graph, p: Permutation) -> list[Node]:
        operand = 0 if self.node.op == "SPLIT" else 2
        old = self.node.input(operand)
        axis = normal_axis(constant_ints(self.node, operand)[0], self.rank)
        self.node.inputs[operand] = graph.constant(old.name, np.full(old.shape, p.index(axis), np.int32))
        return []


_RULES: Mapping[str, Callable[[Node], LayoutRule]] = {
    "GATHER": Gather,
    "MIRROR_PAD": Pad,
    "PAD": Pad,
    "PADV2": Pad,
    "SLICE": Slice,
    "SPLIT": Split,
    "SPLIT_V": Split,
    "STRIDED_SLICE": Slice,
}


def movement_rule(node: Node) -> LayoutRule | None:
    """The rule of an operator that moves data, None for others and where it adds or drops dimensions."""
    if node.op not in _RULES:
        return None
    rank = len(node.input(0).shape)
    if node.op == "GATHER" and (len(node.input(1).shape) != 1 or int_option(node, "batch_dims") != 0):
        return None
    if node.op == "STRIDED_SLICE":
        masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
        if node.input(1).elements != rank or any(int_option(node, mask) for mask in masks):
            return None
    return _RULES[node.op](node)

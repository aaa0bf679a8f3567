"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN over constant axes."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import bool_option, constant_ints, normal_axis
from ..ir.types import Shape
from .registry import Rule, operator


def reduced_axes(node: Node) -> tuple[int, ...]:
    """The axes that a reduction removes, counted from the front, each once, rising."""
    rank = len(node.input(0).shape)
    return tuple(sorted({normal_axis(axis, rank) for axis in constant_ints(node, 1)}))


@operator("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
class Reduction(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        axes = reduced_axes(node)
        keep = bool_option(node, "keep_dims")
        shape = node.input(0).shape
        if keep:
            return [tuple(1 if i in axes else dim for i, dim in enumerate(shape))]
        return [tuple(dim for i, dim in enumerate(shape) if i not in axes)]

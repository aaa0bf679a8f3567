"""Operators on two tensors, with numpy broadcasting."""

from __future__ import annotations

import math

from ..ir.graph import Node
from ..ir.types import Shape
from .registry import Rule, operator


def broadcast_shape(a: Shape, b: Shape) -> Shape:
    """numpy's rule: aligned at the last dimension, a dimension of 1 stretches. ValueError where they clash."""
    rank = max(len(a), len(b))
    left, right = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    if any(m != n and 1 not in (m, n) for m, n in zip(left, right, strict=True)):
        raise ValueError(f"shapes {list(a)} and {list(b)} cannot be broadcast to each other")
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


@operator("ADD", "SUB", "DIV", "MAXIMUM", "MINIMUM")
class Elementwise(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [broadcast_shape(node.input(0).shape, node.input(1).shape)]


@operator("MUL")
class Mul(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [broadcast_shape(node.input(0).shape, node.input(1).shape)]

    def macs(self, node: Node) -> int:
        (shape,) = self.infer_shapes(node)
        return math.prod(shape)

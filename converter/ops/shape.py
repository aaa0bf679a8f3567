"""SHAPE: the dimensions of a tensor, one element each."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .registry import Rule, operator


@operator("SHAPE")
class ShapeOf(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [(len(node.input(0).shape),)]

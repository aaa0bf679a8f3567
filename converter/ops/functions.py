"""Mathematical functions of one element: the shape stays."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .registry import Rule, operator


@operator("ABS", "NEG", "SQUARE", "SQRT", "RSQRT", "EXP", "LOG")
class Function(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [node.input(0).shape]

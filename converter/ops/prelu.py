"""PRELU: the slope below 0 is an operand, with numpy broadcasting."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .elementwise import broadcast_shape
from .registry import Rule, operator


@operator("PRELU")
class PRelu(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [broadcast_shape(node.input(0).shape, node.input(1).shape)]

"""SELECT_V2: one of two tensors, element by element; all three operands broadcast."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .elementwise import broadcast_shape
from .registry import Rule, operator


@operator("SELECT_V2")
class Select(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        condition, a, b = (node.input(i).shape for i in range(3))
        return [broadcast_shape(broadcast_shape(a, b), condition)]

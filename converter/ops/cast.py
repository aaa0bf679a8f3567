"""CAST: another element type, the same shape."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .registry import Rule, operator


@operator("CAST")
class Cast(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [node.input(0).shape]

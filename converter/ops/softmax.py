"""SOFTMAX over the last dimension, of beta * x."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .registry import Rule, operator


@operator("SOFTMAX")
class Softmax(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shape = node.input(0).shape
        if not shape:
            raise ValueError("input is a scalar, it needs a last dimension")
        return [shape]

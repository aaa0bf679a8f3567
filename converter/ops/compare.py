"""Comparisons and logic: boolean results, with numpy broadcasting."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .elementwise import broadcast_shape
from .registry import Rule, operator


@operator(
    "EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "LOGICAL_AND", "LOGICAL_OR"
)  # fmt: skip
class Comparison(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [broadcast_shape(node.input(0).shape, node.input(1).shape)]


@operator("LOGICAL_NOT")
class LogicalNot(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [node.input(0).shape]

"""Activation functions of one element: the shape stays."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.types import Shape
from .registry import Rule, operator


@operator("LOGISTIC", "TANH", "RELU", "RELU6", "ELU", "LEAKY_RELU", "HARD_SWISH", "GELU")
class Activation(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [node.input(0).shape]

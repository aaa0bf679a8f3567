"""L2_NORMALIZATION over the last dimension."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import enum_option
from ..ir.types import Shape
from .registry import Rule, operator


@operator("L2_NORMALIZATION")
class L2Normalization(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shape = node.input(0).shape
        if not shape:
            raise ValueError("input is a scalar, it needs a last dimension")
        if (activation := enum_option(node, "fused_activation_function")) != "NONE":
            raise ValueError(f"a fused {activation} is not applied by other runtimes")
        return [shape]

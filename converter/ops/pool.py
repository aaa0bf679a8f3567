"""AVERAGE_POOL_2D and MAX_POOL_2D over windows of NHWC input."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import int_option
from ..ir.types import Shape
from .registry import Rule, operator
from .windows import rank4, window_positions


@operator("AVERAGE_POOL_2D", "MAX_POOL_2D")
class Pool2D(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(0).shape)
        window_h, window_w = int_option(node, "filter_height", 1), int_option(node, "filter_width", 1)
        out_h, out_w = window_positions(node, (height, width), (window_h, window_w))
        return [(batch, out_h, out_w, channels)]

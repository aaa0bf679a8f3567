"""AVERAGE_POOL_2D and MAX_POOL_2D over windows of NHWC input."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import int_option
from ..ir.types import Shape
from .registry import Rule, operator
from .windows import padding_of, rank4, window_extent


@operator("AVERAGE_POOL_2D", "MAX_POOL_2D")
class Pool2D(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(0).shape)
        window_h, window_w = int_option(node, "filter_height", 1), int_option(node, "filter_width", 1)
        stride_h, stride_w = int_option(node, "stride_h", 1), int_option(node, "stride_w", 1)
        padding = padding_of(node)
        out_h = window_extent("height", height, window_h, stride_h, 1, padding)
        out_w = window_extent("width", width, window_w, stride_w, 1, padding)
        return [(batch, out_h, out_w, channels)]

"""DEPTHWISE_CONV_2D: input NHWC, filter 1HW(C x multiplier); output channel c * multiplier + m reads channel c."""

from __future__ import annotations

import math

from ..ir.graph import Node
from ..ir.types import Shape
from .conv import check_bias
from .registry import Rule, operator
from .windows import dilation_of, rank4, window_positions


@operator("DEPTHWISE_CONV_2D")
class DepthwiseConv2D(Rule):
    """The option depth_multiplier is redundant: the shapes decide."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(0).shape)
        one, window_h, window_w, outputs = rank4("filter", node.input(1).shape)
        if one != 1:
            raise ValueError(f"filter has shape {list(node.input(1).shape)}, its first dimension must be 1")
        if channels == 0 or outputs % channels:
            raise ValueError(f"filter has {outputs} channels, no multiple of the input's {channels}")
        check_bias(node, outputs)
        out_h, out_w = window_positions(node, (height, width), (window_h, window_w), dilation_of(node))
        return [(batch, out_h, out_w, outputs)]

    def macs(self, node: Node) -> int:
        _, window_h, window_w, _ = rank4("filter", node.input(1).shape)
        (shape,) = self.infer_shapes(node)
        return math.prod(shape) * window_h * window_w

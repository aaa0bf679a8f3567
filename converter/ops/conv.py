"""CONV_2D: input NHWC, filter OHWI, groups = input channels / I."""

from __future__ import annotations

import math

from ..ir.graph import Node
from ..ir.types import Shape
from .registry import Rule, operator
from .windows import dilation_of, rank4, window_positions


def check_bias(node: Node, outputs: int, position: int = 2) -> None:
    """The bias, where there is one, has one element per output channel."""
    bias = node.optional(position)
    if bias is not None and bias.elements != outputs:
        raise ValueError(f"bias has shape {list(bias.shape)}, it must have {outputs} elements")


@operator("CONV_2D")
class Conv2D(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(0).shape)
        outputs, window_h, window_w, depth = rank4("filter", node.input(1).shape)
        if depth == 0 or channels % depth:
            raise ValueError(f"input has {channels} channels, which a filter of depth {depth} does not divide")
        groups = channels // depth
        if groups == 0 or outputs % groups:
            raise ValueError(f"{outputs} output channels cannot be shared by {groups} groups")
        check_bias(node, outputs)
        out_h, out_w = window_positions(node, (height, width), (window_h, window_w), dilation_of(node))
        return [(batch, out_h, out_w, outputs)]

    def macs(self, node: Node) -> int:
        _, window_h, window_w, depth = rank4("filter", node.input(1).shape)
        (shape,) = self.infer_shapes(node)
        return math.prod(shape) * window_h * window_w * depth

"""TRANSPOSE_CONV: input NHWC, filter OHWI; the operand `output_shape` decides height and width of the result."""

from __future__ import annotations

import math

from ..ir.graph import Node
from ..ir.rules import constant_ints, int_option
from ..ir.types import Shape
from .conv import check_bias
from .registry import Rule, operator
from .windows import padding_of, rank4, window_extent


@operator("TRANSPOSE_CONV")
class TransposeConv(Rule):
    """The input has as many positions as a convolution over the result would have."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(2).shape)
        outputs, window_h, window_w, depth = rank4("filter", node.input(1).shape)
        shape = constant_ints(node, 0)
        _, out_h, out_w, _ = rank4("output_shape", shape)
        if depth != channels:
            raise ValueError(f"input has {channels} channels, the filter {depth}")
        if shape[0] != batch or shape[3] != outputs:
            raise ValueError(f"output_shape {list(shape)} must have batch {batch} and {outputs} channels")
        check_bias(node, outputs, 3)
        padding = padding_of(node)
        found = (
            window_extent("output height", out_h, window_h, int_option(node, "stride_h", 1), 1, padding),
            window_extent("output width", out_w, window_w, int_option(node, "stride_w", 1), 1, padding),
        )
        if found != (height, width):
            given = f"output_shape {list(shape)} with padding {padding}"
            raise ValueError(f"{given} belongs to an input of {list(found)}, not {[height, width]}")
        return [shape]

    def macs(self, node: Node) -> int:
        """Every input element meets every tap: at most this many, taps beyond the borders included."""
        outputs, window_h, window_w, _ = rank4("filter", node.input(1).shape)
        return math.prod(node.input(2).shape) * window_h * window_w * outputs

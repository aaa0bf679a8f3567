"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: another height and width, given by the operand `size`."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import bool_option, constant_ints
from ..ir.types import Shape
from .registry import Rule, operator
from .windows import rank4


@operator("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
class Resize(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(0).shape)
        size = constant_ints(node, 1)
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"size is {list(size)}, it must be a height and a width of at least 1")
        if height < 1 or width < 1:
            raise ValueError(f"input has shape {list(node.input(0).shape)}, it must have height and width")
        if (
            node.op == "RESIZE_BILINEAR"
            and bool_option(node, "align_corners")
            and bool_option(node, "half_pixel_centers")
        ):
            raise ValueError("align_corners and half_pixel_centers exclude each other")
        return [(batch, size[0], size[1], channels)]

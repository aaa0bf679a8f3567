"""MIRROR_PAD: the input continued as in a mirror, `paddings` [rank, 2] before and after each dimension."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import enum_option
from ..ir.types import Shape
from .pad import paddings_of
from .registry import Rule, operator


@operator("MIRROR_PAD")
class MirrorPad(Rule):
    """REFLECT does not repeat the border element, so it has one element less to give than SYMMETRIC."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, amounts = node.input(0).shape, paddings_of(node)
        lost = 1 if enum_option(node, "mode") == "REFLECT" else 0
        if any(max(pair) > max(dim - lost, 0) for dim, pair in zip(shape, amounts, strict=True)):
            raise ValueError(
                f"paddings {[list(pair) for pair in amounts]} are longer than the input {list(shape)} gives"
            )
        return [tuple(before + dim + after for dim, (before, after) in zip(shape, amounts, strict=True))]

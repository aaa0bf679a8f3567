"""PAD and PADV2: one number around the input, `paddings` [rank, 2] before and after each dimension."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import constant_ints
from ..ir.types import Shape
from .registry import Rule, operator


def paddings_of(node: Node) -> tuple[tuple[int, int], ...]:
    """Elements to add before and after each dimension. Raises ValueError when the operand does not fit the input."""
    rank = len(node.input(0).shape)
    amounts = constant_ints(node, 1)
    if node.input(1).shape != (rank, 2):
        raise ValueError(f"paddings have shape {list(node.input(1).shape)}, they must have {[rank, 2]}")
    if any(amount < 0 for amount in amounts):
        raise ValueError(f"paddings {list(amounts)} must not be negative")
    return tuple((amounts[2 * i], amounts[2 * i + 1]) for i in range(rank))


@operator("PAD", "PADV2")
class Pad(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        amounts = paddings_of(node)
        if node.op == "PADV2" and node.input(2).elements != 1:
            raise ValueError(f"the value to pad with has shape {list(node.input(2).shape)}, it must be one number")
        return [tuple(before + dim + after for dim, (before, after) in zip(node.input(0).shape, amounts, strict=True))]

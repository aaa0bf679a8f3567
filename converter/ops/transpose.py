"""TRANSPOSE: output dimension i is input dimension permutation[i]."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import constant_ints, normal_axis
from ..ir.types import Shape
from .registry import Rule, operator


def permutation_of(node: Node) -> tuple[int, ...]:
    """The permutation with axes counted from the front. Raises ValueError when it is none."""
    rank = len(node.input(0).shape)
    given = constant_ints(node, 1)
    permutation = tuple(normal_axis(axis, rank) for axis in given)
    if sorted(permutation) != list(range(rank)):
        raise ValueError(f"{list(given)} is no permutation of the {rank} dimensions of the input")
    return permutation


@operator("TRANSPOSE")
class Transpose(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shape = node.input(0).shape
        return [tuple(shape[axis] for axis in permutation_of(node))]

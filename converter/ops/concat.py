"""CONCATENATION along one dimension."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import int_option, normal_axis
from ..ir.types import Shape
from .registry import Rule, operator


@operator("CONCATENATION")
class Concatenation(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shapes = [node.input(i).shape for i in range(len(node.inputs))]
        first = shapes[0]
        axis = normal_axis(int_option(node, "axis"), len(first))
        rest = first[:axis] + first[axis + 1 :]
        if any(len(shape) != len(first) or shape[:axis] + shape[axis + 1 :] != rest for shape in shapes):
            raise ValueError(f"inputs {[list(shape) for shape in shapes]} differ in more than dimension {axis}")
        return [(*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])]

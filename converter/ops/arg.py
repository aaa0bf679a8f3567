"""ARG_MAX and ARG_MIN along one constant axis."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import constant_ints, enum_option, normal_axis
from ..ir.types import Shape
from .registry import Rule, operator


def searched_axis(node: Node) -> int:
    """The axis that the operator removes, counted from the front."""
    axes = constant_ints(node, 1)
    if len(axes) != 1:
        raise ValueError(f"axis has {len(axes)} elements, it must have one")
    return normal_axis(axes[0], len(node.input(0).shape))


@operator("ARG_MAX", "ARG_MIN")
class ArgExtreme(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, axis = node.input(0).shape, searched_axis(node)
        if shape[axis] == 0:
            raise ValueError(f"axis {axis} of shape {list(shape)} has no elements to search")
        if node.outputs and enum_option(node, "output_type").lower() != node.output.dtype.value:
            raise ValueError(f"the output is {node.output.dtype.value}, not of the type that the options name")
        return [shape[:axis] + shape[axis + 1 :]]

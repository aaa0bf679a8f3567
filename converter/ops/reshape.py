"""RESHAPE, SQUEEZE and EXPAND_DIMS: the same elements under another shape."""

from __future__ import annotations

import math

from ..ir.graph import Node
from ..ir.rules import constant_ints, ints_option, normal_axis
from ..ir.types import Shape
from .registry import Rule, operator


@operator("RESHAPE")
class Reshape(Rule):
    """The operand `shape` decides, without one the option new_shape; one dimension may be -1."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        wanted = constant_ints(node, 1) if node.optional(1) is not None else ints_option(node, "new_shape")
        source = node.input(0)
        if any(dim < -1 for dim in wanted) or wanted.count(-1) > 1:
            raise ValueError(f"shape {list(wanted)} has a negative dimension other than a single -1")
        known = math.prod(dim for dim in wanted if dim != -1)
        if -1 in wanted:
            if known == 0 or source.elements % known:
                raise ValueError(f"input of shape {list(source.shape)} does not fit {list(wanted)}")
            return [tuple(source.elements // known if dim == -1 else dim for dim in wanted)]
        if known != source.elements:
            raise ValueError(f"input of shape {list(source.shape)} does not fit {list(wanted)}")
        return [wanted]


@operator("SQUEEZE")
class Squeeze(Rule):
    """Without squeeze_dims every dimension of size 1 goes."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape = node.input(0).shape
        axes = {normal_axis(axis, len(shape)) for axis in ints_option(node, "squeeze_dims")}
        if not axes:
            return [tuple(dim for dim in shape if dim != 1)]
        if wide := [axis for axis in sorted(axes) if shape[axis] != 1]:
            raise ValueError(f"squeeze_dims {wide} of input {list(shape)} are not of size 1")
        return [tuple(dim for i, dim in enumerate(shape) if i not in axes)]


@operator("EXPAND_DIMS")
class ExpandDims(Rule):
    """The axis counts dimensions of the result."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, values = node.input(0).shape, constant_ints(node, 1)
        if len(values) != 1:
            raise ValueError(f"axis has {len(values)} elements, it must have one")
        axis = normal_axis(values[0], len(shape) + 1)
        return [(*shape[:axis], 1, *shape[axis:])]

"""SPLIT, SPLIT_V, UNPACK and PACK: one tensor and its parts along a dimension."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import constant_ints, int_option, normal_axis
from ..ir.types import Shape
from .registry import Rule, operator


def split_axis(node: Node, operand: int, rank: int) -> int:
    """The axis in a constant operand of one element, counted from the front."""
    values = constant_ints(node, operand)
    if len(values) != 1:
        raise ValueError(f"axis has {len(values)} elements, it must have one")
    return normal_axis(values[0], rank)


def _need_outputs(node: Node, option: str) -> None:
    count = int_option(node, option)
    if count != len(node.outputs):
        raise ValueError(f"option {option} is {count}, there are {len(node.outputs)} outputs")


@operator("SPLIT")
class Split(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, parts = node.input(1).shape, len(node.outputs)
        axis = split_axis(node, 0, len(shape))
        _need_outputs(node, "num_splits")
        if shape[axis] % parts:
            raise ValueError(f"dimension {axis} of the input {list(shape)} does not split into {parts} equal parts")
        return [(*shape[:axis], shape[axis] // parts, *shape[axis + 1 :])] * parts


@operator("SPLIT_V")
class SplitV(Rule):
    """A size of -1 takes what the others leave."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, sizes = node.input(0).shape, list(constant_ints(node, 1))
        axis = split_axis(node, 2, len(shape))
        _need_outputs(node, "num_splits")
        if sizes.count(-1) == 1:
            sizes[sizes.index(-1)] = shape[axis] - sum(size for size in sizes if size != -1)
        if len(sizes) != len(node.outputs) or min(sizes, default=0) < 0 or sum(sizes) != shape[axis]:
            raise ValueError(f"sizes {list(constant_ints(node, 1))} do not fit dimension {axis} of {list(shape)}")
        return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


@operator("UNPACK")
class Unpack(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, parts = node.input(0).shape, len(node.outputs)
        axis = normal_axis(int_option(node, "axis"), len(shape))
        _need_outputs(node, "num")
        if shape[axis] != parts:
            raise ValueError(f"dimension {axis} of the input {list(shape)} is not the number of outputs, {parts}")
        return [(*shape[:axis], *shape[axis + 1 :])] * parts


@operator("PACK")
class Pack(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        shapes = [node.input(i).shape for i in range(len(node.inputs))]
        axis = normal_axis(int_option(node, "axis"), len(shapes[0]) + 1)
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(f"inputs {[list(shape) for shape in shapes]} differ in shape")
        if int_option(node, "values_count") != len(shapes):
            raise ValueError(
                f"option values_count is {int_option(node, 'values_count')}, there are {len(shapes)} inputs"
            )
        return [(*shapes[0][:axis], len(shapes), *shapes[0][axis:])]

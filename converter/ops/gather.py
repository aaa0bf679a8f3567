"""GATHER: elements of one dimension by indices."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import int_option, normal_axis
from ..ir.types import Shape
from .registry import Rule, operator


@operator("GATHER")
class Gather(Rule):
    """The indices' dimensions, but for the first `batch_dims` which go along with the input's, take the axis' place."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, indices = node.input(0).shape, node.input(1)
        axis = normal_axis(int_option(node, "axis"), len(shape))
        batch = int_option(node, "batch_dims")
        batch = batch + len(indices.shape) if batch < 0 else batch
        if not 0 <= batch <= min(axis, len(indices.shape)) or shape[:batch] != indices.shape[:batch]:
            raise ValueError(f"batch_dims {batch} do not fit input {list(shape)} and indices {list(indices.shape)}")
        if indices.data is not None and indices.data.size:
            low, high = int(indices.data.min()), int(indices.data.max())
            if low < 0 or high >= shape[axis]:
                raise ValueError(f"indices {low} to {high} reach outside dimension {axis} of the input {list(shape)}")
        return [(*shape[:axis], *indices.shape[batch:], *shape[axis + 1 :])]

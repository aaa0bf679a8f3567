"""BATCH_MATMUL: products of matrices in the last two dimensions; the leading ones broadcast."""

from __future__ import annotations

import math

from ..ir.graph import Node
from ..ir.rules import bool_option
from ..ir.types import Shape
from .elementwise import broadcast_shape
from .registry import Rule, operator


def _matrix(node: Node, i: int, option: str) -> tuple[int, int]:
    """Rows and columns of an operand after it is transposed, if the option says so."""
    shape = node.input(i).shape
    if len(shape) < 2:
        raise ValueError(f"operand {i} has shape {list(shape)}, it needs two dimensions or more")
    rows, columns = shape[-2:]
    return (columns, rows) if bool_option(node, option) else (rows, columns)


@operator("BATCH_MATMUL")
class BatchMatMul(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        (rows, depth), (deep, columns) = _matrix(node, 0, "adj_x"), _matrix(node, 1, "adj_y")
        if depth != deep:
            raise ValueError(f"rows of {depth} elements do not meet columns of {deep}")
        return [(*broadcast_shape(node.input(0).shape[:-2], node.input(1).shape[:-2]), rows, columns)]

    def macs(self, node: Node) -> int:
        (shape,) = self.infer_shapes(node)
        return math.prod(shape) * _matrix(node, 0, "adj_x")[1]

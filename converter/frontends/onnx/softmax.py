"""Softmax, which has the last axis only."""

from __future__ import annotations

import math

from .builder import Builder
from .graph import OnnxNode, Tensor
from .registry import onnx_operator

_OPTIONS = {"beta": 1.0}


@onnx_operator("Softmax")
def softmax(node: OnnxNode, build: Builder) -> None:
    """Over one axis since opset 13; before, over everything from `axis` on, flattened."""
    source, result = node.input(0), node.output
    since_13 = node.opset >= 13
    axis = node.axis(-1 if since_13 else 1, source.rank)
    if axis == source.rank - 1:
        build.emit("SOFTMAX", [build.value(source)], _OPTIONS, to=result)
    elif since_13:
        _over_axis(build, source, axis, result)
    else:
        rows = (math.prod(source.dims[:axis]), math.prod(source.dims[axis:]))
        flat = build.reshape(build.value(source), rows, name=f"{result.name}_rows")
        flat = build.emit("SOFTMAX", [flat], _OPTIONS, name=f"{result.name}_softmax")
        build.reshape(flat, result.dims, to=result)


def _over_axis(build: Builder, source: Tensor, axis: int, result: Tensor) -> None:
    """Bring the axis to the end and back."""
    order = [i for i in range(source.rank) if i != axis] + [axis]
    moved = build.transpose(build.value(source), order, name=f"{result.name}_moved")
    moved = build.emit("SOFTMAX", [moved], _OPTIONS, name=f"{result.name}_softmax")
    build.transpose(moved, [order.index(i) for i in range(source.rank)], to=result)

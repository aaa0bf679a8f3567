"""Expand: dimensions of size 1 repeated."""

from __future__ import annotations

import numpy as np

from .builder import Builder
from .constants import MAX_POSITIONS
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("Expand")
def expand(node: OnnxNode, build: Builder) -> None:
    """New dimensions come first; then each dimension that grows gathers its only element as often as it needs it."""
    value, result = build.value(node.input(0)), node.output
    shape = (1,) * (result.rank - len(value.shape)) + value.shape
    if shape == result.dims:
        if shape == value.shape:
            build.bind(result, value)
        else:
            build.reshape(value, shape, to=result)
        return
    if shape != value.shape:
        value = build.reshape(value, shape, name=f"{result.name}_ranked")
    growing = [axis for axis, size in enumerate(shape) if size != result.dims[axis]]
    if any(result.dims[axis] > MAX_POSITIONS for axis in growing):
        raise Refusal(f"a result of shape {list(result.dims)}", f"At most {MAX_POSITIONS} repetitions are supported")
    for axis in growing:
        places = build.indices(f"{result.name}_places{axis}", np.zeros(result.dims[axis], np.int32))
        last = axis == growing[-1]
        wish = f"{result.name}_expanded{axis}"
        value = build.emit("GATHER", [value, places], {"axis": axis}, to=result if last else None, name=wish)

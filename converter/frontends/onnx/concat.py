"""Concat."""

from __future__ import annotations

from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("Concat")
def concat(node: OnnxNode, build: Builder) -> None:
    """Tensors without elements add nothing and are left out."""
    result = node.output
    parts = [build.value(tensor) for tensor in node.inputs if tensor is not None and 0 not in tensor.dims]
    if not parts:
        raise Refusal("none of its operands has elements", "Check the model: there is nothing to join")
    if len(parts) == 1:
        build.bind(result, parts[0])
        return
    axis = node.axis(1, result.rank)
    build.emit("CONCATENATION", parts, {**options_for(), "axis": axis}, to=result)

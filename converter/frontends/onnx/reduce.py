"""ReduceMean."""

from __future__ import annotations

from .builder import Builder
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("ReduceMean")
def reduce_mean(node: OnnxNode, build: Builder) -> None:
    """Axes are an attribute, since opset 18 an input; none given means all, or (noop_with_empty_axes) nothing."""
    source, result = node.input(0), node.output
    axes = sorted(set(node.axes(18, source.rank) or ()))
    if not axes:
        if source.rank == 0 or (node.opset >= 18 and node.attributes.integer("noop_with_empty_axes", 0)):
            build.bind(result, build.value(source))
            return
        axes = list(range(source.rank))
    operand = build.indices(f"{result.name}_axes", axes)
    keep = bool(node.attributes.integer("keepdims", 1))
    build.emit("MEAN", [build.value(source), operand], {"keep_dims": keep}, to=result)

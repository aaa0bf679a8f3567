"""Operators that leave the elements as they are: Reshape and its kind, and those that do nothing in inference."""

from __future__ import annotations

from .builder import Builder
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("Reshape", "Flatten", "Unsqueeze")
def reshape(node: OnnxNode, build: Builder) -> None:
    """Every shape is static here, so all of them are a RESHAPE to the shape that ONNX's inference gives."""
    build.reshape(build.value(node.input(0)), node.output.dims, to=node.output)


@onnx_operator("Squeeze")
def squeeze(node: OnnxNode, build: Builder) -> None:
    """Axes are an attribute, since opset 13 an input; without them every dimension of size 1 goes."""
    source, result = node.input(0), node.output
    given = node.axes(13, source.rank)
    if given is None:
        axes = tuple(i for i, size in enumerate(source.dims) if size == 1)
    else:
        axes = tuple(sorted(set(given)))
    if axes:
        build.emit("SQUEEZE", [build.value(source)], {"squeeze_dims": axes}, to=result)
    else:
        build.bind(result, build.value(source))


@onnx_operator("Identity", "Dropout")
def identity(node: OnnxNode, build: Builder) -> None:
    """Dropout does nothing in inference. Refuses a Dropout that is told to train."""
    if node.op_type == "Dropout" and node.opset >= 12 and node.scalar(2, "training mode"):
        raise Refusal("training mode", "Export in inference mode")
    build.bind(node.output, build.value(node.input(0)))

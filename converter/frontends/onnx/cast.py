"""Cast and CastLike."""

from __future__ import annotations

from ...gen.ops import OPS
from .builder import Builder, dtype_of
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("Cast", "CastLike")
def cast(node: OnnxNode, build: Builder) -> None:
    """A cast to the type that the tensor has already does nothing."""
    source, result = node.input(0), node.output
    if source.dtype == result.dtype:
        build.bind(result, build.value(source))
        return
    dtype = dtype_of(result)
    allowed = sorted({row.outputs[0] for row in OPS["CAST"].types})
    if dtype.value not in allowed:
        raise Refusal(f"{source.dtype} to {result.dtype}", f"Casts to {', '.join(allowed)} are supported")
    build.emit("CAST", [build.value(source)], to=result, dtype=dtype)

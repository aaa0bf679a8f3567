"""ReduceMean, ReduceSum, ReduceMax, ReduceMin and what sums express; ArgMax and ArgMin."""

from __future__ import annotations

import numpy as np

from ...ir.graph import Value
from ...ir.types import DType
from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator

#: The operator that reduces, and the opset since which the axes are an input.
_REDUCTIONS = {
    "ReduceMean": ("MEAN", 18),
    "ReduceSum": ("SUM", 13),
    "ReduceMax": ("REDUCE_MAX", 18),
    "ReduceMin": ("REDUCE_MIN", 18),
    "ReduceL1": ("SUM", 18),
    "ReduceL2": ("SUM", 18),
    "ReduceSumSquare": ("SUM", 18),
}


@onnx_operator(*_REDUCTIONS)
def reduction(node: OnnxNode, build: Builder) -> None:
    """Sums of squares and magnitudes are SUM of a product or of ABS; a norm is the root of the former."""
    source, result = build.value(node.input(0)), node.output
    kind = node.op_type
    if kind == "ReduceL1":
        source = build.emit("ABS", [source], name=f"{result.name}_magnitudes")
    elif kind in ("ReduceL2", "ReduceSumSquare"):
        source = build.emit("MUL", [source, source], options_for(), name=f"{result.name}_squares")
    axes = _axes(node)
    if not axes:
        _bind_or_root(build, source, result, kind)
        return
    operand = build.indices(f"{result.name}_axes", axes)
    options = {"keep_dims": bool(node.attributes.integer("keepdims", 1))}
    op = _REDUCTIONS[kind][0]
    if kind == "ReduceL2":
        total = build.emit(op, [source, operand], options, name=f"{result.name}_sum")
        build.emit("SQRT", [total], to=result)
    else:
        build.emit(op, [source, operand], options, to=result)


def _axes(node: OnnxNode) -> list[int]:
    """The axes, an attribute and later an input; none given means all, or (noop_with_empty_axes) nothing."""
    rank, since = node.input(0).rank, _REDUCTIONS[node.op_type][1]
    axes = sorted(set(node.axes(since, rank) or ()))
    if not axes and not (node.opset >= since and node.attributes.integer("noop_with_empty_axes", 0)):
        axes = list(range(rank))
    return axes


def _bind_or_root(build: Builder, source: Value, result: Tensor, kind: str) -> None:
    """The result where nothing is added up."""
    if kind == "ReduceL2":
        build.emit("SQRT", [source], to=result)
    else:
        build.bind(result, source)


@onnx_operator("ArgMax", "ArgMin")
def arg_extreme(node: OnnxNode, build: Builder) -> None:
    """The index of the first extreme along an axis, as int64; keepdims puts the axis back with size 1."""
    if node.attributes.integer("select_last_index", 0):
        raise Refusal("select_last_index = 1", "The index of the first of equal elements is supported")
    source, result = node.input(0), node.output
    axis = node.axis(0, source.rank)
    op = "ARG_MAX" if node.op_type == "ArgMax" else "ARG_MIN"
    operands = [build.value(source), build.new_constant(f"{result.name}_axis", np.array(axis, np.int32))]
    options = {"output_type": "INT64"}
    if not node.attributes.integer("keepdims", 1):
        build.emit(op, operands, options, to=result, dtype=DType.INT64)
        return
    found = build.emit(op, operands, options, name=f"{result.name}_found", dtype=DType.INT64)
    build.reshape(found, result.dims, to=result)

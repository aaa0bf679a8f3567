"""Add, Sub, Mul, Div, Max, Min and powers. Sub and Div by constants become ADD and MUL, which others absorb."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir.graph import Value
from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator


@onnx_operator("Add")
def add(node: OnnxNode, build: Builder) -> None:
    build.emit("ADD", _operands(node, build), options_for(), to=node.output)


@onnx_operator("Mul")
def mul(node: OnnxNode, build: Builder) -> None:
    build.emit("MUL", _operands(node, build), options_for(), to=node.output)


@onnx_operator("Sub")
def sub(node: OnnxNode, build: Builder) -> None:
    """a - c is a + (-c), exactly."""
    minuend, subtrahend = node.input(0), node.input(1)
    _only_float(subtrahend)
    if subtrahend.data is None:
        build.emit("SUB", _operands(node, build), options_for(), to=node.output)
    else:
        negated = build.new_constant(f"{subtrahend.name}_negated", -build.array(subtrahend))
        build.emit("ADD", [build.value(minuend), negated], options_for(), to=node.output)


@onnx_operator("Div")
def div(node: OnnxNode, build: Builder) -> None:
    """a / c is a * (1 / c), within one rounding of the reciprocal."""
    dividend, divisor = node.input(0), node.input(1)
    _only_float(dividend)
    if divisor.data is None:
        build.emit("DIV", _operands(node, build), options_for(), to=node.output)
        return
    array = build.array(divisor)
    if (array == 0).any():
        raise Refusal(f"the divisor {divisor.name!r} holds zeros", "Check the model: its result is infinite")
    reciprocal = build.new_constant(f"{divisor.name}_reciprocal", (1.0 / array.astype(np.float64)).astype(np.float32))
    build.emit("MUL", [build.value(dividend), reciprocal], options_for(), to=node.output)


@onnx_operator("Max")
def maximum(node: OnnxNode, build: Builder) -> None:
    _fold(node, build, "MAXIMUM")


@onnx_operator("Min")
def minimum(node: OnnxNode, build: Builder) -> None:
    _fold(node, build, "MINIMUM")


@onnx_operator("Neg")
def neg(node: OnnxNode, build: Builder) -> None:
    """Times -1: NEG has no int8 form in LiteRT that regards scales."""
    _only_float(node.input(0))
    minus_one = build.new_constant(f"{node.output.name}_sign", np.array(-1, np.float32))
    build.emit("MUL", [build.value(node.input(0)), minus_one], options_for(), to=node.output)


@onnx_operator("Reciprocal")
def reciprocal(node: OnnxNode, build: Builder) -> None:
    _invert(build, build.value(node.input(0)), node.output)


@onnx_operator("Pow")
def power(node: OnnxNode, build: Builder) -> None:
    """Constant exponents that other operators express. A square is a product: SQUARE has no int8 form in LiteRT."""
    base, result = node.input(0), node.output
    _only_float(base)
    source = build.value(base)
    if node.input(1).rank > base.rank:
        raise Refusal("an exponent of more dimensions than the base", "Give it as one number")
    exponent = node.scalar(1, "exponent")
    if exponent == 1.0:
        build.bind(result, source)
    elif exponent == 2.0:
        build.emit("MUL", [source, source], options_for(), to=result)
    elif exponent == 3.0:
        squared = build.emit("MUL", [source, source], options_for(), name=f"{result.name}_squared")
        build.emit("MUL", [squared, source], options_for(), to=result)
    elif exponent == 0.5:
        build.emit("SQRT", [source], to=result)
    elif exponent == -0.5:
        build.emit("RSQRT", [source], to=result)
    elif exponent == -1.0:
        _invert(build, source, result)
    else:
        raise Refusal(f"an exponent of {exponent}", "Supported so far: -1, -0.5, 0.5, 1, 2 and 3")


def _operands(node: OnnxNode, build: Builder) -> list[Value]:
    return [build.value(node.input(0)), build.value(node.input(1))]


def _fold(node: OnnxNode, build: Builder, op: str) -> None:
    """An operator of two operands over any number of them, from the left."""
    tensors = [node.input(i) for i in range(len(node.inputs))]
    result = node.output
    total = build.value(tensors[0])
    if len(tensors) == 1:
        build.bind(result, total)
    for i, tensor in enumerate(tensors[1:], start=1):
        _only_float(tensor)
        last = i == len(tensors) - 1
        operands: Sequence[Value] = [total, build.value(tensor)]
        total = build.emit(op, operands, to=result if last else None, name=f"{result.name}_part{i}")


def _invert(build: Builder, source: Value, result: Tensor) -> None:
    one = build.new_constant(f"{result.name}_one", np.ones((), np.float32))
    build.emit("DIV", [one, source], options_for(), to=result)


def _only_float(tensor: Tensor) -> None:
    if tensor.dtype != np.float32:
        raise Refusal(f"{tensor.name!r} holds {tensor.dtype}", "Arithmetic is supported in float32")

"""Add, Sub, Mul and Div. There is no SUB or DIV yet: constants are negated or inverted, subtrahends negated."""

from __future__ import annotations

import numpy as np

from ...ir.graph import Value
from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator


@onnx_operator("Add")
def add(node: OnnxNode, build: Builder) -> None:
    build.emit("ADD", [build.value(node.input(0)), build.value(node.input(1))], options_for(), to=node.output)


@onnx_operator("Mul")
def mul(node: OnnxNode, build: Builder) -> None:
    build.emit("MUL", [build.value(node.input(0)), build.value(node.input(1))], options_for(), to=node.output)


@onnx_operator("Sub")
def sub(node: OnnxNode, build: Builder) -> None:
    """a - b is a + (-b), exactly."""
    minuend, subtrahend = node.input(0), node.input(1)
    build.emit("ADD", [build.value(minuend), _negated(build, subtrahend)], options_for(), to=node.output)


@onnx_operator("Div")
def div(node: OnnxNode, build: Builder) -> None:
    """a / c is a * (1 / c), within one rounding of the reciprocal."""
    dividend, divisor = node.input(0), node.input(1)
    _only_float(dividend)
    if divisor.data is None:
        raise Refusal(f"the divisor {divisor.name!r} is computed at run time", "Only constants can divide so far")
    array = build.array(divisor)
    if (array == 0).any():
        raise Refusal(f"the divisor {divisor.name!r} holds zeros", "Check the model: its result is infinite")
    reciprocal = build.new_constant(f"{divisor.name}_reciprocal", (1.0 / array.astype(np.float64)).astype(np.float32))
    build.emit("MUL", [build.value(dividend), reciprocal], options_for(), to=node.output)


def _negated(build: Builder, tensor: Tensor) -> Value:
    _only_float(tensor)
    if tensor.data is not None:
        return build.new_constant(f"{tensor.name}_negated", -build.array(tensor))
    minus_one = build.new_constant(f"{tensor.name}_sign", np.array(-1, np.float32))
    return build.emit("MUL", [build.value(tensor), minus_one], options_for(), name=f"{tensor.name}_negated")


def _only_float(tensor: Tensor) -> None:
    if tensor.dtype != np.float32:
        raise Refusal(f"{tensor.name!r} holds {tensor.dtype}", "Arithmetic is supported in float32")

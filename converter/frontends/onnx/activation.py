"""Relu, its relatives, Clip, Sigmoid and its relatives."""

from __future__ import annotations

import math

import numpy as np

from ...ir.graph import Value
from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator

#: Bounds from here on bound nothing: exporters write the largest float32 for "none".
_UNBOUNDED = 3.4e38


@onnx_operator("Relu")
def relu(node: OnnxNode, build: Builder) -> None:
    build.emit("RELU", [build.value(node.input(0))], to=node.output)


@onnx_operator("Sigmoid")
def sigmoid(node: OnnxNode, build: Builder) -> None:
    build.emit("LOGISTIC", [build.value(node.input(0))], to=node.output)


@onnx_operator("LeakyRelu")
def leaky_relu(node: OnnxNode, build: Builder) -> None:
    alpha = float(np.float32(node.attributes.number("alpha", 0.01)))
    build.emit("LEAKY_RELU", [build.value(node.input(0))], {"alpha": alpha}, to=node.output)


@onnx_operator("PRelu")
def prelu(node: OnnxNode, build: Builder) -> None:
    build.emit("PRELU", [build.value(node.input(0)), build.value(node.input(1))], to=node.output)


@onnx_operator("Gelu")
def gelu(node: OnnxNode, build: Builder) -> None:
    kind = node.attributes.text("approximate", "none")
    if kind not in ("none", "tanh"):
        raise Refusal(f"approximate = {kind!r}", "It can be none or tanh")
    build.emit("GELU", [build.value(node.input(0))], {"approximate": kind == "tanh"}, to=node.output)


@onnx_operator("Elu")
def elu(node: OnnxNode, build: Builder) -> None:
    """The operator has alpha = 1; another one scales the part below 0: relu(x) + alpha * min(elu(x), 0)."""
    source, result = build.value(node.input(0)), node.output
    alpha = np.float32(node.attributes.number("alpha", 1.0))
    if alpha == 1:
        build.emit("ELU", [source], to=result)
        return
    zero = build.new_constant(f"{result.name}_zero", np.zeros((), np.float32))
    factor = build.new_constant(f"{result.name}_alpha", np.array(alpha, np.float32))
    above = build.emit("RELU", [source], name=f"{result.name}_above")
    below = build.emit("ELU", [source], name=f"{result.name}_elu")
    below = build.emit("MINIMUM", [below, zero], name=f"{result.name}_below")
    below = build.emit("MUL", [below, factor], options_for(), name=f"{result.name}_scaled")
    build.emit("ADD", [above, below], options_for(), to=result)


@onnx_operator("HardSwish")
def hard_swish(node: OnnxNode, build: Builder) -> None:
    build.emit("HARD_SWISH", [build.value(node.input(0))], to=node.output)


@onnx_operator("HardSigmoid")
def hard_sigmoid(node: OnnxNode, build: Builder) -> None:
    """max(0, min(1, alpha * x + beta)) is relu6(6 * alpha * x + 6 * beta) / 6."""
    result = node.output
    alpha, beta = node.attributes.number("alpha", 0.2), node.attributes.number("beta", 0.5)
    scaled = build.value(node.input(0))
    if np.float32(6 * alpha) != 1:
        scaled = build.emit(
            "MUL", [scaled, _number(build, result, 6 * alpha)], options_for(), name=f"{result.name}_scaled"
        )
    shift = _number(build, result, 6 * beta)
    clipped = build.emit("ADD", [scaled, shift], options_for("RELU6"), name=f"{result.name}_clipped")
    build.emit("MUL", [clipped, _number(build, result, 1 / 6)], options_for(), to=result)


@onnx_operator("Swish")
def swish(node: OnnxNode, build: Builder) -> None:
    """x * sigmoid(alpha * x)."""
    result, source = node.output, build.value(node.input(0))
    alpha = node.attributes.number("alpha", 1.0)
    scaled = source
    if alpha != 1:
        scaled = build.emit("MUL", [source, _number(build, result, alpha)], options_for(), name=f"{result.name}_scaled")
    gate = build.emit("LOGISTIC", [scaled], name=f"{result.name}_gate")
    build.emit("MUL", [source, gate], options_for(), to=result)


@onnx_operator("Softplus")
def softplus(node: OnnxNode, build: Builder) -> None:
    _softplus(build, build.value(node.input(0)), node.output, node.output)


@onnx_operator("Mish")
def mish(node: OnnxNode, build: Builder) -> None:
    """x * tanh(softplus(x))."""
    result, source = node.output, build.value(node.input(0))
    gate = build.emit("TANH", [_softplus(build, source, result, None)], name=f"{result.name}_gate")
    build.emit("MUL", [source, gate], options_for(), to=result)


def _softplus(build: Builder, source: Value, result: Tensor, to: Tensor | None) -> Value:
    """log(1 + e^x) as relu(x) + log(1 + e^-|x|), which overflows nowhere."""
    name = result.name
    size = build.emit("ABS", [source], name=f"{name}_size")
    negative = build.emit("MUL", [size, _number(build, result, -1)], options_for(), name=f"{name}_negative")
    power = build.emit("EXP", [negative], name=f"{name}_power")
    above_one = build.emit("ADD", [power, _number(build, result, 1)], options_for(), name=f"{name}_sum")
    rest = build.emit("LOG", [above_one], name=f"{name}_rest")
    positive = build.emit("RELU", [source], name=f"{name}_positive")
    return build.emit("ADD", [positive, rest], options_for(), to=to, name=f"{name}_softplus")


def _number(build: Builder, result: Tensor, number: float) -> Value:
    return build.new_constant(f"{result.name}_constant", np.array(number, np.float32))


@onnx_operator("Clip")
def clip(node: OnnxNode, build: Builder) -> None:
    """Clip to a range that an operator has, [0, 6], [0, inf), [-1, 1] or none at all, or by MAXIMUM and MINIMUM."""
    source = build.value(node.input(0))
    low, high = _bound(node, 1, "min", -math.inf), _bound(node, 2, "max", math.inf)
    result = node.output
    if math.isnan(low) or math.isnan(high) or low == math.inf or high == -math.inf:
        raise Refusal(f"a range of [{low:g}, {high:g}]", "Check the model: its result does not depend on the input")
    if (low, high) == (-math.inf, math.inf):
        build.bind(result, source)
    elif (low, high) == (0.0, math.inf):
        build.emit("RELU", [source], to=result)
    elif (low, high) == (0.0, 6.0):
        build.emit("RELU6", [source], to=result)
    elif (low, high) == (-1.0, 1.0):
        # This range exists only fused into another operator; times one is the cheapest.
        one = build.new_constant(f"{result.name}_one", np.ones((), np.float32))
        build.emit("MUL", [source, one], options_for("RELU_N1_TO_1"), to=result)
    else:
        bounds = [(op, bound) for op, bound in (("MAXIMUM", low), ("MINIMUM", high)) if math.isfinite(bound)]
        for i, (op, bound) in enumerate(bounds):
            limit = build.new_constant(f"{result.name}_{op.lower()}", np.array(bound, np.float32))
            to = result if i == len(bounds) - 1 else None
            source = build.emit(op, [source, limit], to=to, name=f"{result.name}_raised")


def _bound(node: OnnxNode, i: int, name: str, missing: float) -> float:
    """A bound: an input since opset 11, an attribute before."""
    given = node.scalar(i, name) if node.opset >= 11 else node.attributes.number(name, missing)
    bound = missing if given is None else given
    return math.copysign(math.inf, bound) if abs(bound) >= _UNBOUNDED else bound

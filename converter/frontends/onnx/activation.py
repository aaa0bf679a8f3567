"""Relu, Clip and Sigmoid."""

from __future__ import annotations

import math

import numpy as np

from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator

#: Bounds from here on bound nothing: exporters write the largest float32 for "none".
_UNBOUNDED = 3.4e38


@onnx_operator("Relu")
def relu(node: OnnxNode, build: Builder) -> None:
    build.emit("RELU", [build.value(node.input(0))], to=node.output)


@onnx_operator("Sigmoid")
def sigmoid(node: OnnxNode, build: Builder) -> None:
    build.emit("LOGISTIC", [build.value(node.input(0))], to=node.output)


@onnx_operator("Clip")
def clip(node: OnnxNode, build: Builder) -> None:
    """Clip to one of the ranges that an operator has: [0, 6], [0, inf), [-1, 1], or none at all."""
    source = build.value(node.input(0))
    low, high = _bound(node, 1, "min", -math.inf), _bound(node, 2, "max", math.inf)
    result = node.output
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
        raise Refusal(f"a range of [{low:g}, {high:g}]", "Supported so far: [0, 6] (ReLU6), [0, inf) and [-1, 1]")


def _bound(node: OnnxNode, i: int, name: str, missing: float) -> float:
    """A bound: an input since opset 11, an attribute before."""
    given = node.scalar(i, name) if node.opset >= 11 else node.attributes.number(name, missing)
    bound = missing if given is None else given
    return math.copysign(math.inf, bound) if abs(bound) >= _UNBOUNDED else bound

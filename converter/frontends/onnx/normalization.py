"""Normalizations. BatchNormalization in inference is multiply and add per channel; a pass folds them elsewhere."""

from __future__ import annotations

import numpy as np

from ...ir.graph import Value
from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator


@onnx_operator("BatchNormalization")
def batch_normalization(node: OnnxNode, build: Builder) -> None:
    """(x - mean) / sqrt(var + epsilon) * scale + bias, the constants combined in float64.

    Formula: ONNX operator specification, BatchNormalization with training_mode = 0.
    """
    if node.attributes.integer("training_mode", 0):
        raise Refusal("training mode", "Export in inference mode: model.eval(), training=TrainingMode.EVAL")
    if node.opset < 9 and not node.attributes.integer("spatial", 1):
        raise Refusal("statistics per element (spatial = 0)", "Export with opset >= 9")
    source, result = node.input(0), node.output
    if len({node.input(i).dims for i in range(1, 5)}) != 1:
        raise Refusal("parameters of different shapes", "Check the model: each has one number per channel")
    scale, bias, mean, variance = (build.array(node.input(i)).astype(np.float64) for i in range(1, 5))
    factor = scale / np.sqrt(variance + node.attributes.number("epsilon", 1e-5))
    offset = bias - mean * factor
    narrow = [array.astype(np.float32) for array in (factor, offset)]
    shape = (1, -1, *[1] * (source.rank - 2)) if source.rank > 1 else (-1,)
    constants = [
        build.new_constant(f"{result.name}_{role}", array.reshape(shape))
        for role, array in zip(("factor", "offset"), narrow, strict=True)
    ]
    scaled = build.emit("MUL", [build.value(source), constants[0]], options_for(), name=f"{result.name}_scaled")
    build.emit("ADD", [scaled, constants[1]], options_for(), to=result)


@onnx_operator("LayerNormalization")
def layer_normalization(node: OnnxNode, build: Builder) -> None:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, statistics over the axes from `axis` on."""
    source = node.input(0)
    axes = list(range(node.axis(-1, source.rank), source.rank))
    bias = node.optional(2)
    operands = [build.value(tensor) for tensor in (node.input(1), bias) if tensor is not None]
    _normalize(build, build.value(source), axes, node.attributes.number("epsilon", 1e-5), operands, node.output)


@onnx_operator("InstanceNormalization")
def instance_normalization(node: OnnxNode, build: Builder) -> None:
    """The same over the positions of each channel, with a scale and a bias per channel."""
    source = node.input(0)
    if source.rank < 3:
        raise Refusal(f"{source.rank} dimensions", "Batch, channels and at least one more are needed")
    if any(node.input(i).dims != (source.dims[1],) for i in (1, 2)):
        raise Refusal("a scale or bias of another shape", "Check the model: each has one number per channel")
    shape = (-1, *[1] * (source.rank - 2))
    operands = [_reshaped(build, node.input(i), shape) for i in (1, 2)]
    axes = list(range(2, source.rank))
    _normalize(build, build.value(source), axes, node.attributes.number("epsilon", 1e-5), operands, node.output)


def _reshaped(build: Builder, tensor: Tensor, shape: tuple[int, ...]) -> Value:
    if tensor.data is not None:
        return build.new_constant(f"{tensor.name}_reshaped", build.array(tensor).reshape(shape))
    return build.reshape(build.value(tensor), tuple(tensor.dims[0] if size == -1 else size for size in shape))


def _normalize(
    build: Builder, source: Value, axes: list[int], epsilon: float, scale_and_bias: list[Value], result: Tensor
) -> None:
    """The deviation from the mean over its root mean square, then MUL by the scale and ADD of the bias."""
    name = result.name
    operand = build.indices(f"{name}_axes", axes)
    mean = build.emit("MEAN", [source, operand], {"keep_dims": True}, name=f"{name}_mean")
    deviation = build.emit("SUB", [source, mean], options_for(), name=f"{name}_deviation")
    squares = build.emit("MUL", [deviation, deviation], options_for(), name=f"{name}_squares")
    variance = build.emit("MEAN", [squares, operand], {"keep_dims": True}, name=f"{name}_variance")
    offset = build.new_constant(f"{name}_epsilon", np.array(epsilon, np.float32))
    shifted = build.emit("ADD", [variance, offset], options_for(), name=f"{name}_shifted")
    factor = build.emit("RSQRT", [shifted], name=f"{name}_factor")
    value = build.emit("MUL", [deviation, factor], options_for(), name=f"{name}_normalized")
    for i, (op, constant) in enumerate(zip(("MUL", "ADD"), scale_and_bias, strict=False)):
        to = result if i == len(scale_and_bias) - 1 else None
        value = build.emit(op, [value, constant], options_for(), to=to, name=f"{name}_scaled")


@onnx_operator("LpNormalization")
def lp_normalization(node: OnnxNode, build: Builder) -> None:
    """p = 2 along the last axis is an operator; along another one that axis goes last and back. p = 1: x / sum |x|."""
    source, result = node.input(0), node.output
    axis, p = node.axis(-1, source.rank), node.attributes.integer("p", 2)
    if p not in (1, 2):
        raise Refusal(f"p = {p}", "1 and 2 are supported")
    value = build.value(source)
    if p == 1:
        magnitudes = build.emit("ABS", [value], name=f"{result.name}_magnitudes")
        operand = build.indices(f"{result.name}_axes", [axis])
        total = build.emit("SUM", [magnitudes, operand], {"keep_dims": True}, name=f"{result.name}_sum")
        build.emit("DIV", [value, total], options_for(), to=result)
    elif axis == source.rank - 1:
        build.emit("L2_NORMALIZATION", [value], options_for(), to=result)
    else:
        order = [i for i in range(source.rank) if i != axis] + [axis]
        moved = build.transpose(value, order, name=f"{result.name}_moved")
        normalized = build.emit("L2_NORMALIZATION", [moved], options_for(), name=f"{result.name}_normalized")
        build.transpose(normalized, [order.index(i) for i in range(source.rank)], to=result)

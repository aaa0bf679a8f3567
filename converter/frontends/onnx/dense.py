"""Gemm and MatMul with constant weights: FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np

from ...ir.graph import OptionValue, Value
from ...ir.types import Origin
from .builder import Builder, options_for
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator


def _dense_options(keep_num_dims: bool) -> dict[str, OptionValue]:
    return {"fused_activation_function": "NONE", "weights_format": "DEFAULT", "keep_num_dims": keep_num_dims}


@onnx_operator("Gemm")
def gemm(node: OnnxNode, build: Builder) -> None:
    """alpha * A' * B' + beta * C: alpha goes into the weights, beta into the bias; a C that is no row is added."""
    left, right, addend = node.input(0), node.input(1), node.optional(2)
    if right.data is None:
        raise Refusal(f"its weights {right.name!r} are computed at run time", "B has to be a constant")
    attributes, result = node.attributes, node.output
    alpha, beta = attributes.number("alpha", 1.0), attributes.number("beta", 1.0)
    if beta == 0.0:
        addend = None

    rows = build.value(left)
    if attributes.integer("transA", 0):
        rows = build.transpose(rows, (1, 0))
    weights = _weights(build, right, bool(attributes.integer("transB", 0)), alpha)
    bias = None if addend is None else _bias_row(build, addend, weights.shape[0], beta)
    operands = [rows, weights] if bias is None else [rows, weights, bias]
    if addend is None or bias is not None:
        build.emit("FULLY_CONNECTED", operands, _dense_options(False), to=result)
        return
    product = build.emit("FULLY_CONNECTED", operands, _dense_options(False), name=f"{result.name}_product")
    build.emit("ADD", [product, _scaled(build, addend, beta)], options_for(), to=result)


@onnx_operator("MatMul")
def matmul(node: OnnxNode, build: Builder) -> None:
    """X * W with a constant matrix W, over any leading dimensions of X."""
    left, right, result = node.input(0), node.input(1), node.output
    if right.data is None:
        raise Refusal(
            f"its second input {right.name!r} is computed at run time",
            "A product of two computed tensors is not supported yet: only constant weights on the right",
        )
    if right.rank > 2 or right.rank == 0:
        raise Refusal(
            f"weights of {right.rank} dimensions {list(right.dims)}", "A batch of weight matrices is not supported yet"
        )
    rows = build.value(left)
    if left.rank == 1:
        rows = build.reshape(rows, (1, *left.dims))
    weights = _weights(build, right, right.rank == 1, 1.0)
    if right.rank == 1 or left.rank == 1:
        product = build.emit("FULLY_CONNECTED", [rows, weights], _dense_options(True), name=f"{result.name}_product")
        build.reshape(product, result.dims, to=result)
    else:
        build.emit("FULLY_CONNECTED", [rows, weights], _dense_options(left.rank > 2), to=result)


def _weights(build: Builder, tensor: Tensor, is_transposed: bool, alpha: float) -> Value:
    """Constant weights as FULLY_CONNECTED has them: [outputs, inputs]."""
    if alpha == 1.0 and tensor.rank == 2:
        return build.weights(tensor, None if is_transposed else (1, 0))
    matrix = build.array(tensor).reshape(-1, tensor.dims[-1]) * np.float32(alpha)
    value = build.new_constant(f"{tensor.name}_scaled", matrix if is_transposed else matrix.T)
    if alpha == 1.0:
        value.origin = Origin(tensor.name)
    return value


def _bias_row(build: Builder, addend: Tensor, outputs: int, beta: float) -> Value | None:
    """beta * C as one element per output, if C is a constant that is the same for every row."""
    if (
        addend.data is None
        or addend.data.size not in (1, outputs)
        or (addend.rank and addend.dims[-1] != addend.data.size)
    ):
        return None
    if beta == 1.0 and addend.dims == (outputs,):
        return build.weights(addend)
    row = np.broadcast_to(build.array(addend).reshape(-1) * np.float32(beta), (outputs,))
    return build.new_constant(f"{addend.name}_row", row)


def _scaled(build: Builder, addend: Tensor, beta: float) -> Value:
    if beta == 1.0:
        return build.value(addend)
    if addend.data is not None:
        return build.new_constant(f"{addend.name}_scaled", build.array(addend) * np.float32(beta))
    factor = build.new_constant(f"{addend.name}_beta", np.array(beta, np.float32))
    return build.emit("MUL", [build.value(addend), factor], options_for(), name=f"{addend.name}_scaled")

"""Gemm and MatMul: FULLY_CONNECTED where the right operand is a constant matrix, else BATCH_MATMUL."""

from __future__ import annotations

import math

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
    attributes, result = node.attributes, node.output
    alpha, beta = attributes.number("alpha", 1.0), attributes.number("beta", 1.0)
    if beta == 0.0:
        addend = None
    if right.data is None:
        if left.data is None:
            _gemm_of_computed(node, build, addend, alpha, beta)
        else:
            _constant_left(build, node, addend, alpha, beta)
        return

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


def _constant_left(build: Builder, node: OnnxNode, addend: Tensor | None, alpha: float, beta: float) -> None:
    """A constant and B computed: the transpose of B'' * A'', with A as weights; C is added."""
    left, right, result = node.input(0), node.input(1), node.output
    columns = build.value(right)
    if not node.attributes.integer("transB", 0):
        columns = build.transpose(columns, (1, 0))
    weights = _weights(build, left, not node.attributes.integer("transA", 0), alpha)
    product = build.emit("FULLY_CONNECTED", [columns, weights], _dense_options(False), name=f"{result.name}_columns")
    if addend is None:
        build.transpose(product, (1, 0), to=result)
        return
    rows = build.transpose(product, (1, 0), name=f"{result.name}_product")
    build.emit("ADD", [rows, _scaled(build, addend, beta)], options_for(), to=result)


def _gemm_of_computed(node: OnnxNode, build: Builder, addend: Tensor | None, alpha: float, beta: float) -> None:
    """The same product where B is computed: BATCH_MATMUL, then the factor and the addend."""
    result, attributes = node.output, node.attributes
    options = _product_options(bool(attributes.integer("transA", 0)), bool(attributes.integer("transB", 0)))
    steps: list[tuple[str, Value]] = []
    if alpha != 1.0:
        steps.append(("MUL", build.new_constant(f"{result.name}_alpha", np.array(alpha, np.float32))))
    if addend is not None:
        steps.append(("ADD", _scaled(build, addend, beta)))
    operands = [build.value(node.input(0)), build.value(node.input(1))]
    value = build.emit("BATCH_MATMUL", operands, options, to=None if steps else result, name=f"{result.name}_product")
    for i, (op, operand) in enumerate(steps):
        to = result if i == len(steps) - 1 else None
        value = build.emit(op, [value, operand], options_for(), to=to, name=f"{result.name}_scaled")


def _product_options(adj_x: bool, adj_y: bool) -> dict[str, OptionValue]:
    return {"adj_x": adj_x, "adj_y": adj_y, "asymmetric_quantize_inputs": False}


@onnx_operator("MatMul")
def matmul(node: OnnxNode, build: Builder) -> None:
    """X * W with a constant matrix W, over any leading dimensions of X; a product of any others as numpy.matmul."""
    left, right, result = node.input(0), node.input(1), node.output
    if left.rank == 0 or right.rank == 0:
        raise Refusal("an operand without dimensions", "MatMul needs vectors, matrices or stacks of them")
    if right.data is None or right.rank > 2:
        _matmul_of_computed(node, build)
        return
    rows = build.value(left)
    if left.rank == 1:
        rows = build.reshape(rows, (1, *left.dims))
    weights = _weights(build, right, right.rank == 1, 1.0)
    if right.rank == 1 or left.rank == 1:
        product = build.emit("FULLY_CONNECTED", [rows, weights], _dense_options(True), name=f"{result.name}_product")
        build.reshape(product, result.dims, to=result)
    else:
        build.emit("FULLY_CONNECTED", [rows, weights], _dense_options(left.rank > 2), to=result)


def _matmul_of_computed(node: OnnxNode, build: Builder) -> None:
    """A vector on the left is a row, one on the right a column; the result lacks that dimension."""
    left, right, result = node.input(0), node.input(1), node.output
    x, y = build.value(left), build.value(right)
    if left.rank == 1:
        x = build.reshape(x, (1, *left.dims), name=f"{left.name}_row")
    if right.rank == 1:
        y = build.reshape(y, (1, *right.dims), name=f"{right.name}_row")
    options = _product_options(False, right.rank == 1)
    if left.rank == 1 or right.rank == 1:
        product = build.emit("BATCH_MATMUL", [x, y], options, name=f"{result.name}_product")
        build.reshape(product, result.dims, to=result)
    else:
        build.emit("BATCH_MATMUL", [x, y], options, to=result)


def _weights(build: Builder, tensor: Tensor, is_transposed: bool, alpha: float) -> Value:
    """Constant weights as FULLY_CONNECTED has them: [outputs, inputs]."""
    if alpha == 1.0 and tensor.rank == 2:
        return build.weights(tensor, None if is_transposed else (1, 0))
    matrix = build.array(tensor).reshape(math.prod(tensor.dims[:-1]), tensor.dims[-1]) * np.float32(alpha)
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

"""How much arithmetic a model is."""

from __future__ import annotations

import math

from .model_file import ModelFile, Operator, shape_of


def macs(file: ModelFile, operator: Operator) -> int:
    """Multiply-accumulates of one operator at the file's shapes; 0 for operators that are no sums of products."""
    rule = {"CONV_2D": _convolution, "DEPTHWISE_CONV_2D": _depthwise, "FULLY_CONNECTED": _dense}.get(operator.name)
    if operator.name == "TRANSPOSE_CONV" and len(operator.inputs) > 2:
        return _transposed(_shape(file, operator.inputs[1]), _shape(file, operator.inputs[2]))
    shapes = [_shape(file, index) for index in (*operator.inputs[:2], *operator.outputs[:1])]
    if rule is None or len(shapes) != 3:
        return 0
    return rule(shapes[1], shapes[2])


def _convolution(filter_: tuple[int, ...], output: tuple[int, ...]) -> int:
    """Every output element sums over the filter's rows, columns and input channels (OHWI)."""
    return math.prod(output) * math.prod(filter_[1:])


def _depthwise(filter_: tuple[int, ...], output: tuple[int, ...]) -> int:
    """Every output element sums over the filter's rows and columns (1HWC)."""
    return math.prod(output) * math.prod(filter_[1:3])


def _transposed(filter_: tuple[int, ...], source: tuple[int, ...]) -> int:
    """Every input element meets every tap (OHWI), those beyond the borders of the output included."""
    return math.prod(source) * math.prod(filter_[:3])


def _dense(weights: tuple[int, ...], output: tuple[int, ...]) -> int:
    """Every output element sums over one row of the weights."""
    return math.prod(output) * math.prod(weights[1:])


def _shape(file: ModelFile, index: int) -> tuple[int, ...]:
    return shape_of(file.tensors[index]) if 0 <= index < len(file.tensors) else ()

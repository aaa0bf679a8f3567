"""What quantization must satisfy, value by value and operator by operator."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..gen.ops import OpSpec
from .graph import Node, Value
from .types import DType, Quantization
from .weighted import bias_of, filter_of, source_of

#: Smallest and largest zero point by element type; other types carry no quantization.
_ZERO_POINTS = {
    DType.INT8: (-128, 127),
    DType.UINT8: (0, 255),
    DType.INT16: (-32768, 32767),
    DType.INT32: (0, 0),
    DType.INT64: (0, 0),
    DType.INT4: (-8, 7),
}

#: Types whose codes stand for real numbers.
_QUANTIZED = (DType.INT8, DType.UINT8, DType.INT16)

#: Largest relative difference between a bias scale and the product of input and weight scale. Files by others store the
#: product rounded in other ways; anything larger means that it belongs to other scales.
_BIAS_TOLERANCE = 1e-3


def value_quantization_problems(value: Value) -> Iterator[str]:
    """Scales finite and positive, zero points within the type, as many as the channel dimension has elements."""
    quantization = value.quantization
    if quantization is None:
        return
    if value.dtype not in _ZERO_POINTS:
        yield f"{value.dtype.value} carries no quantization"
        return
    if not all(math.isfinite(scale) and scale > 0 for scale in quantization.scales):
        yield f"scales {_short(quantization.scales)} must be finite and positive"
    low, high = _ZERO_POINTS[value.dtype]
    if not all(low <= zero_point <= high for zero_point in quantization.zero_points):
        yield f"zero points {_short(quantization.zero_points)} must lie in {low}..{high} for {value.dtype.value}"
    if quantization.is_per_tensor:
        return
    axis = quantization.axis
    if not 0 <= axis < len(value.shape) or len(quantization.scales) != value.shape[axis]:
        yield f"{len(quantization.scales)} scales fit dimension {axis} of shape {list(value.shape)} not"


def operator_quantization_problems(spec: OpSpec, node: Node) -> Iterator[str]:
    """Rules of the operator's quantization kind (`quantize` in ops.toml), for nodes on integers.

    Operators of kind `same` may also move integers that mean themselves: then no operand has a quantization.
    """
    if spec.family in ("cast", "shape"):
        return  # codes are integers to them, whatever they stand for
    if spec.quantize == "none":
        touched = (node.input(0), node.outputs[0])
        if node.op == "DEQUANTIZE":  # of weights, which may have a scale per channel
            if node.input(0).quantization is None and not node.input(0).dtype.is_float:
                yield f"{node.input(0).name!r} ({node.input(0).dtype.value}) needs scales"
            return
        yield from _need_per_tensor(node, [value for value in touched if not value.dtype.is_float])
        return
    for output in node.outputs:
        yield from _output_problems(spec, node, output)


def _output_problems(spec: OpSpec, node: Node, output: Value) -> Iterator[str]:
    if output.dtype not in _QUANTIZED:
        if spec.quantize == "weights" and not filter_of(node).dtype.is_float:
            yield from _weight_problems(spec, node)
        if not output.dtype.is_float:  # comparisons and searches read codes
            yield from _need_per_tensor(node, [v for v in node.inputs if v is not None and v.dtype in _QUANTIZED])
        return
    data = [value for value in node.inputs if value is not None and value.dtype is output.dtype]
    if spec.quantize == "weights":
        data = [source_of(node)]
        yield from _weight_problems(spec, node)
    elif spec.quantize == "same":
        if not all(_same(value.quantization, output.quantization) for value in data):
            yield "input and output must share scale and zero point"
        if output.quantization is not None and not output.quantization.is_per_tensor:
            yield f"{output.name!r} needs a single scale"
        if not spec.activation:
            return
    prescribed = spec.fixed_for(output.dtype.value)
    if prescribed is not None:
        denominator, zero_point = prescribed
        if not _same(output.quantization, Quantization((1 / denominator,), (zero_point,))):
            yield f"the output's quantization must be scale 1/{denominator}, zero point {zero_point}"
    yield from _need_per_tensor(node, [*data, output])


def _same(a: Quantization | None, b: Quantization | None) -> bool:
    """Equal scales and zero points; the axis means nothing where there is a single scale."""
    if a is None or b is None:
        return a is b
    return a.scales == b.scales and a.zero_points == b.zero_points and (a.is_per_tensor or a.axis == b.axis)


def _need_per_tensor(node: Node, values: list[Value]) -> Iterator[str]:
    if node.op == "CONCATENATION" and all(value.quantization is None for value in values):
        return
    for value in values:
        if value.quantization is None or not value.quantization.is_per_tensor:
            yield f"{value.name!r} ({value.dtype.value}) needs a single scale"


def _weight_problems(spec: OpSpec, node: Node) -> Iterator[str]:
    weights, bias = filter_of(node), bias_of(node)
    quantization = weights.quantization
    if quantization is None:
        yield f"weights {weights.name!r} need scales"
        return
    if any(quantization.zero_points) and weights.dtype is not DType.UINT8:
        yield f"zero points of the weights {weights.name!r} must be 0"
    if weights.dtype is DType.UINT8 and not quantization.is_per_tensor:
        yield f"uint8 weights {weights.name!r} need a single scale"
    if not quantization.is_per_tensor and quantization.axis != spec.channel_axis:
        yield f"scales of the weights {weights.name!r} belong to dimension {quantization.axis}, not {spec.channel_axis}"
    source = source_of(node).quantization
    if bias is None or bias.quantization is None or source is None or not source.is_per_tensor:
        return
    wanted = source.scale * np.array(quantization.scales)
    found = np.array(bias.quantization.scales)
    if len(found) != len(wanted) and 1 not in (len(found), len(wanted)):
        yield f"bias {bias.name!r} has {len(found)} scales, the weights {len(wanted)}"
    elif np.any(np.abs(found - wanted) > _BIAS_TOLERANCE * wanted):
        yield f"scales of the bias {bias.name!r} are not input scale times weight scale"


def _short(numbers: tuple[float, ...]) -> str:
    head = ", ".join(str(number) for number in numbers[:4])
    return f"[{head}{', …' if len(numbers) > 4 else ''}]"

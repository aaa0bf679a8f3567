"""Reads tests/cases and makes a graph of one operator, with random data, of each case."""

from __future__ import annotations

import itertools
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter import backend
from converter.gen import tflite
from converter.gen.ops import OPS, OperandSpec, OpSpec, TypeRow
from converter.ir.graph import Graph, Node, OptionValue, Value
from converter.ir.rules import infer_shapes
from converter.ir.types import DType, Quantization, Shape
from converter.ir.weighted import filter_of, source_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Array = npt.NDArray[Any]
CASES = Path(__file__).parent / "cases"
QUANTIZED = (DType.INT8, DType.UINT8)
#: What of int16 data carries a scale; others move it as integers.
QUANTIZED_INT16 = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "ADD", "SUB", "MUL",
                   "MAXIMUM", "MINIMUM", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "REDUCE_MAX", "REDUCE_MIN",
                   "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SOFTMAX", "LOGISTIC", "TANH", "RELU", "RELU6",
                   "LEAKY_RELU", "SELECT_V2", "PADV2", "QUANTIZE", "DEQUANTIZE")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One operator with the shapes or values of its operands and its options, in one combination of element types."""

    op: str
    types: TypeRow
    shapes: Mapping[str, Any]
    values: Mapping[str, Any]
    options: Mapping[str, OptionValue]
    #: Why LiteRT is no oracle here; empty: it is.
    litert_lacks: str = ""
    #: Whether no operand is below 0.
    not_negative: bool = False
    #: Smallest and largest element of integer inputs, by operand.
    limits: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        source, result = self.types.inputs[0], self.types.outputs[0]
        parts = [source if source == result else f"{source}-{result}"]
        parts += ["x".join(map(str, shape)) for shape in self.shapes.values()]
        parts += [str(value).replace(" ", "") for value in (*self.values.values(), *self.options.values())]
        parts += [name for name in self.types.inputs[1:] if name == "int64" or is_mixed(self.types)]
        return "-".join(parts).replace("[", "(").replace("]", ")")


def cases_of(op: str) -> list[Case]:
    """Every case of an operator's file."""
    sweeps = tomllib.loads((CASES / f"{op.lower()}.toml").read_text())["sweep"]
    return [
        Case(
            op,
            row,
            shapes,
            values,
            options,
            sweep.get("litert_lacks", ""),
            sweep.get("not_negative", False),
            sweep.get("limits", {}),
        )
        for sweep in sweeps
        for shapes in together(sweep["shapes"])
        for values in products(sweep.get("values", {}))
        for options in products(sweep.get("options", {}))
        for row in OPS[op].types
        if is_mixed(row) == sweep.get("mixed", False)
        if row.inputs[0] in sweep.get("types", row.inputs) and row.outputs[0] in sweep.get("results", row.outputs)
    ]


def is_mixed(row: TypeRow) -> bool:
    """Whether the weights have another type than the activations: int4, or 8 bits under float."""
    return "int4" in row.inputs or {"int8", "float32"} <= set(row.inputs)


def together(lists: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    length = max(len(shapes) for shapes in lists.values())
    assert all(len(shapes) in (1, length) for shapes in lists.values()), lists
    for i in range(length):
        yield {name: shapes[i if len(shapes) > 1 else 0] for name, shapes in lists.items()}


def products(lists: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for combination in itertools.product(*lists.values()):
        yield {
            name: tuple(value) if isinstance(value, list) and not nested(value) else value
            for name, value in zip(lists, combination, strict=True)
        }


def nested(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], list)


def random_data(rng: np.random.Generator, shape: Shape, dtype: DType) -> Array:
    """Integers of the type's whole range with its extremes in front, floats around zero."""
    if dtype.is_float:
        return (rng.standard_normal(shape) * 2).astype(dtype.numpy)
    if dtype is DType.BOOL:
        return rng.integers(0, 2, shape).astype(np.bool_)
    limits = np.iinfo(dtype.numpy)
    data = rng.integers(limits.min, limits.max, shape, dtype=dtype.numpy, endpoint=True)
    flat = data.reshape(-1)
    flat[: len(flat) // 8] = limits.max
    flat[len(flat) // 8 : len(flat) // 4] = limits.min
    rng.shuffle(flat)
    return data


def is_quantized(op: str, dtype: DType) -> bool:
    return dtype in QUANTIZED or (dtype is DType.INT16 and op in QUANTIZED_INT16)


def any_quantization(rng: np.random.Generator, dtype: DType) -> Quantization:
    if dtype is DType.INT16:
        return Quantization.per_tensor(float(rng.uniform(0.0001, 0.001)), 0)
    limits = np.iinfo(dtype.numpy)
    return Quantization.per_tensor(float(rng.uniform(0.01, 0.1)), int(rng.integers(limits.min, limits.max + 1)))


@dataclass(frozen=True)
class OneOperator:
    """A graph of one node, its file, and random data for each graph input, in order."""

    node: Node
    content: bytes
    inputs: tuple[Array, ...]


def build(case: Case) -> OneOperator:
    """The case's graph with random constants, data and quantization, the same at every call."""
    spec = OPS[case.op]
    rng = np.random.default_rng(zlib.crc32(f"{case.op} {case.name}".encode()))
    operands: list[Value | None] = []
    inputs: list[Value] = []
    kinds = (DType.INT8, DType.INT16, DType.UINT8)
    shared = any_quantization(rng, next((kind for kind in kinds if kind.value in case.types.inputs), DType.UINT8))
    for position, operand in enumerate(spec.inputs):
        dtype = DType(case.types.inputs[position])
        shapes = case.shapes.get(operand.name)
        if shapes is None and operand.name not in case.values:
            assert operand.optional, f"{case.op}: the sweep leaves out {operand.name}"
            operands.append(None)
            continue
        for i, shape in enumerate(shapes if operand.variadic else [shapes]):
            value = make_operand(rng, spec, operand, f"{operand.name}{i or ''}", shape, dtype, case)
            if is_quantized(case.op, dtype) and value.quantization is None:
                value.quantization = shared if spec.quantize == "same" else any_quantization(rng, dtype)
                if case.not_negative:
                    lowest = int(np.iinfo(dtype.numpy).min)
                    value.quantization = Quantization.per_tensor(value.quantization.scale, lowest)
            operands.append(value)
            if value.data is None:
                inputs.append(value)
    while operands and operands[-1] is None:
        operands.pop()
    scale_bias(spec, operands)
    outputs = [Value(name, (), DType(case.types.outputs[0])) for name in output_names(spec, case.options)]
    node = Node(case.op, operands, outputs, dict(case.options), case.op.lower())
    if case.op == "DEPTHWISE_CONV_2D":  # redundant, but LiteRT leaves its default path where it is not stated
        node.options["depth_multiplier"] = node.input(1).shape[3] // node.input(0).shape[3]
    if any(field.name == "pot_scale_int16" for field in spec.option_fields):
        node.options["pot_scale_int16"] = case.types.inputs[0] != "int16"
    if any(field.name == "output_type" for field in spec.option_fields):
        node.options["output_type"] = outputs[0].dtype.name
    for output, shape in zip(outputs, infer_shapes(node), strict=True):
        output.shape = shape
        output.quantization = output_quantization(rng, spec, node)
    names = [value.name for value in inputs]
    graph = Graph([node], inputs, outputs, input_names=names, output_names=[value.name for value in outputs])
    return OneOperator(node, with_operands(backend.write(graph), len(operands)), input_data(rng, case, inputs))


def input_data(rng: np.random.Generator, case: Case, inputs: Sequence[Value]) -> tuple[Array, ...]:
    """Random data for the inputs of a case's graph, within what the case allows."""
    data = tuple(
        rng.integers(*case.limits[value.name], value.shape, value.dtype.numpy, endpoint=True)
        if value.name in case.limits
        else random_data(rng, value.shape, value.dtype)
        for value in inputs
    )
    if case.not_negative:
        data = tuple(np.abs(array) if array.dtype.kind == "f" else array for array in data)
    return data


def output_names(spec: OpSpec, options: Mapping[str, OptionValue]) -> list[str]:
    """One for each output; how many a repeated one has, an option says."""
    if not spec.repeats_output:
        return ["output"]
    count = options["num_splits" if "num_splits" in options else "num"]
    assert isinstance(count, int)
    return [f"output{i}" for i in range(count)]


def with_operands(content: bytes, count: int) -> bytes:
    """The file with so many operands: files by others lack the bias of zeros that ours have."""
    model = tflite.read_model(content)
    (operator,) = model.subgraphs[0].operators
    assert operator.inputs is not None
    operator.inputs = operator.inputs[:count]
    return tflite.write_model(model)


def make_operand(
    rng: np.random.Generator, spec: OpSpec, operand: OperandSpec, name: str, shape: Any, dtype: DType, case: Case
) -> Value:
    if operand.name in case.values:
        data: Array = np.asarray(case.values[operand.name], dtype.numpy)
        return Value(name, data.shape, dtype, data=data)
    value = Value(name, tuple(shape), dtype)
    if operand.constant:
        value.data = random_data(rng, value.shape, dtype)
        if operand.name == "bias" and dtype in (DType.INT32, DType.INT64):
            value.data = rng.integers(-20000, 20000, value.shape).astype(dtype.numpy)
        if operand.name == "filter" and dtype is DType.UINT8:
            value.quantization = Quantization.per_tensor(
                float(np.float32(rng.uniform(0.005, 0.05))), int(rng.integers(256))
            )
        if operand.name == "filter" and dtype in (DType.INT8, DType.INT4):
            if dtype is DType.INT4:
                value.data = rng.integers(-8, 8, value.shape, np.int8)
            value.data = np.maximum(value.data, -127)
            axis = spec.channel_axis or 0
            scales = tuple(float(np.float32(s)) for s in rng.uniform(0.005, 0.05, value.shape[axis]))
            value.quantization = Quantization(scales, (0,) * len(scales), axis)
    return value


def scale_bias(spec: OpSpec, operands: list[Value | None]) -> None:
    """The bias of a quantized convolution has the scale input x filter."""
    if spec.quantize != "weights":
        return
    named = {operand.name: value for operand, value in zip(spec.inputs, operands, strict=False)}
    source, weights, bias = (named.get(name) for name in ("input", "filter", "bias"))
    if source is not None and weights is not None and bias is not None and source.quantization and weights.quantization:
        input_scale = np.float32(source.quantization.scale)
        scales = tuple(float(input_scale * np.float32(scale)) for scale in weights.quantization.scales)
        bias.quantization = Quantization(scales, (0,) * len(scales), 0)


def output_quantization(rng: np.random.Generator, spec: OpSpec, node: Node) -> Quantization | None:
    """What the operator's row asks for; a range that the results of random data about fill where it is free."""
    if not is_quantized(node.op, node.outputs[0].dtype):
        return None
    prescribed = spec.fixed_for(node.outputs[0].dtype.value)
    if prescribed is not None:
        denominator, zero_point = prescribed
        return Quantization.per_tensor(1 / denominator, zero_point)
    held = [value.quantization for value in node.inputs if value is not None and value.quantization is not None]
    source = source_of(node).quantization if spec.quantize == "weights" else held[0] if held else None
    if spec.quantize == "same":
        return source
    free = any_quantization(rng, node.output.dtype)
    if spec.quantize == "weights" and source is not None:
        weights = filter_of(node)
        assert weights.quantization is not None
        terms = weights.elements // len(weights.quantization.scales)
        spread = 74 * 74 * np.sqrt(terms) * source.scale * float(np.mean(weights.quantization.scales))
        return Quantization.per_tensor(float(spread / 50), free.zero_point)
    if node.op == "BATCH_MATMUL" and source is not None:
        return Quantization.per_tensor(source.scale * 70, free.zero_point)
    if node.op == "MUL" and source is not None and node.output.dtype is not DType.INT16:
        return Quantization.per_tensor(source.scale * 5, free.zero_point)
    return free

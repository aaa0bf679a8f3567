"""One small model for each operator and way through it: what mutants of a larger model seldom reach."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tiny_models import BOOL, FLOAT16, FLOAT32, INT4, INT8, INT16, INT32, INT64, TYPES, UINT8, ModelMaker

from converter.gen import tflite

Shape = Sequence[int]
Array = npt.NDArray[Any]
SAME, VALID = 0, 1
#: Operators that have no second version, or none that int8 needs.
VERSION_1 = ("RESHAPE", "EXPAND_DIMS", "ELU", "LEAKY_RELU", "HARD_SWISH", "NEG", "SQUARE")


class _Maker(ModelMaker):
    """Values and constants with the quantization that their type needs, and random contents."""

    def __init__(self) -> None:
        super().__init__()
        self.random = np.random.default_rng(len(self.graph.tensors))

    def value(self, shape: Shape, type: int, scale: float = 0.05, zero_point: int = 3) -> int:
        quantized = type in (INT8, UINT8)
        return self.tensor(shape, type, None, scale if quantized else None, zero_point)

    def weights(self, shape: Shape, type: int, axis: int | None = None) -> int:
        if type == FLOAT32:
            return self.tensor(shape, type, self.random.normal(size=shape))
        if type == UINT8:
            return self.tensor(shape, type, self.random.integers(0, 256, shape), 0.02, 151)
        scales = [0.01 * (1 + i % 3) for i in range(shape[axis])] if axis is not None else 0.02
        low, high = (-8, 8) if type == INT4 else (-128, 128)
        return self.tensor(shape, type, self.random.integers(low, high, shape), scales, axis=axis or 0)

    def ints(self, values: Any, type: int = INT32) -> int:
        array = np.asarray(values)
        return self.tensor(array.shape, type, array)

    def only(self, name: str, inputs: Sequence[int], output: int, options: Any = None, version: int = 1) -> ModelMaker:
        """The model of one operator. Its inputs without data are the graph's."""
        self.op(name, inputs, [output], options, version)
        computed = [i for i in dict.fromkeys(inputs) if i >= 0 and self.graph.tensors[i].buffer == 0]
        return self.ends(computed, [output])


def _convolution(
    type: int, shape: Shape, filter_shape: Shape, out: Shape, options: Any, axis: int | None
) -> ModelMaker:
    m = _Maker()
    name = "DEPTHWISE_CONV_2D" if isinstance(options, tflite.DepthwiseConv2DOptions) else "CONV_2D"
    channels = out[-1]
    bias = m.weights((channels,), FLOAT32) if type == FLOAT32 else m.ints(m.random.integers(-500, 500, channels))
    operands = [m.value(shape, type), m.weights(filter_shape, type, axis), bias]
    return m.only(name, operands, m.value(out, type), options, 3)


def _transposed(type: int, shape: Shape, filter_shape: Shape, out: Shape, padding: int) -> ModelMaker:
    m = _Maker()
    bias = m.ints(m.random.integers(-500, 500, out[-1])) if type == INT8 else m.weights((out[-1],), FLOAT32)
    operands = [m.ints(out), m.weights(filter_shape, type, 0), m.value(shape, type), bias]
    return m.only("TRANSPOSE_CONV", operands, m.value(out, type), tflite.TransposeConvOptions(padding, 2, 2, 1), 4)


def _dense(type: int, keep: bool) -> ModelMaker:
    m = _Maker()
    bias = m.ints(m.random.integers(-500, 500, 5)) if type != FLOAT32 else -1
    operands = [m.value((2, 3, 7), type), m.weights((5, 7), type, 0 if keep else None), bias]
    options = tflite.FullyConnectedOptions(3, keep_num_dims=keep)
    return m.only("FULLY_CONNECTED", operands, m.value((2, 3, 5) if keep else (6, 5), type), options, 4)


def _stored(name: str, type: int, weights: int, shapes: Sequence[Shape], options: Any, axis: int = 0) -> ModelMaker:
    """A layer whose weights have another type than its activations; shapes of input, filter and output."""
    m = _Maker()
    shape, filter_shape, out = shapes
    bias = m.weights(out[-1:], FLOAT32) if type == FLOAT32 else m.ints(m.random.integers(-500, 500, out[-1]))
    operands = [m.value(shape, type), m.weights(filter_shape, weights, axis), bias]
    if name == "TRANSPOSE_CONV":
        operands = [m.ints(out), operands[1], operands[0], bias]
    return m.only(name, operands, m.value(out, type), options, 3)


def _stored_weights() -> dict[str, ModelMaker]:
    conv, depthwise = tflite.Conv2DOptions, tflite.DepthwiseConv2DOptions
    wide, narrow = ((2, 5, 6, 3), (9, 3, 2, 3), (2, 3, 3, 9)), ((1, 3, 4, 5), (9, 1, 1, 5), (1, 3, 4, 9))
    dense, single = ((2, 3, 7), (5, 7), (6, 5)), ((2, 5, 6, 3), (1, 3, 2, 3), (2, 3, 3, 3))
    spread, options = ((2, 3, 4, 5), (9, 3, 3, 5), (2, 6, 7, 9)), tflite.FullyConnectedOptions(3)
    return {
        "conv hybrid": _stored("CONV_2D", FLOAT32, INT8, wide, conv(SAME, 2, 2, 1)),
        "conv 1x1 hybrid": _stored("CONV_2D", FLOAT32, INT8, narrow, conv(SAME, 1, 1)),
        "conv hybrid int4": _stored("CONV_2D", FLOAT32, INT4, wide, conv(SAME, 2, 2, 1)),
        "conv int8 int4": _stored("CONV_2D", INT8, INT4, wide, conv(SAME, 2, 2, 1)),
        "depthwise hybrid": _stored("DEPTHWISE_CONV_2D", FLOAT32, INT8, single, depthwise(SAME, 2, 2, 1), 3),
        "depthwise int8 int4": _stored("DEPTHWISE_CONV_2D", INT8, INT4, single, depthwise(SAME, 2, 2, 1), 3),
        "dense hybrid": _stored("FULLY_CONNECTED", FLOAT32, INT8, dense, options),
        "dense hybrid int4": _stored("FULLY_CONNECTED", FLOAT32, INT4, dense, options),
        "dense int8 int4": _stored("FULLY_CONNECTED", INT8, INT4, dense, options),
        "transpose conv hybrid": _stored(
            "TRANSPOSE_CONV", FLOAT32, INT8, spread, tflite.TransposeConvOptions(SAME, 2, 2, 1)
        ),
        "dequantize channels": _dequantized(INT8),
        "dequantize int4": _dequantized(INT4),
    }


def _dequantized(type: int) -> ModelMaker:
    """A constant with a scale per channel, and the sum of it and the input."""
    m = _Maker()
    x, weights, reals, out = (
        m.tensor((2, 3, 5)),
        m.weights((2, 3, 5), type, 1),
        m.tensor((2, 3, 5)),
        m.tensor((2, 3, 5)),
    )
    m.op("DEQUANTIZE", [weights], [reals], tflite.DequantizeOptions(), 6)
    m.op("ADD", [x, reals], [out], tflite.AddOptions())
    return m.ends([x], [out])


def _pair(name: str, type: int, a: Shape, b: Shape, scales: Sequence[float] = (0.05, 0.04, 0.06)) -> ModelMaker:
    m = _Maker()
    out = np.broadcast_shapes(tuple(a), tuple(b))
    options = {
        "ADD": tflite.AddOptions(1),
        "SUB": tflite.SubOptions(1),
        "MUL": tflite.MulOptions(3),
        "DIV": tflite.DivOptions(2),
    }.get(name, tflite.MaximumMinimumOptions())
    x, y, z = (m.value(shape, type, scale) for shape, scale in zip((a, b, out), scales, strict=True))
    return m.only(name, [x, y], z, options, 2)


def _pool(name: str, type: int, padding: int) -> ModelMaker:
    m = _Maker()
    out = (2, 3, 3, 5) if padding == SAME else (2, 2, 2, 5)
    options = tflite.Pool2DOptions(padding, 2, 2, 3, 3, 3)
    return m.only(name, [m.value((2, 6, 6, 5), type)], m.value(out, type), options, 2)


def _same(name: str, type: int, shape: Shape, out: Shape, *constants: Any, options: Any = None) -> ModelMaker:
    """An operator that moves elements; in int8 also what it computes has the input's scale."""
    m = _Maker()
    x = m.value(shape, type)
    return m.only(
        name,
        [x, *(m.ints(c) for c in constants)],
        m.value(out, type),
        options,
        2 if type == INT8 and name not in VERSION_1 else 1,
    )


def _typed(name: str, inputs: Sequence[Any], out: Sequence[Any], options: Any = None, version: int = 1) -> ModelMaker:
    """An operator whose operands differ in type: (shape, type), or a constant int32."""
    m = _Maker()
    operands = [m.value(*given) if isinstance(given, tuple) else m.ints(given) for given in inputs]
    return m.only(name, operands, m.value(*out), options, version)


def _parts(name: str, inputs: Sequence[Shape | Array], parts: Sequence[Shape], type: int, options: Any) -> ModelMaker:
    """An operator with several outputs. Of the inputs, shapes are data and arrays are constants of int32."""
    m = _Maker()
    operands = [m.ints(given) if isinstance(given, np.ndarray) else m.value(given, type) for given in inputs]
    outputs = [m.value(shape, type) for shape in parts]
    m.op(name, operands, outputs, options, 2 if type == INT8 else 1)
    computed = [i for i in operands if m.graph.tensors[i].buffer == 0]
    return m.ends(computed, outputs)


def _padded(type: int) -> ModelMaker:
    m = _Maker()
    x, y = m.value((2, 3), type), m.value((5, 4), type)
    value = m.value((), type)
    index = len(m.model.buffers)
    m.model.buffers.append(tflite.Buffer(data=np.ones(1, TYPES[type]).view(np.uint8)))
    m.graph.tensors[value].buffer = index
    return m.only("PADV2", [x, m.ints([[1, 2], [0, 1]]), value], y, tflite.PadV2Options(), 2 if type == INT8 else 1)


def _packed(type: int) -> ModelMaker:
    m = _Maker()
    a, b = m.value((2, 3), type), m.value((2, 3), type)
    return m.only("PACK", [a, b, a], m.value((2, 3, 3), type), tflite.PackOptions(3, 1), 2)


def _gathered(type: int, computed: bool, indices_type: int, batch_dims: int = 0) -> ModelMaker:
    m = _Maker()
    indices = [[1, 0, 3], [2, 2, 1]]
    at = m.tensor((2, 3), indices_type) if computed else m.ints(indices, indices_type)
    shape = (2, 2, 3, 5) if batch_dims == 0 else (2, 3, 5)
    options = tflite.GatherOptions(1, batch_dims)
    return m.only("GATHER", [m.value((2, 4, 5), type), at], m.value(shape, type), options, 2)


def _joined(type: int, scales: Sequence[float]) -> ModelMaker:
    m = _Maker()
    parts = [m.value((2, n, 3), type, scale) for n, scale in zip((1, 4), scales, strict=True)]
    parts.append(m.weights((2, 2, 3), type))
    out = m.value((2, 7, 3), type, scales[0])
    return m.only("CONCATENATION", parts, out, tflite.ConcatenationOptions(1), 2)


def _recode(name: str, source: int, target: int, scale: float = 0.03) -> ModelMaker:
    m = _Maker()
    options = tflite.QuantizeOptions() if name == "QUANTIZE" else tflite.DequantizeOptions()
    return m.only(name, [m.value((3, 5), source)], m.value((3, 5), target, scale, 5), options)


def _constants() -> ModelMaker:
    """Operators on nothing but constants, one tensor twice, and outputs that are an input, a constant, and repeated."""
    m = _Maker()
    x, a, b = m.value((2, 3), INT8), m.weights((2, 3), INT8), m.weights((3,), INT8)
    s, t, u, v = m.value((2, 3), INT8), m.value((2, 3), INT8), m.value((4, 3), INT8), m.value((6,), INT8)
    m.op("ADD", [a, b], [s], tflite.AddOptions(), 2)
    m.op("MUL", [s, s], [t], tflite.MulOptions(), 2)
    m.op("CONCATENATION", [a, a], [u], tflite.ConcatenationOptions(0), 2)
    m.op("RESHAPE", [a, m.ints([-1])], [v])
    return m.ends([x], [t, u, v, x, a, t, s])


def _lookup() -> ModelMaker:
    """Three operators that run as one."""
    m = _Maker()
    x, shifted, indices = m.value((3, 5), INT8), m.value((3, 5), UINT8, zero_point=131), m.value((3, 5), INT32)
    table = m.tensor((256,), INT8, m.random.integers(-128, 128, 256), 0.05, 3)
    y = m.value((3, 5), INT8)
    m.op("QUANTIZE", [x], [shifted], tflite.QuantizeOptions())
    m.op("CAST", [shifted], [indices], tflite.CastOptions())
    m.op("GATHER", [table, indices], [y], tflite.GatherOptions(0), 2)
    return m.ends([x], [y])


def _aliases() -> ModelMaker:
    """A chain of shapes over one input, with results written into its bytes, and a branch that needs the old ones."""
    m = _Maker()
    shapes = [(1, 4, 6), (24,), (4, 6), (1, 4, 6)]
    at = x = m.value((4, 6), FLOAT32)
    made = []
    for shape in shapes:
        to = m.value(shape, FLOAT32)
        m.op("RESHAPE", [at, m.ints(shape)], [to])
        made.append(to)
        at = to
    relu, sum_, product = m.value((24,), FLOAT32), m.value((1, 4, 6), FLOAT32), m.value((1, 4, 6), FLOAT32)
    m.op("RELU", [made[1]], [relu])
    m.op("ADD", [made[3], made[0]], [sum_], tflite.AddOptions())
    m.op("MUL", [sum_, sum_], [product], tflite.MulOptions())
    m.op("SQUEEZE", [product], [m.value((4, 6), FLOAT32)], tflite.SqueezeOptions())
    return m.ends([x], [relu, product, len(m.graph.tensors) - 1])


def _unsigned_aliases() -> ModelMaker:
    """uint8 tensors that come twice in an operator, also under two shapes, results in their bytes, and a constant."""
    m = _Maker()
    shapes = [(2, 12), (24,), (24,), (24,), (2, 12), (1, 2, 12), (1, 2, 12), (1, 2, 12)]
    x, flat, sum_, square, back, again, double, rest = (m.value(shape, UINT8) for shape in shapes)
    m.op("RESHAPE", [x, m.ints([24])], [flat])
    m.op("ADD", [flat, m.weights((24,), UINT8)], [sum_], tflite.AddOptions())
    m.op("MUL", [sum_, sum_], [square], tflite.MulOptions())
    m.op("RESHAPE", [square, m.ints([2, 12])], [back])
    m.op("RESHAPE", [square, m.ints([1, 2, 12])], [again])
    m.op("ADD", [back, again], [double], tflite.AddOptions())
    m.op("SUB", [double, x], [rest], tflite.SubOptions())
    return m.ends([x], [rest, double])


def _unsigned_chain() -> ModelMaker:
    """Operators that see uint8 as int8 in a row: results in their bytes, and one that is seen as uint8 too."""
    m = _Maker()
    x, first, sum_, second, pooled, flat, dense, rest = (
        m.value(shape, UINT8)
        for shape in [(1, 6, 5, 3), (1, 6, 5, 4), (1, 6, 5, 4), (1, 6, 5, 4), (1, 3, 2, 4), (1, 24), (1, 24), (1, 24)]
    )
    bias = m.ints(m.random.integers(-500, 500, 4))
    m.op("CONV_2D", [x, m.weights((4, 3, 3, 3), UINT8), bias], [first], tflite.Conv2DOptions(SAME, 1, 1), 3)
    m.op("ADD", [first, first], [sum_], tflite.AddOptions())
    depthwise = tflite.DepthwiseConv2DOptions(SAME, 1, 1, 1)
    m.op("DEPTHWISE_CONV_2D", [sum_, m.weights((1, 3, 3, 4), UINT8), bias], [second], depthwise, 3)
    m.op("MAX_POOL_2D", [second], [pooled], tflite.Pool2DOptions(VALID, 2, 2, 2, 2), 2)
    m.op("RESHAPE", [pooled, m.ints([1, 24])], [flat])
    m.op("FULLY_CONNECTED", [flat, m.weights((24, 24), UINT8), -1], [dense], tflite.FullyConnectedOptions(), 4)
    m.op("SUB", [flat, dense], [rest], tflite.SubOptions())
    return m.ends([x], [rest, second])


def one_operator_models() -> dict[str, ModelMaker]:
    models: dict[str, ModelMaker] = {"constants": _constants(), "aliases": _aliases(), "lookup": _lookup()}
    names = {
        FLOAT32: "float32",
        FLOAT16: "float16",
        INT8: "int8",
        UINT8: "uint8",
        INT32: "int32",
        INT16: "int16",
        INT64: "int64",
    }
    conv, depthwise = tflite.Conv2DOptions, tflite.DepthwiseConv2DOptions
    for type in (FLOAT32, INT8, UINT8):
        n = names[type]
        models |= {
            f"conv {n}": _convolution(type, (2, 5, 6, 3), (9, 3, 2, 3), (2, 3, 3, 9), conv(SAME, 2, 2, 1), 0),
            f"conv groups {n}": _convolution(
                type, (1, 5, 5, 4), (6, 3, 3, 2), (1, 1, 1, 6), conv(VALID, 1, 1, 0, 2, 2), 0
            ),
            f"conv 1x1 {n}": _convolution(
                type, (1, 3, 3, 17), (18, 1, 1, 17), (1, 3, 3, 18), conv(VALID, 1, 1, 3), None
            ),
            f"depthwise {n}": _convolution(
                type, (2, 5, 5, 9), (1, 3, 3, 9), (2, 3, 3, 9), depthwise(SAME, 2, 2, 1, 1), 3
            ),
            f"depthwise many {n}": _convolution(
                type, (1, 5, 4, 2), (1, 2, 2, 6), (1, 5, 4, 6), depthwise(SAME, 1, 1, 3, 0, 2, 2), 3
            ),
            f"bilinear {n}": _same(
                "RESIZE_BILINEAR", type, (2, 3, 4, 5), (2, 5, 7, 5), [5, 7], options=tflite.ResizeBilinearOptions(True)
            ),
            f"bilinear half {n}": _same(
                "RESIZE_BILINEAR",
                type,
                (1, 3, 4, 5),
                (1, 2, 9, 5),
                [2, 9],
                options=tflite.ResizeBilinearOptions(False, True),
            ),
            f"nearest {n}": _same(
                "RESIZE_NEAREST_NEIGHBOR",
                type,
                (2, 3, 4, 5),
                (2, 5, 7, 5),
                [5, 7],
                options=tflite.ResizeNearestNeighborOptions(),
            ),
            f"nearest half {n}": _same(
                "RESIZE_NEAREST_NEIGHBOR",
                type,
                (1, 3, 4, 5),
                (1, 2, 9, 5),
                [2, 9],
                options=tflite.ResizeNearestNeighborOptions(False, True),
            ),
            f"depth to space {n}": _same(
                "DEPTH_TO_SPACE", type, (2, 2, 3, 12), (2, 4, 6, 3), options=tflite.DepthToSpaceOptions(2)
            ),
            f"space to depth {n}": _same(
                "SPACE_TO_DEPTH", type, (1, 6, 3, 2), (1, 2, 1, 18), options=tflite.SpaceToDepthOptions(3)
            ),
            f"space to batch {n}": _same(
                "SPACE_TO_BATCH_ND",
                type,
                (2, 4, 5, 3),
                (12, 3, 3, 3),
                [2, 3],
                [[1, 1], [3, 1]],
                options=tflite.SpaceToBatchNDOptions(),
            ),
            f"space to batch 1-D {n}": _same("SPACE_TO_BATCH_ND", type, (1, 5, 3), (2, 3, 3), [2], [[1, 0]]),
            f"batch to space {n}": _same(
                "BATCH_TO_SPACE_ND",
                type,
                (12, 3, 3, 3),
                (2, 4, 5, 3),
                [2, 3],
                [[1, 1], [3, 1]],
                options=tflite.BatchToSpaceNDOptions(),
            ),
            f"dense {n}": _dense(type, False),
            f"dense keep {n}": _dense(type, True),
            f"add {n}": _pair("ADD", type, (2, 3, 4), (3, 1)),
            f"mul {n}": _pair("MUL", type, (2, 1, 4), (2, 3, 4)),
            f"sub {n}": _pair("SUB", type, (2, 3, 1), (3, 5)),
            f"average {n}": _pool("AVERAGE_POOL_2D", type, SAME),
            f"max {n}": _pool("MAX_POOL_2D", type, VALID),
            f"mean {n}": _same("MEAN", type, (2, 3, 4, 5), (2, 1, 1, 5), [1, -2], options=tflite.ReducerOptions(True)),
            f"mean all {n}": _same("MEAN", type, (3, 4), (), [0, 1], options=tflite.ReducerOptions()),
            f"softmax {n}": _same("SOFTMAX", type, (3, 7), (3, 7), options=tflite.SoftmaxOptions(0.7)),
            f"logistic {n}": _same("LOGISTIC", type, (3, 7), (3, 7)),
            f"tanh {n}": _same("TANH", type, (3, 7), (3, 7)),
            f"relu {n}": _same("RELU", type, (3, 7), (3, 7)),
            f"relu6 {n}": _same("RELU6", type, (3, 7), (3, 7)),
            f"concat {n}": _joined(type, (0.05, 0.03)),
            f"pad {n}": _same("PAD", type, (2, 3), (5, 4), [[1, 2], [0, 1]], options=tflite.PadOptions()),
        }
    for type in (FLOAT32, INT8):
        n = names[type]
        models |= {
            f"transpose conv {n}": _transposed(type, (2, 3, 4, 5), (9, 3, 3, 5), (2, 6, 7, 9), SAME),
            f"transpose conv valid {n}": _transposed(type, (1, 3, 2, 5), (9, 2, 3, 5), (1, 6, 6, 9), VALID),
            f"transpose conv gaps {n}": _transposed(type, (1, 3, 2, 5), (9, 1, 1, 5), (1, 6, 4, 9), SAME),
            f"sum {n}": _same("SUM", type, (2, 3, 4, 5), (2, 1, 1, 5), [1, -2], options=tflite.ReducerOptions(True)),
            f"largest {n}": _same("REDUCE_MAX", type, (2, 3, 4), (3, 4), [0], options=tflite.ReducerOptions()),
            f"smallest {n}": _same("REDUCE_MIN", type, (3, 4), (), [0, 1], options=tflite.ReducerOptions()),
            f"arg max {n}": _typed("ARG_MAX", [((2, 3, 4), type), 1], ((2, 4), INT32), tflite.ArgMaxOptions(INT32), 2),
            f"arg min {n}": _typed("ARG_MIN", [((5,), type), -1], ((), INT64), tflite.ArgMinOptions(INT64), 2),
            f"div {n}": _pair("DIV", type, (4, 1), (3,)),
            f"maximum {n}": _pair("MAXIMUM", type, (2, 3, 4), (4,), (0.05,) * 3),
            f"minimum {n}": _pair("MINIMUM", type, (1, 4), (3, 1), (0.05,) * 3),
            f"matmul {n}": _typed(
                "BATCH_MATMUL",
                [((2, 1, 3, 5), type), ((2, 7, 5), type)],
                ((2, 2, 3, 7), type),
                tflite.BatchMatMulOptions(adj_y=True),
                2,
            ),
            f"matmul exchanged {n}": _typed(
                "BATCH_MATMUL",
                [((5, 3), type), ((2, 5, 7), type)],
                ((2, 3, 7), type),
                tflite.BatchMatMulOptions(True),
                2,
            ),
            f"gelu {n}": _same("GELU", type, (3, 7), (3, 7), options=tflite.GeluOptions(type == INT8)),
            f"l2 {n}": _typed(
                "L2_NORMALIZATION", [((3, 7), type)], ((3, 7), type, 1 / 128, 0), tflite.L2NormOptions(), 2
            ),
            f"prelu {n}": _typed("PRELU", [((2, 3, 4), type), ((3, 1), type)], ((2, 3, 4), type)),
            f"equal {n}": _typed(
                "EQUAL", [((2, 3, 4), type), ((4,), type)], ((2, 3, 4), BOOL), tflite.EqualOptions(), 2
            ),
            f"less {n}": _typed("LESS", [((4, 1), type), ((3,), type)], ((4, 3), BOOL), tflite.LessOptions(), 2),
            f"select {n}": _typed(
                "SELECT_V2", [((4, 1), BOOL), ((3,), type), ((), type)], ((4, 3), type), tflite.SelectV2Options()
            ),
            f"elu {n}": _same("ELU", type, (3, 7), (3, 7)),
            f"leaky relu {n}": _same("LEAKY_RELU", type, (3, 7), (3, 7), options=tflite.LeakyReluOptions(0.2)),
            f"hard swish {n}": _same("HARD_SWISH", type, (3, 7), (3, 7), options=tflite.HardSwishOptions()),
            f"abs {n}": _same("ABS", type, (3, 7), (3, 7), options=tflite.AbsOptions()),
            f"neg {n}": _same("NEG", type, (3, 7), (3, 7), options=tflite.NegOptions()),
            f"square {n}": _same("SQUARE", type, (3, 7), (3, 7), options=tflite.SquareOptions()),
            f"sqrt {n}": _same("SQRT", type, (3, 7), (3, 7)),
            f"rsqrt {n}": _same("RSQRT", type, (3, 7), (3, 7)),
            f"exp {n}": _same("EXP", type, (3, 7), (3, 7), options=tflite.ExpOptions()),
            f"log {n}": _same("LOG", type, (3, 7), (3, 7)),
        }
    models |= _stored_weights()
    models["unsigned aliases"] = _unsigned_aliases()
    models["unsigned chain"] = _unsigned_chain()
    models["add fixed"] = _pair("ADD", INT8, (2, 3), (2, 3), (1e-5, 0.9, 1.0))
    models["mul fixed"] = _pair("MUL", INT8, (2, 3), (2, 3), (1e-4, 1e-4, 0.5))
    for type in (FLOAT32, INT8, UINT8, INT16, INT32, INT64):
        n = names[type]
        models |= {
            f"reshape {n}": _same("RESHAPE", type, (2, 3, 4), (6, 4), [6, -1]),
            f"reshape option {n}": _same(
                "RESHAPE", type, (2, 3), (6,), options=tflite.ReshapeOptions(np.array([6], np.int32))
            ),
            f"squeeze {n}": _same(
                "SQUEEZE", type, (1, 3, 1), (3, 1), options=tflite.SqueezeOptions(np.array([0], np.int32))
            ),
            f"transpose {n}": _same(
                "TRANSPOSE", type, (2, 3, 4), (4, 2, 3), [2, 0, 1], options=tflite.TransposeOptions()
            ),
        }
    for type in (FLOAT32, INT8, INT32):
        n = names[type]
        models |= {
            f"expand dims {n}": _same("EXPAND_DIMS", type, (2, 3), (2, 1, 3), 1, options=tflite.ExpandDimsOptions()),
            f"slice {n}": _same(
                "SLICE", type, (4, 5, 6), (2, 5, 3), [1, 0, 3], [2, -1, 3], options=tflite.SliceOptions()
            ),
            f"strided slice {n}": _same(
                "STRIDED_SLICE",
                type,
                (4, 5, 6),
                (1, 2, 2),
                [0, 3, 2, 5],
                [0, -6, 3, 0],
                [1, -2, 1, -3],
                options=tflite.StridedSliceOptions(0, 0, 0, 1, 4),
            ),
            f"strided slice masks {n}": _same(
                "STRIDED_SLICE",
                type,
                (4, 5, 6),
                (4, 5, 2),
                [0, 1],
                [0, 2],
                [1, 3],
                options=tflite.StridedSliceOptions(0, 2, 1),
            ),
            f"split v {n}": _parts(
                "SPLIT_V",
                [(2, 7), np.array([3, -1, 1], np.int32), np.array(1, np.int32)],
                [(2, 3), (2, 3), (2, 1)],
                type,
                tflite.SplitVOptions(3),
            ),
            f"split {n}": _parts(
                "SPLIT", [np.array(-1, np.int32), (3, 6)], [(3, 3), (3, 3)], type, tflite.SplitOptions(2)
            ),
            f"padv2 {n}": _padded(type),
            f"mirror pad {n}": _same(
                "MIRROR_PAD", type, (3, 4), (6, 8), [[1, 2], [3, 1]], options=tflite.MirrorPadOptions(0)
            ),
            f"symmetric pad {n}": _same(
                "MIRROR_PAD", type, (3, 4), (9, 8), [[3, 3], [0, 4]], options=tflite.MirrorPadOptions(1)
            ),
            f"shape {n}": _typed("SHAPE", [((2, 3), type)], ((2,), INT32), tflite.ShapeOptions(INT32)),
            f"pack {n}": _packed(type),
            f"gather {n}": _gathered(type, False, INT64),
            f"gather computed {n}": _gathered(type, True, INT32),
            f"gather batch {n}": _gathered(type, True, INT64, 1),
        }
        models[f"unpack {n}"] = _parts("UNPACK", [(2, 3)], [(2,)] * 3, type, tflite.UnpackOptions(3, 1))
    for source, target in itertools.product((FLOAT32, INT8, UINT8, INT16, INT32, INT64, BOOL), repeat=2):
        if FLOAT32 in (source, target) or BOOL in (source, target):
            options = tflite.CastOptions()
            models[f"cast {source} {target}"] = _typed("CAST", [((3, 5), source)], ((3, 5), target), options)
    for name, options in (
        ("NOT_EQUAL", tflite.NotEqualOptions()),
        ("LESS_EQUAL", tflite.LessEqualOptions()),
        ("GREATER", tflite.GreaterOptions()),
        ("GREATER_EQUAL", tflite.GreaterEqualOptions()),
    ):
        models[name] = _typed(name, [((3, 2), INT32), ((2,), INT32)], ((3, 2), BOOL), options)
    models["and"] = _typed("LOGICAL_AND", [((3, 2), BOOL), ((2,), BOOL)], ((3, 2), BOOL), tflite.LogicalAndOptions())
    models["or"] = _typed("LOGICAL_OR", [((3, 1), BOOL), ((1, 2), BOOL)], ((3, 2), BOOL), tflite.LogicalOrOptions())
    models["not"] = _typed("LOGICAL_NOT", [((3, 2), BOOL)], ((3, 2), BOOL), tflite.LogicalNotOptions())
    for source, target in (
        (FLOAT32, INT8),
        (FLOAT32, UINT8),
        (INT8, INT8),
        (UINT8, INT8),
        (INT8, UINT8),
        (UINT8, UINT8),
    ):
        models[f"quantize {names[source]} {names[target]}"] = _recode("QUANTIZE", source, target)
    for source in (INT8, UINT8, FLOAT16):
        models[f"dequantize {names[source]}"] = _recode("DEQUANTIZE", source, FLOAT32)
    return models

"""Small .tflite models, built tensor by tensor, so that tests can break exactly one thing in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.gen import tflite

FLOAT32, FLOAT16, INT32, UINT8, INT64, BOOL, INT16, INT8, INT4 = 0, 1, 2, 3, 4, 6, 7, 9, 17
TYPES: dict[int, type[np.generic]] = {
    FLOAT32: np.float32,
    FLOAT16: np.float16,
    INT32: np.int32,
    UINT8: np.uint8,
    INT64: np.int64,
    BOOL: np.bool_,
    INT16: np.int16,
    INT8: np.int8,
    INT4: np.int8,
}


class ModelMaker:
    """Collects tensors and operators of one graph; ``model`` answers the dataclasses, ``bytes`` the file."""

    def __init__(self) -> None:
        self.graph = tflite.SubGraph()
        self.model = tflite.Model(version=3, subgraphs=[self.graph], buffers=[tflite.Buffer()])
        self._codes: dict[tuple[int, int], int] = {}

    def tensor(
        self,
        shape: Sequence[int],
        type: int = FLOAT32,
        data: npt.ArrayLike | None = None,
        scale: float | Sequence[float] | None = None,
        zero_point: int | Sequence[int] = 0,
        axis: int = 0,
    ) -> int:
        """Adds a tensor, a constant where ``data`` is given, and answers its index."""
        buffer = 0
        if data is not None:
            array = np.ascontiguousarray(np.broadcast_to(np.asarray(data, TYPES[type]), shape))
            if type == INT4:  # two to a byte
                halves = np.append(array.reshape(-1), np.zeros(array.size % 2, np.int8)).view(np.uint8) & 15
                array = halves[0::2] | (halves[1::2] << 4)
            buffer = len(self.model.buffers)
            self.model.buffers.append(tflite.Buffer(data=array.reshape(-1).view(np.uint8)))
        quantization = None
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            zeros = np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape).copy()
            quantization = tflite.QuantizationParameters(scale=scales, zero_point=zeros, quantized_dimension=axis)
        index = len(self.graph.tensors)
        self.graph.tensors.append(tflite.Tensor(np.asarray(shape, np.int32), type, buffer, f"t{index}", quantization))
        return index

    def op(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None, version: int = 1
    ) -> tflite.Operator:
        code = int(tflite.BuiltinOperator[name])
        key = (code, version)
        if key not in self._codes:
            self._codes[key] = len(self.model.operator_codes)
            self.model.operator_codes.append(tflite.OperatorCode(min(code, 127), None, version, code))
        operator = tflite.Operator(
            self._codes[key], np.asarray(inputs, np.int32), np.asarray(outputs, np.int32), options
        )
        self.graph.operators.append(operator)
        return operator

    def ends(self, inputs: Sequence[int], outputs: Sequence[int]) -> ModelMaker:
        self.graph.inputs = np.asarray(inputs, np.int32)
        self.graph.outputs = np.asarray(outputs, np.int32)
        return self

    def plan(self, offsets: Sequence[int], head: Sequence[int] | None = None) -> ModelMaker:
        """Stores a memory plan; ``head`` replaces its three leading words."""
        words = np.asarray([*(head if head is not None else (1, 1, len(offsets))), *offsets], np.int32)
        self.model.metadata.append(tflite.Metadata("OfflineMemoryAllocation", len(self.model.buffers)))
        self.model.buffers.append(tflite.Buffer(data=words.view(np.uint8)))
        return self

    def bytes(self) -> bytes:
        return bytes(tflite.write_model(self.model))


def chain(*names: str, shape: Sequence[int] = (4, 4)) -> ModelMaker:
    """A chain of operators with one input each: input tensor 0, then one tensor per operator, all of one shape."""
    maker = ModelMaker()
    at = maker.tensor(shape)
    for name in names:
        options = {
            "RESHAPE": tflite.ReshapeOptions(np.asarray(shape, np.int32)),
            "SOFTMAX": tflite.SoftmaxOptions(1.0),
        }.get(name)
        to = maker.tensor(shape)
        maker.op(name, [at], [to], options)
        at = to
    return maker.ends([0], [at])


def int8_conv_net(seed: int = 0) -> ModelMaker:
    """int8 7x5x3 -> conv 3x3, 5 channels -> depthwise -> add -> mean -> fully connected -> softmax."""
    random = np.random.default_rng(seed)
    maker = ModelMaker()
    q = {"type": INT8, "scale": 0.05, "zero_point": 3}
    x = maker.tensor((1, 7, 5, 3), **q)
    w = maker.tensor((5, 3, 3, 3), INT8, random.integers(-127, 128, (5, 3, 3, 3)), [0.01, 0.02, 0.01, 0.03, 0.02])
    b = maker.tensor((5,), INT32, random.integers(-900, 900, 5), [0.0005, 0.001, 0.0005, 0.0015, 0.001])
    c = maker.tensor((1, 7, 5, 5), **q)
    same = {"padding": 0, "stride_w": 1, "stride_h": 1}
    maker.op("CONV_2D", [x, w, b], [c], tflite.Conv2DOptions(**same), 3)
    dw = maker.tensor((1, 3, 3, 5), INT8, random.integers(-127, 128, (1, 3, 3, 5)), [0.01] * 5, axis=3)
    db = maker.tensor((5,), INT32, random.integers(-900, 900, 5), [0.0005] * 5)
    d = maker.tensor((1, 7, 5, 5), **q)
    maker.op("DEPTHWISE_CONV_2D", [c, dw, db], [d], tflite.DepthwiseConv2DOptions(depth_multiplier=1, **same), 3)
    s = maker.tensor((1, 7, 5, 5), **q)
    maker.op("ADD", [c, d], [s], tflite.AddOptions(), 2)
    axes = maker.tensor((2,), INT32, [1, 2])
    m = maker.tensor((1, 5), **q)
    maker.op("MEAN", [s, axes], [m], tflite.ReducerOptions(), 2)
    fw = maker.tensor((4, 5), INT8, random.integers(-127, 128, (4, 5)), 0.02)
    fb = maker.tensor((4,), INT32, random.integers(-90, 90, 4), 0.001)
    f = maker.tensor((1, 4), **q)
    maker.op("FULLY_CONNECTED", [m, fw, fb], [f], tflite.FullyConnectedOptions(), 4)
    p = maker.tensor((1, 4), INT8, None, 1 / 256, -128)
    maker.op("SOFTMAX", [f], [p], tflite.SoftmaxOptions(1.0), 2)
    return maker.ends([x], [p])


def every_operator(quantized: bool) -> ModelMaker:
    """A net through every operator but, in float, QUANTIZE and DEQUANTIZE; the int8 one has float32 ends."""
    random = np.random.default_rng(0)
    maker = ModelMaker()
    kind = INT8 if quantized else FLOAT32
    at = maker.tensor((1, 6, 6, 4))
    version = 2 if quantized else 1
    same, valid = 0, 1

    def value(*shape: int, unit: bool = False) -> int:
        scale, zero_point = (1 / 256, -128) if unit else (0.05, 3)
        return maker.tensor(shape, kind, None, scale if quantized else None, zero_point)

    def weights(*shape: int, axis: int | None = None) -> int:
        if not quantized:
            return maker.tensor(shape, FLOAT32, random.normal(size=shape))
        scales = 0.02 if axis is None else [0.01 * (1 + i % 3) for i in range(shape[axis])]
        return maker.tensor(shape, INT8, random.integers(-127, 128, shape), scales, axis=axis or 0)

    def bias(count: int) -> int:
        if not quantized:
            return maker.tensor((count,), FLOAT32, random.normal(size=count))
        return maker.tensor((count,), INT32, random.integers(-500, 500, count))

    def ints(*values: int, shape: Sequence[int] | None = None) -> int:
        return maker.tensor(shape or (len(values),), INT32, np.reshape(values, shape or (len(values),)))

    def op(name: str, *inputs: int, to: int, options: Any = None, version: int = version) -> int:
        maker.op(name, inputs, [to], options, version)
        return to

    x = at
    if quantized:
        at = op("QUANTIZE", at, to=value(1, 6, 6, 4), options=tflite.QuantizeOptions())
    at = op("PAD", at, ints(0, 0, 1, 1, 1, 1, 0, 0, shape=(4, 2)), to=value(1, 8, 8, 4), options=tflite.PadOptions())
    conv = tflite.Conv2DOptions(valid, 1, 1, 1)
    at = op("CONV_2D", at, weights(4, 3, 3, 4, axis=0), bias(4), to=value(1, 6, 6, 4), options=conv)
    depthwise = tflite.DepthwiseConv2DOptions(same, 1, 1, 2, 3)
    at = op("DEPTHWISE_CONV_2D", at, weights(1, 3, 3, 8, axis=3), -1, to=value(1, 6, 6, 8), options=depthwise)
    mean = op("AVERAGE_POOL_2D", at, to=value(1, 3, 3, 8), options=tflite.Pool2DOptions(valid, 2, 2, 2, 2, 0))
    most = op("MAX_POOL_2D", at, to=value(1, 3, 3, 8), options=tflite.Pool2DOptions(same, 2, 2, 3, 3, 3))
    at = op("MUL", mean, most, to=value(1, 3, 3, 8), options=tflite.MulOptions())
    at = op("CONCATENATION", at, mean, to=value(1, 3, 3, 16), options=tflite.ConcatenationOptions(3))
    at = op("TRANSPOSE", at, ints(0, 3, 1, 2), to=value(1, 16, 3, 3), options=tflite.TransposeOptions())
    at = op("RELU", at, to=value(1, 16, 3, 3))
    at = op("RELU6", at, to=value(1, 16, 3, 3))
    at = op("LOGISTIC", at, to=value(1, 16, 3, 3, unit=True))
    at = op("MEAN", at, ints(2, 3), to=value(1, 16), options=tflite.ReducerOptions())
    at = op("SQUEEZE", at, to=value(16), options=tflite.SqueezeOptions(np.array([0], np.int32)), version=1)
    at = op("RESHAPE", at, ints(4, -1), to=value(4, 4), version=1)
    dense = tflite.FullyConnectedOptions()
    at = op("FULLY_CONNECTED", at, weights(3, 4), bias(3), to=value(4, 3), options=dense)
    at = op("ADD", at, weights(3), to=value(4, 3), options=tflite.AddOptions(3))
    at = op("SOFTMAX", at, to=value(4, 3, unit=True), options=tflite.SoftmaxOptions(1.0))
    if quantized:
        at = op("DEQUANTIZE", at, to=maker.tensor((4, 3)), options=tflite.DequantizeOptions())
    return maker.ends([x], [at])


def shape_chains() -> ModelMaker:
    """float x [2, 3, 4]: two RESHAPE, a SLICE and a STRIDED_SLICE, whose operands are all computed from SHAPE of x."""
    maker = ModelMaker()

    def ints(*values: int, shape: Sequence[int] | None = None, type: int = INT32) -> int:
        return maker.tensor([len(values)] if shape is None else shape, type, values if shape is None else values[0])

    def op(name: str, inputs: Sequence[int], to: int, options: Any = None) -> int:
        maker.op(name, inputs, [to], options)
        return to

    x = maker.tensor((2, 3, 4))
    shape = op("SHAPE", [x], maker.tensor([3], INT32), tflite.ShapeOptions(INT32))
    shrink = tflite.StridedSliceOptions(shrink_axis_mask=1)
    rows = op("STRIDED_SLICE", [shape, ints(0), ints(1), ints(1)], maker.tensor((), INT32), shrink)
    packed = op("PACK", [rows, ints(-1, shape=())], maker.tensor([2], INT32), tflite.PackOptions(2, 0))
    flat = op("RESHAPE", [x, packed], maker.tensor((2, 12)))

    ends = op("GATHER", [shape, ints(2, 0)], maker.tensor([2], INT32), tflite.GatherOptions(0))
    joined = op("CONCATENATION", [ends, ints(-1)], maker.tensor([3], INT32), tflite.ConcatenationOptions(0))
    turned = op("RESHAPE", [x, joined], maker.tensor((4, 2, 3)))

    wide = op("CAST", [shape], maker.tensor([3], INT64), tflite.CastOptions(INT32, INT64))
    narrow = op("CAST", [wide], maker.tensor([3], INT32), tflite.CastOptions(INT64, INT32))
    one = op("SLICE", [narrow, ints(0), ints(1)], maker.tensor([1], INT32), tflite.SliceOptions())
    size = op("CONCATENATION", [one, ints(2, 3)], maker.tensor([3], INT32), tflite.ConcatenationOptions(0))
    cut = op("SLICE", [x, ints(0, 1, 1), size], maker.tensor((2, 2, 3)), tflite.SliceOptions())

    back = op(
        "STRIDED_SLICE", [shape, ints(2), ints(-4), ints(-1)], maker.tensor([3], INT32), tflite.StridedSliceOptions()
    )
    corner = op(
        "STRIDED_SLICE", [x, ints(0, 0, 0), back, ints(2, 1, 3)], maker.tensor((1, 3, 1)), tflite.StridedSliceOptions()
    )
    return maker.ends([x], [flat, turned, cut, corner, back])

"""Operators that are divided among threads give the bytes of one thread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tiny_models import FLOAT32, INT8, INT32, ModelMaker

import liteinterp
from converter.gen import tflite
from liteinterp.errors import UnsupportedError
from liteinterp.net import ISA

RANDOM = np.random.default_rng(5)


def _int8(m: ModelMaker, shape: tuple[int, ...]) -> int:
    return m.tensor(shape, INT8, None, 0.05, 3)


def _ints(m: ModelMaker, values: object) -> int:
    array = np.asarray(values, np.int32)
    return m.tensor(array.shape, INT32, array)


def _sum_of_int8() -> ModelMaker:
    m = ModelMaker()
    a, b, out = (_int8(m, (1, 53, 53, 31)) for _ in range(3))
    m.op("ADD", [a, b], [out], tflite.AddOptions(), 2)
    return m.ends([a, b], [out])


def _product_of_floats() -> ModelMaker:
    m = ModelMaker()
    a, b, out = (m.tensor((1, 53, 53, 31), FLOAT32) for _ in range(3))
    m.op("MUL", [a, b], [out], tflite.MulOptions(), 1)
    return m.ends([a, b], [out])


def _padded_image(*value: float) -> ModelMaker:
    m = ModelMaker()
    x, out = m.tensor((1, 61, 43, 30), FLOAT32), m.tensor((1, 64, 46, 30), FLOAT32)
    filled = [m.tensor((1,), FLOAT32, np.array(value, np.float32))] if value else []
    options = tflite.PadV2Options() if value else tflite.PadOptions()
    m.op("PADV2" if value else "PAD", [x, _ints(m, [[0, 0], [1, 2], [2, 1], [0, 0]]), *filled], [out], options, 1)
    return m.ends([x], [out])


def _padded_codes() -> ModelMaker:
    """Padded before and behind on all axes."""
    m = ModelMaker()
    x, out = _int8(m, (2, 57, 43, 30)), _int8(m, (4, 60, 44, 33))
    m.op("PAD", [x, _ints(m, [[1, 1], [1, 2], [0, 1], [2, 1]])], [out], tflite.PadOptions(), 2)
    return m.ends([x], [out])


def _transposed(order: tuple[int, ...]) -> ModelMaker:
    m = ModelMaker()
    shape = (1, 3, 131, 129)
    x, out = _int8(m, shape), _int8(m, tuple(shape[i] for i in order))
    m.op("TRANSPOSE", [x, _ints(m, order)], [out], tflite.TransposeOptions(), 2)
    return m.ends([x], [out])


def _reversed_rows() -> ModelMaker:
    m = ModelMaker()
    x, out = m.tensor((119, 217), FLOAT32), m.tensor((119, 108), FLOAT32)
    ends = [_ints(m, values) for values in ([118, 0], [-120, 216], [-1, 2])]
    m.op("STRIDED_SLICE", [x, *ends], [out], tflite.StridedSliceOptions(), 1)
    return m.ends([x], [out])


def _dense() -> ModelMaker:
    m = ModelMaker()
    weights = m.tensor((331, 777), INT8, RANDOM.integers(-127, 128, (331, 777)), 0.001, 0)
    x, out = _int8(m, (1, 777)), _int8(m, (1, 331))
    m.op(
        "FULLY_CONNECTED",
        [x, weights, _ints(m, RANDOM.integers(-500, 500, 331))],
        [out],
        tflite.FullyConnectedOptions(),
        4,
    )
    return m.ends([x], [out])


def _depthwise_floats() -> ModelMaker:
    m = ModelMaker()
    x, out = m.tensor((2, 41, 29, 40), FLOAT32), m.tensor((2, 21, 15, 40), FLOAT32)
    weights = m.tensor((1, 3, 3, 40), FLOAT32, RANDOM.normal(size=(1, 3, 3, 40)))
    bias = m.tensor((40,), FLOAT32, RANDOM.normal(size=40))
    m.op("DEPTHWISE_CONV_2D", [x, weights, bias], [out], tflite.DepthwiseConv2DOptions(0, 2, 2, 1), 1)
    return m.ends([x], [out])


def _pooled(op: str, dtype: int) -> ModelMaker:
    m = ModelMaker()
    x, out = (
        m.tensor(shape, dtype) if dtype == FLOAT32 else _int8(m, shape) for shape in ((2, 41, 29, 40), (2, 21, 15, 40))
    )
    m.op(op, [x], [out], tflite.Pool2DOptions(0, 2, 2, 3, 3), 1 if dtype == FLOAT32 else 2)
    return m.ends([x], [out])


def _resized(op: str, dtype: int) -> ModelMaker:
    m = ModelMaker()
    shapes = (2, 23, 17, 13), (2, 61, 59, 13)
    x, out = (m.tensor(shape, dtype) if dtype == FLOAT32 else _int8(m, shape) for shape in shapes)
    bilinear = op == "RESIZE_BILINEAR"
    options = tflite.ResizeBilinearOptions() if bilinear else tflite.ResizeNearestNeighborOptions()
    m.op(op, [x, _ints(m, shapes[1][1:3])], [out], options, 1 if dtype == FLOAT32 else 2)
    return m.ends([x], [out])


def _each_element(op: str, dtype: int, version: int) -> ModelMaker:
    m = ModelMaker()
    x, out = (m.tensor((1, 53, 53, 31), dtype) if dtype == FLOAT32 else _int8(m, (1, 53, 53, 31)) for _ in range(2))
    m.op(op, [x], [out], tflite.HardSwishOptions() if op == "HARD_SWISH" else None, version)
    return m.ends([x], [out])


MODELS: dict[str, Callable[[], ModelMaker]] = {
    "ADD of int8": _sum_of_int8,
    "MUL of float32": _product_of_floats,
    "PAD of float32": _padded_image,
    "PAD of int8, all axes": _padded_codes,
    "PADV2": lambda: _padded_image(-1.5),
    "TRANSPOSE to pixels": lambda: _transposed((0, 2, 3, 1)),
    "TRANSPOSE of the image": lambda: _transposed((0, 1, 3, 2)),
    "STRIDED_SLICE backwards": _reversed_rows,
    "FULLY_CONNECTED of int8": _dense,
    "DEPTHWISE_CONV_2D of float32": _depthwise_floats,
    "MAX_POOL_2D of float32": lambda: _pooled("MAX_POOL_2D", FLOAT32),
    "MAX_POOL_2D of int8": lambda: _pooled("MAX_POOL_2D", INT8),
    "AVERAGE_POOL_2D of float32": lambda: _pooled("AVERAGE_POOL_2D", FLOAT32),
    "AVERAGE_POOL_2D of int8": lambda: _pooled("AVERAGE_POOL_2D", INT8),
    "RESIZE_BILINEAR of float32": lambda: _resized("RESIZE_BILINEAR", FLOAT32),
    "RESIZE_BILINEAR of int8": lambda: _resized("RESIZE_BILINEAR", INT8),
    "RESIZE_NEAREST_NEIGHBOR": lambda: _resized("RESIZE_NEAREST_NEIGHBOR", INT8),
    "RELU of float32": lambda: _each_element("RELU", FLOAT32, 1),
    "HARD_SWISH of float32": lambda: _each_element("HARD_SWISH", FLOAT32, 1),
    "HARD_SWISH of int8": lambda: _each_element("HARD_SWISH", INT8, 1),
}


def _outputs(content: bytes, threads: int, isa: str) -> bytes:
    random = np.random.default_rng(7)
    with liteinterp.Interpreter(model_content=content, num_threads=threads, isa=isa) as interpreter:
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            codes = random.integers(-128, 128, detail["shape"])
            interpreter.set_tensor(detail["index"], codes.astype(detail["dtype"]))
        interpreter.invoke()
        return b"".join(interpreter.get_tensor(d["index"]).tobytes() for d in interpreter.get_output_details())


@pytest.mark.parametrize("isa", ISA)
@pytest.mark.parametrize("name", MODELS)
def test_the_number_of_threads_changes_no_byte(name: str, isa: str) -> None:
    content = MODELS[name]().bytes()
    try:
        one = _outputs(content, 1, isa)
    except UnsupportedError:
        pytest.skip(f"this machine does not run {isa}")
    assert len(set(one)) > 1
    for threads in (2, 3, 5):
        assert _outputs(content, threads, isa) == one, f"{threads} threads"

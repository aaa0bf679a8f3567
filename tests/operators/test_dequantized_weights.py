"""DEQUANTIZE of constants against LiteRT: a scale per channel, int4, every float16; and hybrid rows at their limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import liteinterp
from converter import backend
from converter.gen import tflite
from converter.ir.graph import Graph, Node, Value
from converter.ir.types import DType, Quantization

Array = npt.NDArray[Any]


def run(engine: Any, *arrays: Array) -> Array:
    engine.allocate_tensors()
    for details, array in zip(engine.get_input_details(), arrays, strict=True):
        engine.set_tensor(details["index"], array)
    engine.invoke()
    result: Array = engine.get_tensor(engine.get_output_details()[0]["index"])
    return result


def dequantized(data: Array, dtype: DType, quantization: Quantization | None) -> bytes:
    """A constant behind DEQUANTIZE, added to the input."""
    constant = Value("w", data.shape, dtype, quantization, data)
    x, reals, y = Value("x", data.shape), Value("reals", data.shape), Value("y", data.shape)
    nodes = [Node("DEQUANTIZE", [constant], [reals]), Node("ADD", [x, reals], [y])]
    return backend.write(Graph(nodes, [x], [y]))


def per_channel(axis: int, count: int) -> Quantization:
    return Quantization(tuple(float(np.float32(0.01 * (i + 1))) for i in range(count)), (0,) * count, axis)


@pytest.mark.parametrize(
    ("dtype", "quantization"),
    [
        (DType.INT8, per_channel(0, 4)),
        (DType.INT8, per_channel(3, 5)),
        (DType.INT8, Quantization.per_tensor(0.25, -7)),
        (DType.INT4, Quantization.per_tensor(0.25, 0)),
        (DType.INT4, per_channel(0, 4)),
    ],
    ids=["int8-first", "int8-last", "int8-one", "int4-one", "int4-first"],
)
def test_integers_equal_litert(dtype: DType, quantization: Quantization) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    low, high = (-8, 8) if dtype is DType.INT4 else (-128, 128)
    data = np.random.default_rng(5).integers(low, high, (4, 3, 3, 5), np.int8)
    content = dequantized(data, dtype, quantization)
    zeros = np.zeros(data.shape, np.float32)
    theirs = run(litert.Interpreter(model_content=content), zeros)
    np.testing.assert_array_equal(run(liteinterp.Interpreter(model_content=content), zeros), theirs)


def test_every_float16_is_exact() -> None:
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    content = dequantized(halves, DType.FLOAT16, None)
    found = run(liteinterp.Interpreter(model_content=content), np.full(halves.shape, -0.0, np.float32))
    np.testing.assert_array_equal(found, halves.astype(np.float32))


def test_int4_must_be_constant() -> None:
    content = dequantized(np.zeros((2, 2), np.int8), DType.INT4, Quantization.per_tensor(1.0, 0))
    model = tflite.read_model(content)
    (index,) = (i for i, t in enumerate(model.subgraphs[0].tensors) if t.name == "w")
    model.subgraphs[0].tensors[index].buffer = 0
    assert model.subgraphs[0].inputs is not None
    model.subgraphs[0].inputs = np.append(model.subgraphs[0].inputs, np.int32(index))
    with pytest.raises(liteinterp.UnsupportedError, match="must be a constant"):
        liteinterp.Interpreter(model_content=tflite.write_model(model)).allocate_tensors()


def hybrid_layer() -> bytes:
    """Three inputs, weights of 1, 2 and 127 steps of 1/127, a bias of 1/3."""
    x, y = Value("x", (4, 3)), Value("y", (4, 1))
    w = Value("w", (1, 3), DType.INT8, Quantization.per_tensor(1 / 127, 0), np.array([[1, 2, 127]], np.int8))
    b = Value("b", (1,), data=np.array([1 / 3], np.float32))
    return backend.write(Graph([Node("FULLY_CONNECTED", [x, w, b], [y])], [x], [y]))


def test_hybrid_rows_at_their_limits() -> None:
    """A row of zeros gives the bias; the largest and the smallest numbers, infinity and NaN leave the others alone."""
    x = np.array([[0, 0, 0], [3e38, 0, -3e38], [np.nan, np.inf, -1], [0, 0, 1e-40]], np.float32)
    y = run(liteinterp.Interpreter(model_content=hybrid_layer()), x)[:, 0]
    assert y[0] == y[3] == np.float32(1 / 3)
    assert -3e38 < y[1] < -1e38 and 1e36 < y[2] < 1e37

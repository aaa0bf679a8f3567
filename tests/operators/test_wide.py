"""int16 activations: what a file may not ask for."""

from __future__ import annotations

import numpy as np
import pytest

import liteinterp
from converter import backend
from converter.gen import tflite
from converter.ir.graph import Graph, Node, Value
from converter.ir.types import DType, Quantization


def dense_file(zero_point: int = 0, bias: int = 0, weight_scale: float = 0.5) -> bytes:
    """y = x + bias · weight_scale with an output scale of 1."""
    scales = Quantization((weight_scale,), (0,), 0)
    x = Value("x", (1, 1), DType.INT16, Quantization.per_tensor(1.0, zero_point))
    weights = Value("w", (1, 1), DType.INT8, scales, np.ones((1, 1), np.int8))
    start = Value("b", (1,), DType.INT64, scales, np.array([bias], np.int64))
    y = Value("y", (1, 1), DType.INT16, Quantization.per_tensor(1.0, 0))
    node = Node("FULLY_CONNECTED", [x, weights, start], [y], {}, "dense")
    return backend.write(Graph([node], [x], [y], input_names=["x"], output_names=["y"]))


def run(content: bytes, code: int) -> int:
    interpreter = liteinterp.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.array([[code]], np.int16))
    interpreter.invoke()
    return int(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, 0])


def test_halves_round_away_and_large_sums_saturate() -> None:
    assert [run(dense_file(), code) for code in (1, -1, 3, -3)] == [1, -1, 2, -2]
    assert run(dense_file(bias=2**46), 0) == 32767 and run(dense_file(bias=-(2**46)), 0) == -32768


@pytest.mark.parametrize(
    "wrong", [{"zero_point": 1}, {"bias": 2**47}, {"bias": -(2**63)}, {"weight_scale": 127.5}], ids=str
)
def test_what_the_arithmetic_does_not_hold_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        run(dense_file(**wrong), 1)  # type: ignore[arg-type]


def unary_file(
    op: str, input_scale: float, output_scale: float, length: int = 1, options: dict[str, float] | None = None
) -> bytes:
    x = Value("x", (1, length), DType.INT16, Quantization.per_tensor(input_scale, 0))
    y = Value("y", (1, length), DType.INT16, Quantization.per_tensor(2.0**-15, 0))
    node = Node(op, [x], [y], dict(options or {}), op.lower())
    model = tflite.read_model(backend.write(Graph([node], [x], [y], input_names=["x"], output_names=["y"])))
    (output,) = (tensor for tensor in model.subgraphs[0].tensors if tensor.name == "y")
    assert output.quantization is not None
    output.quantization.scale = np.array([output_scale], np.float32)
    return tflite.write_model(model)


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH", "SOFTMAX", "LEAKY_RELU", "RELU"])
def test_wide_functions_refuse_scales_that_their_arithmetic_does_not_hold(op: str) -> None:
    options = {"SOFTMAX": {"beta": 1.0}, "LEAKY_RELU": {"alpha": 0.1}}.get(op)
    usual = 2.0**-15
    wrong = [] if op == "SOFTMAX" else [(70000.0, usual)]
    if not op.endswith("RELU"):
        wrong += [(0.001, usual / 2), (0.001, usual * 2)]
    run(unary_file(op, 0.001, usual, options=options), 1)
    for scales in wrong:
        with pytest.raises((ValueError, RuntimeError)):
            run(unary_file(op, *scales, options=options), 1)


def test_a_row_that_softmax_could_not_sum_is_refused() -> None:
    with pytest.raises((ValueError, RuntimeError)):
        run(unary_file("SOFTMAX", 0.001, 2.0**-15, 65537, {"beta": 1.0}), 1)

"""Spatial operators in int8 over scales, weights and codes: not one element differs from LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import liteinterp
from converter import backend
from converter.ir.graph import Graph, Node, OptionValue, Value
from converter.ir.types import DType, Quantization

Array = npt.NDArray[Any]


def both(content: bytes, *inputs: Array) -> tuple[list[Array], list[Array]]:
    """What we and what LiteRT answer to each input."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    answers: list[list[Array]] = []
    for engine in (
        liteinterp.Interpreter(model_content=content),
        litert.Interpreter(model_content=content, num_threads=1),
    ):
        engine.allocate_tensors()
        found = []
        for data in inputs:
            engine.set_tensor(engine.get_input_details()[0]["index"], data)
            engine.invoke()
            found.append(np.array(engine.get_tensor(engine.get_output_details()[0]["index"])))
        answers.append(found)
    return answers[0], answers[1]


def transposed(
    rng: np.random.Generator,
    kernel: tuple[int, int],
    stride: int,
    out: tuple[int, int],
    channels: tuple[int, int],
    per_channel: bool,
    **options: OptionValue,
) -> bytes:
    """TRANSPOSE_CONV of a 3x4 image with random weights, -128 among them, and scales."""
    depth, outputs = channels
    scale = float(np.float32(rng.uniform(0.002, 0.2)))
    source = Value("x", (1, 3, 4, depth), DType.INT8, Quantization.per_tensor(scale, int(rng.integers(-128, 128))))
    scales = tuple(float(np.float32(s)) for s in rng.uniform(0.001, 0.05, outputs if per_channel else 1))
    codes = rng.integers(-128, 128, (outputs, *kernel, depth)).astype(np.int8)
    weights = Value("w", codes.shape, DType.INT8, Quantization(scales, (0,) * len(scales), 0), codes)
    units = tuple(float(np.float32(scale) * np.float32(s)) for s in scales)
    biases = rng.integers(-30000, 30000, outputs).astype(np.int32)
    bias = Value("b", (outputs,), DType.INT32, Quantization(units, (0,) * len(units), 0), biases)
    shape = Value("s", (4,), DType.INT32, data=np.array([1, *out, outputs], np.int32))
    spread = scale * max(scales) * 74 * 74 * np.sqrt(max(kernel[0] * kernel[1] * depth / stride**2, 1))
    quantization = Quantization.per_tensor(float(spread / rng.uniform(20, 80)), int(rng.integers(-128, 128)))
    result = Value("y", (1, *out, outputs), DType.INT8, quantization)
    given: dict[str, OptionValue] = {"stride_h": stride, "stride_w": stride, **options}
    node = Node("TRANSPOSE_CONV", [shape, weights, source, bias], [result], given, "spread")
    return backend.write(Graph([node], [source], [result], input_names=["x"], output_names=["y"]))


def codes(rng: np.random.Generator, shape: tuple[int, ...], count: int) -> list[Array]:
    return [rng.integers(-128, 128, shape).astype(np.int8) for _ in range(count)]


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), 2), ((2, 2), 2), ((4, 4), 2), ((5, 3), 3), ((3, 2), 1)])
def test_transposed_convolution(kernel: tuple[int, int], stride: int, per_channel: bool, activation: str) -> None:
    rng = np.random.default_rng([*kernel, stride, per_channel, len(activation)])
    for padding in ("SAME", "VALID"):
        out = [3 * stride, 4 * stride] if padding == "SAME" else [2 * stride + kernel[0], 3 * stride + kernel[1]]
        content = transposed(
            rng, kernel, stride, (out[0], out[1]), (16, 11), per_channel,
            padding=padding, fused_activation_function=activation,
        )  # fmt: skip
        ours, theirs = both(content, *codes(rng, (1, 3, 4, 16), 10))
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("outputs", [1, 7, 8, 13, 16, 70])
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 2), (2, 3)])
def test_windows_that_leave_gaps(kernel: tuple[int, int], activation: str, outputs: int) -> None:
    """LiteRT's own kernel: eight channels at a time, and the last ones with other ties."""
    rng = np.random.default_rng([*kernel, len(activation), outputs])
    content = transposed(
        rng, kernel, 3, (9, 11), (16, outputs), True, padding="SAME", fused_activation_function=activation
    )
    ours, theirs = both(content, *codes(rng, (1, 3, 4, 16), 20))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("corners", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 5), (8, 8), (16, 17), (65, 129)])
def test_bilinear_weights(size: tuple[int, int], corners: tuple[bool, bool]) -> None:
    """Extreme codes beside each other, where a weight that is one unit off shows."""
    rng = np.random.default_rng([*size, *corners])
    shared = Quantization.per_tensor(0.1, int(rng.integers(-128, 128)))
    source = Value("x", (1, 8, 8, 5), DType.INT8, shared)
    result = Value("y", (1, *size, 5), DType.INT8, shared)
    operand = Value("size", (2,), DType.INT32, data=np.array(size, np.int32))
    options: dict[str, OptionValue] = {"align_corners": corners[0], "half_pixel_centers": corners[1]}
    node = Node("RESIZE_BILINEAR", [source, operand], [result], options, "resize")
    content = backend.write(Graph([node], [source], [result], input_names=["x"], output_names=["y"]))
    extremes = [rng.choice([-128, 127], (1, 8, 8, 5)).astype(np.int8) for _ in range(20)]
    ours, theirs = both(content, *extremes, *codes(rng, (1, 8, 8, 5), 20))
    np.testing.assert_array_equal(ours, theirs)

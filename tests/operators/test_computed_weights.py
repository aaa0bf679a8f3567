"""Float weights that are no constants of the file: float16 ones behind DEQUANTIZE, and weights that are inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tiny_models import FLOAT16, ModelMaker

import liteinterp
from converter.gen import tflite

Array = npt.NDArray[Any]

#: operator: input, filter, bias, options
OPERATORS: dict[str, tuple[tuple[int, ...], tuple[int, ...], int, Any]] = {
    "CONV_2D": ((2, 7, 6, 5), (11, 3, 3, 5), 11, tflite.Conv2DOptions(0, 2, 1, 1)),
    "DEPTHWISE_CONV_2D": ((2, 7, 6, 5), (1, 3, 3, 5), 5, tflite.DepthwiseConv2DOptions(0, 1, 1, 1)),
    "FULLY_CONNECTED": ((3, 21), (19, 21), 19, tflite.FullyConnectedOptions()),
}


def run_both(model: bytes | Path, *arrays: Array) -> list[tuple[Array, Array]]:
    """Outputs of ours and of LiteRT, for arrays in the order of the inputs."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    given: dict[str, Any] = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    results: list[list[Array]] = []
    for interpreter in (liteinterp.Interpreter(**given), litert.Interpreter(**given, num_threads=1)):
        interpreter.allocate_tensors()
        for _ in range(2):  # twice: the weights are computed anew
            for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
                interpreter.set_tensor(detail["index"], array)
            interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])
    return list(zip(*results, strict=True))


@pytest.mark.parametrize("source", ["float16", "input"])
@pytest.mark.parametrize("name", OPERATORS)
def test_computed_weights_equal_litert(name: str, source: str) -> None:
    shape, filter_shape, channels, options = OPERATORS[name]
    random = np.random.default_rng(3)
    x, w, b = (random.normal(size=s).astype(np.float32) for s in (shape, filter_shape, (channels,)))
    maker = ModelMaker()
    at, filter_at, bias_at = maker.tensor(shape), maker.tensor(filter_shape), maker.tensor((channels,))
    inputs = [at]
    if source == "input":
        inputs += [filter_at, bias_at]
    else:
        for array, to in ((w, filter_at), (b, bias_at)):
            half = maker.tensor(array.shape, FLOAT16, array)
            maker.op("DEQUANTIZE", [half], [to], tflite.DequantizeOptions(), 3)
    out_shape = (2, 7, 3, 11) if name == "CONV_2D" else shape if name.startswith("D") else (3, 19)
    y = maker.tensor(out_shape)
    maker.op(name, [at, filter_at, bias_at], [y], options)
    data = maker.ends(inputs, [y]).bytes()
    ((ours, theirs),) = run_both(data, *((x, w, b) if source == "input" else (x,)))
    assert ours.shape == theirs.shape == out_shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_file_with_float16_weights_runs_as_it_is(zoo: Path) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    for ours, theirs in run_both(zoo / "models" / "blazeface_short.tflite", x):
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()

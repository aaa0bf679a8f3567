"""Operands that a file computes from shapes: li_plan follows them, and LiteRT, which runs them, agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models_support import all_outputs, litert, ours
from tiny_models import INT32, ModelMaker, shape_chains

import liteinterp
from converter.gen import tflite
from liteinterp.errors import InputDataError


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 4, 4), (2, 5, 7)])
def test_computed_shapes_and_slices_equal_litert(shape: tuple[int, ...]) -> None:
    """The first dimension stays: LiteRT keeps the stored shape of a SLICE whose size it computes."""
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    results = []
    for engine in (litert(shape_chains().bytes()), ours(shape_chains().bytes())):
        engine.resize_tensor_input(0, shape)
        engine.allocate_tensors()
        engine.set_tensor(0, x)
        engine.invoke()
        results.append([engine.get_tensor(output["index"]) for output in engine.get_output_details()])
    for expected, found in zip(*results, strict=True):
        assert expected.dtype == found.dtype
        assert np.array_equal(expected, found)


def test_a_computed_shape_may_be_multiplied_and_divided() -> None:
    maker = ModelMaker()
    x, shape, wider, halved = maker.tensor((2, 3, 4)), *(maker.tensor([3], INT32) for _ in range(3))
    out = maker.tensor((2, 6, 2))
    maker.op("SHAPE", [x], [shape], tflite.ShapeOptions(INT32))
    maker.op("MUL", [shape, maker.tensor([3], INT32, [1, 2, 1])], [wider], tflite.MulOptions())
    maker.op("DIV", [wider, maker.tensor([3], INT32, [1, 1, 2])], [halved], tflite.DivOptions())
    maker.op("RESHAPE", [x, halved], [out])
    content = maker.ends([x], [out]).bytes()
    rows = np.arange(72, dtype=np.float32).reshape(3, 2, 3, 4)
    (found,), (expected,) = all_outputs(ours(content), rows), all_outputs(litert(content), rows)
    assert np.array_equal(found, expected)


def test_division_of_integers_by_zero_stops_the_run() -> None:
    maker = ModelMaker()
    a, b, out = (maker.tensor([3], INT32) for _ in range(3))
    maker.op("DIV", [a, b], [out], tflite.DivOptions())
    engine = ours(maker.ends([a, b], [out]).bytes())
    engine.allocate_tensors()
    engine.set_tensor(0, np.array([6, 7, -(2**31)], np.int32))
    engine.set_tensor(1, np.array([2, 0, -1], np.int32))
    with pytest.raises(InputDataError, match="divided by 0"):
        engine.invoke()
    engine.set_tensor(1, np.array([2, -2, -1], np.int32))
    engine.invoke()
    assert engine.get_tensor(2).tolist() == [3, -3, -(2**31)]


def test_a_shape_that_data_decide_is_refused() -> None:
    maker = ModelMaker()
    x, size = maker.tensor((2, 3)), maker.tensor([2], INT32)
    shape, total = maker.tensor([2], INT32), maker.tensor([4], INT32)
    out = maker.tensor((6,))
    maker.op("SHAPE", [x], [shape], tflite.ShapeOptions(INT32))
    maker.op("CONCATENATION", [shape, size], [total], tflite.ConcatenationOptions(0))
    maker.op("RESHAPE", [x, total], [out])
    with pytest.raises(liteinterp.UnsupportedError, match="known"):
        ours(maker.ends([x, size], [out]).bytes()).allocate_tensors()


@pytest.mark.slow
@pytest.mark.parametrize("file", ["ultraface_rfb320.tflite", "basic_pitch_nmp.tflite"])
def test_unconverted_file(file: str, zoo: Path) -> None:
    """The float networks of the zoo whose RESHAPE take computed shapes, unconverted."""
    content = (zoo / "models" / file).read_bytes()
    shape = ours(content).get_input_details()[0]["shape"]
    rows = np.random.default_rng(0).uniform(-1, 1, (2, *shape[1:])).astype(np.float32)
    for expected, found in zip(all_outputs(litert(content), rows), all_outputs(ours(content), rows), strict=True):
        assert np.abs(expected - found).max() <= 1e-4 * np.abs(expected).max()

"""Arithmetic on shapes in a file becomes constants."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_models import FLOAT32, INT32, ModelMaker

from converter.errors import InvalidModelError, UnsupportedError
from converter.execute import CExecutor
from converter.frontends.tflite import load
from converter.gen import tflite
from converter.ir.executor import evaluate
from converter.options import Options


def ints(m: ModelMaker, *values: int) -> int:
    return m.tensor((len(values),), INT32, np.array(values, np.int32))


def shape_of(m: ModelMaker, x: int) -> int:
    shape = m.tensor((3,), INT32)
    m.op("SHAPE", [x], [shape], tflite.ShapeOptions(INT32))
    return shape


def element(m: ModelMaker, shape: int, i: int) -> int:
    one = m.tensor((), INT32)
    m.op(
        "STRIDED_SLICE",
        [shape, ints(m, i), ints(m, i + 1), ints(m, 1)],
        [one],
        tflite.StridedSliceOptions(shrink_axis_mask=1),
    )
    return one


def test_reshape_to_a_packed_shape() -> None:
    m = ModelMaker()
    x, packed, y = m.tensor((2, 3, 4)), m.tensor((2,), INT32), m.tensor((2, 12))
    batch = element(m, shape_of(m, x), 0)
    rest = m.tensor((), INT32, np.array(-1, np.int32))
    m.op("PACK", [batch, rest], [packed], tflite.PackOptions(2, 0))
    m.op("RESHAPE", [x, packed], [y])
    graph = load(m.ends([x], [y]).bytes(), Options())
    assert [node.op for node in graph.nodes] == ["RESHAPE"]
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    (found,) = evaluate(CExecutor(), graph, {graph.inputs[0].name: data})
    np.testing.assert_array_equal(found, data.reshape(2, 12))


def test_a_given_input_shape_counts() -> None:
    m = ModelMaker()
    x, y = m.tensor((1, 3, 4)), m.tensor((3, 1, 4))
    shape, turned = shape_of(m, x), m.tensor((3,), INT32)
    m.op("GATHER", [shape, ints(m, 1, 0, 2)], [turned], tflite.GatherOptions(0))
    m.op("RESHAPE", [x, turned], [y])
    graph = load(m.ends([x], [y]).bytes(), Options(input_shape={"t0": (5, 3, 4)}))
    assert graph.outputs[0].shape == (3, 5, 4)


def test_numbers_are_computed_as_in_the_runtime() -> None:
    m = ModelMaker()
    x, y = m.tensor((2, 3, 4)), m.tensor((4, 6))
    shape = shape_of(m, x)
    doubled, reversed_, joined, box = (m.tensor((n,), INT32) for n in (3, 3, 6, 2))
    m.op("CAST", [shape], [doubled], tflite.CastOptions(INT32, INT32))
    m.op(
        "STRIDED_SLICE",
        [doubled, ints(m, 0), ints(m, 0), ints(m, -1)],
        [reversed_],
        tflite.StridedSliceOptions(1, 1),
    )
    m.op("CONCATENATION", [reversed_, ints(m, 6, 7, 8)], [joined], tflite.ConcatenationOptions(0))
    m.op("GATHER", [joined, ints(m, 0, 3)], [box], tflite.GatherOptions(0))
    m.op("RESHAPE", [x, box], [y])
    graph = load(m.ends([x], [y]).bytes(), Options())
    assert graph.outputs[0].shape == (4, 6)


def test_a_shape_that_is_an_output_stays_computed() -> None:
    m = ModelMaker()
    x = m.tensor((2, 3, 4))
    shape = shape_of(m, x)
    graph = load(m.ends([x], [shape]).bytes(), Options())
    (found,) = evaluate(CExecutor(), graph, {graph.inputs[0].name: np.zeros((2, 3, 4), np.float32)})
    assert found.tolist() == [2, 3, 4]


def test_a_shape_from_data_is_refused() -> None:
    m = ModelMaker()
    x, wish, y = m.tensor((2, 3)), m.tensor((1,), INT32), m.tensor((6,))
    m.op("RESHAPE", [x, wish], [y])
    with pytest.raises(UnsupportedError, match="operand shape .* is computed in the graph"):
        load(m.ends([x, wish], [y]).bytes(), Options())


def test_a_box_from_data_is_refused() -> None:
    m = ModelMaker()
    x, begin, y = m.tensor((6,)), m.tensor((1,), INT32), m.tensor((2,), FLOAT32)
    m.op("SLICE", [x, begin, ints(m, 2)], [y], tflite.SliceOptions())
    with pytest.raises(UnsupportedError, match="operand begin .* is computed in the graph"):
        load(m.ends([x, begin], [y]).bytes(), Options())


def test_an_index_outside_a_shape_is_named() -> None:
    m = ModelMaker()
    x, y = m.tensor((2, 3, 4)), m.tensor((24,))
    wrong, wish = element(m, shape_of(m, x), 3), m.tensor((1,), INT32)
    m.op("PACK", [wrong], [wish], tflite.PackOptions(1, 0))
    m.op("RESHAPE", [x, wish], [y])
    with pytest.raises(InvalidModelError, match="index 3 is outside"):
        load(m.ends([x], [y]).bytes(), Options())

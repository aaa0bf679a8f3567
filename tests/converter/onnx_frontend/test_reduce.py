"""Reductions, ArgMax and ArgMin against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx_models import check, one_node, operators

#: The opset since which the axes of a reduction are an input.
AXES_SINCE = {"ReduceSum": 13}
REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare")


def reduction(op_type: str, opset: int, axes: list[int] | None, **attributes: Any) -> onnx.ModelProto:
    if axes is not None and opset >= AXES_SINCE.get(op_type, 18):
        return one_node(op_type, {"x": (2, 3, 4, 5)}, {"axes": np.array(axes, np.int64)}, opset, **attributes)
    given = {} if axes is None else {"axes": axes}
    return one_node(op_type, {"x": (2, 3, 4, 5)}, opset=opset, **given, **attributes)


@pytest.mark.parametrize("opset", [7, 11, 13, 17, 18, 21])
@pytest.mark.parametrize("axes", [[1], [-1, 2], [0, 1, 2, 3], None])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("op_type", REDUCTIONS)
def test_reductions(op_type: str, keepdims: int, axes: list[int] | None, opset: int) -> None:
    check(reduction(op_type, opset, axes, keepdims=keepdims))


@pytest.mark.parametrize("op_type", REDUCTIONS)
def test_empty_axes_may_reduce_nothing(op_type: str) -> None:
    graph = check(reduction(op_type, 18, None, noop_with_empty_axes=1))
    assert not {"SUM", "MEAN", "REDUCE_MAX", "REDUCE_MIN"} & set(operators(graph))


@pytest.mark.parametrize("opset", [7, 11, 13, 21])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
def test_indices_of_extremes(op_type: str, keepdims: int, axis: int, opset: int) -> None:
    if axis < 0 and opset < 11:
        pytest.skip("axes count from the front there")
    inputs = {"x": np.random.default_rng(0).integers(-2, 3, (3, 6, 5)).astype(np.float32)}  # ties: the first wins
    shape, int64 = {"x": (3, 6, 5)}, onnx.TensorProto.INT64
    check(one_node(op_type, shape, opset=opset, output_type=int64, axis=axis, keepdims=keepdims), inputs=inputs)

"""Pooling against ONNX Runtime: what counts as padding differs between ONNX and TFLite."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_models import check, make_model, one_node, operators


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int], dict[str, Any]]:
    """A spatial size and the attributes of a window that fits it, with pads smaller than the kernel."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    pads = [draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4)]
    low = [max(kernel[i] - pads[i] - pads[i + 2], 1) for i in (0, 1)]
    size = draw(st.tuples(st.integers(low[0], low[0] + 7), st.integers(low[1], low[1] + 7)))
    return size, {"kernel_shape": kernel, "strides": strides, "pads": pads}


@pytest.mark.parametrize("opset", [7, 10, 11, 19])
@settings(max_examples=25, deadline=None)
@given(window=windows(), include=st.integers(0, 1))
def test_average_pool(opset: int, window: tuple[tuple[int, int], dict[str, Any]], include: int) -> None:
    size, attributes = window
    check(one_node("AveragePool", {"x": (1, 3, *size)}, opset=opset, count_include_pad=include, **attributes))


@settings(max_examples=40, deadline=None)
@given(window=windows(), include=st.integers(0, 1))
def test_average_pool_that_rounds_up(window: tuple[tuple[int, int], dict[str, Any]], include: int) -> None:
    size, attributes = window
    model = one_node(
        "AveragePool", {"x": (1, 3, *size)}, opset=19, ceil_mode=1, count_include_pad=include, **attributes
    )
    check(model)


@settings(max_examples=60, deadline=None)
@given(window=windows(), ceil=st.integers(0, 1))
def test_max_pool_behind_relu(window: tuple[tuple[int, int], dict[str, Any]], ceil: int) -> None:
    size, attributes = window
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["y"], ceil_mode=ceil, **attributes),
    ]
    check(make_model(nodes, {"x": (1, 3, *size)}, ["y"], opset=11))


@settings(max_examples=60, deadline=None)
@given(window=windows())
def test_max_pool_of_any_sign(window: tuple[tuple[int, int], dict[str, Any]]) -> None:
    size, attributes = window
    check(one_node("MaxPool", {"x": (1, 3, *size)}, opset=11, **attributes))


@pytest.mark.parametrize("size", [8, 9])
def test_the_max_pool_of_resnet_is_never_refused(size: int) -> None:
    """3x3, stride 2, pads 1: on even sizes no SAME, but every second window of one with stride 1."""
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    check(one_node("MaxPool", {"x": (1, 3, size, size)}, opset=11, **attributes))


def test_padding_with_zero_needs_a_producer_without_negatives() -> None:
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 0, 0]}
    graph = check(one_node("MaxPool", {"x": (1, 3, 5, 5)}, opset=11, **attributes))
    assert operators(graph) == ["TRANSPOSE", "GATHER", "GATHER", "MAX_POOL_2D", "TRANSPOSE"]
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["s"]),
        helper.make_node("Transpose", ["s"], ["t"], perm=[0, 1, 3, 2]),
        helper.make_node("MaxPool", ["t"], ["y"], **attributes),
    ]
    graph = check(make_model(nodes, {"x": (1, 3, 5, 5)}, ["y"], opset=11))
    assert "PAD" in operators(graph)


@pytest.mark.parametrize("mode", ["SAME_UPPER", "VALID"])
@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
def test_auto_pad(op_type: str, mode: str) -> None:
    model = one_node(op_type, {"x": (1, 2, 7, 8)}, opset=11, kernel_shape=[3, 2], strides=[2, 2], auto_pad=mode)
    assert operators(check(model))[1] in ("MAX_POOL_2D", "AVERAGE_POOL_2D")


@pytest.mark.parametrize("opset", [7, 17])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 7), (1, 2, 3, 2, 4)])
def test_global_average_pool(opset: int, shape: tuple[int, ...]) -> None:
    check(one_node("GlobalAveragePool", {"x": shape}, opset=opset))

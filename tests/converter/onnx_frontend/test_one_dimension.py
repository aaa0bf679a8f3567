"""Operators on one spatial dimension against ONNX Runtime: images of height 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_models import check, make_model, one_node

from converter import frontends
from converter.errors import UnsupportedError
from converter.execute import CExecutor
from converter.options import Options
from converter.passes import optimize


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    pads=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    more=st.integers(0, 6),
    groups=st.sampled_from([(1, 3), (2, 4), (4, 4), (4, 8)]),
)
def test_conv(kernel: int, stride: int, dilation: int, pads: Any, more: int, groups: tuple[int, int]) -> None:
    size = max((kernel - 1) * dilation + 1 - sum(pads), 1) + more
    count, outputs = groups
    rng = np.random.default_rng(3)
    weights = {"w": rng.standard_normal((outputs, 4 // count, kernel)).astype(np.float32)}
    attributes = {"strides": [stride], "dilations": [dilation], "pads": list(pads), "group": count}
    check(one_node("Conv", {"x": (2, 4, size)}, weights, **attributes))


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_conv_pads_by_itself(mode: str) -> None:
    check(one_node("Conv", {"x": (1, 2, 9)}, {"w": np.ones((3, 2, 4), np.float32)}, auto_pad=mode, strides=[2]))


@settings(max_examples=40, deadline=None)
@given(
    op_type=st.sampled_from(["MaxPool", "AveragePool"]),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    size=st.integers(4, 11),
    ceil=st.integers(0, 1),
)
def test_pools(op_type: str, kernel: int, stride: int, size: int, ceil: int) -> None:
    check(one_node(op_type, {"x": (2, 3, size)}, opset=19, kernel_shape=[kernel], strides=[stride], ceil_mode=ceil))


@pytest.mark.parametrize("op_type", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 4, 5)])
def test_global_pools(op_type: str, shape: tuple[int, ...]) -> None:
    check(one_node(op_type, {"x": shape}))


@pytest.mark.parametrize(
    ("op_type", "shape", "attributes"),
    [
        ("MaxPool", (1, 2, 4, 4, 4), {"kernel_shape": [2, 2, 2]}),
        ("AveragePool", (1, 2, 4, 4, 4), {"kernel_shape": [2, 2, 2]}),
        ("GlobalMaxPool", (1, 2, 4, 4, 4), {}),
        ("Conv", (1, 2, 4, 4, 4), {}),
    ],
)
def test_three_dimensions_are_refused(op_type: str, shape: tuple[int, ...], attributes: dict[str, Any]) -> None:
    constants = {"w": np.ones((3, 2, 2, 2, 2), np.float32)} if op_type == "Conv" else {}
    with pytest.raises(UnsupportedError, match=r"3 spatial dimensions.*One \(length\) and two"):
        frontends.load(one_node(op_type, {"x": shape}, constants, **attributes), Options())


def test_reshapes_of_neighbours_cancel() -> None:
    """Convolutions, activations, a residual sum, a concatenation and pools between two reshapes, and no transpose."""
    rng = np.random.default_rng(1)
    constants = {name: rng.standard_normal((8, 8, 3)).astype(np.float32) for name in ("w1", "w2", "w3")}
    constants |= {"b": rng.standard_normal(8).astype(np.float32)}
    same: dict[str, Any] = {"pads": [1, 1]}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b"], ["c1"], **same),
        helper.make_node("Sigmoid", ["c1"], ["s1"]),
        helper.make_node("Conv", ["s1", "w2"], ["c2"], **same),
        helper.make_node("Add", ["c2", "s1"], ["sum"]),
        helper.make_node("Concat", ["sum", "c2"], ["joined"], axis=1),
        helper.make_node("MaxPool", ["joined"], ["p"], kernel_shape=[2], strides=[2]),
        helper.make_node("Relu", ["p"], ["r"]),
        helper.make_node("AveragePool", ["r"], ["y"], kernel_shape=[2], strides=[2]),
    ]
    model = make_model(nodes, {"x": (1, 8, 16)}, ["y"], constants)
    graph = check(model)
    optimize(graph, CExecutor())
    ops = [node.op for node in graph.nodes]
    assert ops.count("TRANSPOSE") == 2  # the interface keeps the source's order
    assert ops.count("RESHAPE") == 2, ops

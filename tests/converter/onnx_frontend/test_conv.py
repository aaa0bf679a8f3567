"""Conv against ONNX Runtime: every way of padding, strides, dilations, groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import OPSETS, check, one_node, operators


def _model(
    channels: int,
    outputs: int,
    kernel: tuple[int, int],
    size: tuple[int, int],
    groups: int = 1,
    bias: bool = True,
    **more: Any,
) -> Any:
    rng = np.random.default_rng(7)
    constants = {"w": rng.standard_normal((outputs, channels // groups, *kernel)).astype(np.float32)}
    if bias:
        constants["b"] = rng.standard_normal(outputs).astype(np.float32)
    return one_node("Conv", {"x": (2, channels, *size)}, constants, group=groups, **more)


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset(opset: int) -> None:
    check(_model(3, 4, (3, 3), (6, 5), opset=opset, pads=[1, 1, 1, 1]))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_geometry(data: st.DataObject) -> None:
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)), "kernel")
    strides = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)), "strides")
    dilations = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 2)), "dilations")
    pads = data.draw(st.lists(st.integers(0, 3), min_size=4, max_size=4), "pads")
    smallest = [max((kernel[i] - 1) * dilations[i] + 1 - pads[i] - pads[i + 2], 1) for i in (0, 1)]
    size = tuple(data.draw(st.integers(low, low + 7), "size") for low in smallest)
    groups, multiplier = data.draw(st.sampled_from([(1, 1), (1, 3), (2, 2), (4, 1), (4, 2)]), "groups, multiplier")
    model = _model(
        4, 4 * multiplier, kernel, (size[0], size[1]), groups, data.draw(st.booleans(), "bias"),
        strides=strides, dilations=dilations, pads=pads,
    )  # fmt: skip
    check(model)


@settings(max_examples=30, deadline=None)
@given(
    mode=st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(4, 9), st.integers(4, 9)),
)
def test_auto_pad(mode: str, kernel: tuple[int, int], strides: tuple[int, int], size: tuple[int, int]) -> None:
    check(_model(2, 3, kernel, size, auto_pad=mode, strides=strides))


def test_tensorflow_geometry_needs_no_pad() -> None:
    same = check(_model(3, 4, (3, 3), (7, 7), pads=[1, 1, 1, 1], strides=[2, 2]))
    assert operators(same) == ["TRANSPOSE", "CONV_2D", "TRANSPOSE"]
    assert same.nodes[1].options["padding"] == "SAME"
    valid = check(_model(3, 4, (3, 3), (7, 7)))
    assert valid.nodes[1].options["padding"] == "VALID"


def test_symmetric_pads_of_stride_2_are_no_same_on_even_sizes() -> None:
    graph = check(_model(3, 4, (3, 3), (8, 8), pads=[1, 1, 1, 1], strides=[2, 2]))
    assert operators(graph) == ["TRANSPOSE", "PAD", "CONV_2D", "TRANSPOSE"]
    # The last row and column of padding are never read, so they are not made.
    assert graph.nodes[1].input(1).data is not None
    assert graph.nodes[1].input(1).data.tolist() == [[0, 0], [1, 0], [1, 0], [0, 0]]


def test_one_filter_per_channel_is_depthwise() -> None:
    graph = check(_model(4, 8, (3, 3), (5, 5), groups=4))
    node = graph.nodes[1]
    assert (node.op, node.options["depth_multiplier"], node.input(1).shape) == ("DEPTHWISE_CONV_2D", 2, (1, 3, 3, 8))


def test_other_groups_are_a_convolution_of_shallower_filters() -> None:
    graph = check(_model(6, 4, (3, 3), (5, 5), groups=2))
    assert (graph.nodes[1].op, graph.nodes[1].input(1).shape) == ("CONV_2D", (4, 3, 3, 3))

"""The mean output of a layer follows from what its taps see; the oracle is onnxruntime's convolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from small_graphs import CONV, GraphMaker

from converter.ir.graph import Node
from converter.ir.taps import output_means, positions, tap_sums

Array = npt.NDArray[Any]


def ort_conv_means(node: Node, x: Array) -> Array:
    """Mean over batch and positions of the convolution without bias, by onnxruntime, NCHW."""
    weights = node.input(1).data
    assert weights is not None
    depthwise = node.op == "DEPTHWISE_CONV_2D"
    channels = x.shape[3]
    groups = channels if depthwise else channels // weights.shape[3]
    oihw = np.transpose(weights, (3, 0, 1, 2)) if depthwise else np.transpose(weights, (0, 3, 1, 2))
    options: dict[str, Any] = dict(node.options)
    pads_before, pads_after = [0, 0], [0, 0]
    if options["padding"] == "SAME":
        for i, side in enumerate("hw"):
            reach = (weights.shape[1 + i] - 1) * options[f"dilation_{side}_factor"] + 1
            steps = math.ceil(x.shape[1 + i] / options[f"stride_{side}"]) - 1
            missing = max(0, steps * options[f"stride_{side}"] + reach - x.shape[1 + i])
            pads_before[i], pads_after[i] = missing // 2, missing - missing // 2
    attributes = {
        "strides": [options["stride_h"], options["stride_w"]],
        "dilations": [options["dilation_h_factor"], options["dilation_w_factor"]],
        "group": groups,
        "pads": [*pads_before, *pads_after],
    }
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    constants = [helper.make_tensor("w", TensorProto.FLOAT, oihw.shape, oihw.ravel())]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)], "g", inputs, outputs, constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    y: Array = session.run(None, {"x": np.transpose(x, (0, 3, 1, 2)).astype(np.float32)})[0]
    return y.astype(np.float64).mean(axis=(0, 2, 3))


@settings(deadline=None, max_examples=60)
@given(
    op=st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D"]),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.integers(1, 4),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    padding=st.sampled_from(["SAME", "VALID"]),
)
def test_mean_of_a_convolution(
    op: str, size: tuple[int, int], kernel: int, stride: tuple[int, int], dilation: int, padding: str
) -> None:
    reach = (kernel - 1) * dilation + 1
    if padding == "VALID" and min(size) < reach:
        return
    make = GraphMaker((2, *size, 4))
    options = {
        "padding": padding,
        "stride_h": stride[0],
        "stride_w": stride[1],
        "dilation_h_factor": dilation,
        "dilation_w_factor": dilation,
    }
    if op == "CONV_2D":
        make.conv(make.x, 6, kernel, bias=False, **options)
    else:
        make.depthwise(make.x, kernel, multiplier=2, **options)
    (node,) = make.nodes
    x = make.random.integers(-100, 100, make.x.shape).astype(np.float64)
    weights = node.input(1).data
    assert weights is not None
    means = output_means(node, weights.astype(np.float64), tap_sums(node, x) / positions(node))
    assert means == pytest.approx(ort_conv_means(node, x), rel=1e-4, abs=1e-3)


def test_mean_of_a_grouped_convolution() -> None:
    make = GraphMaker((1, 5, 5, 6))
    weights = make.weights(4, 3, 3, 3)
    make.op("CONV_2D", [make.x, weights], CONV)
    (node,) = make.nodes
    x = make.random.normal(0, 1, make.x.shape)
    assert weights.data is not None
    means = output_means(node, weights.data.astype(np.float64), tap_sums(node, x) / positions(node))
    assert means == pytest.approx(ort_conv_means(node, x), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_mean_of_a_transposed_convolution(padding: str, kernel: int, stride: int) -> None:
    """The oracle is onnxruntime's ConvTranspose, whole, cut to the region that the padding leaves."""
    make = GraphMaker((2, 4, 3, 5))
    sizes = [size * stride - (stride > 1) if padding == "SAME" else (size - 1) * stride + kernel for size in (4, 3)]
    shape = make.constant(np.array([2, *sizes, 6], np.int32), "shape")
    options: dict[str, Any] = {"padding": padding, "stride_h": stride, "stride_w": stride}
    make.op("TRANSPOSE_CONV", [shape, make.weights(6, kernel, kernel, 5), make.x], options)
    (node,) = make.nodes
    x = make.random.integers(-100, 100, make.x.shape).astype(np.float64)
    weights = node.input(1).data
    assert weights is not None
    before = [max((n - 1) * stride + kernel - out, 0) // 2 for n, out in zip((4, 3), sizes, strict=True)]
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[stride] * 2, output_padding=[stride - 1] * 2)
    ]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, None)] for name in "xy"]
    filters = np.transpose(weights, (3, 0, 1, 2))
    constants = [helper.make_tensor("w", TensorProto.FLOAT, filters.shape, filters.ravel())]
    model = helper.make_model(
        helper.make_graph(nodes, "g", *ends, constants), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    whole: Array = session.run(None, {"x": np.transpose(x, (0, 3, 1, 2)).astype(np.float32)})[0].astype(np.float64)
    cut = whole[:, :, before[0] : before[0] + sizes[0], before[1] : before[1] + sizes[1]]
    means = output_means(node, weights.astype(np.float64), tap_sums(node, x) / positions(node))
    assert cut.shape[2:] == tuple(sizes)
    assert means == pytest.approx(cut.mean(axis=(0, 2, 3)), rel=1e-4, abs=1e-3)


def test_mean_of_a_dense_layer() -> None:
    make = GraphMaker((3, 7))
    make.dense(make.x, 4)
    (node,) = make.nodes
    x = make.random.normal(0, 1, (3, 7))
    weights = node.input(1).data
    assert weights is not None
    means = output_means(node, weights.astype(np.float64), tap_sums(node, x) / positions(node))
    assert means == pytest.approx((x @ weights.T).mean(axis=0), rel=1e-6)

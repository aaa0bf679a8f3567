"""DepthToSpace and SpaceToDepth against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from onnx_models import check, make_model, one_node, operators

from converter.execute import CExecutor
from converter.passes import optimize


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_depth_to_space(opset: int, mode: str, block: int) -> None:
    check(one_node("DepthToSpace", {"x": (2, 36, 2, 3)}, opset=opset, blocksize=block, mode=mode))


def test_depth_to_space_had_one_mode_first() -> None:
    check(one_node("DepthToSpace", {"x": (1, 8, 2, 3)}, opset=9, blocksize=2))


@pytest.mark.parametrize("block", [1, 2, 3])
def test_space_to_depth(block: int) -> None:
    check(one_node("SpaceToDepth", {"x": (2, 3, 6, 12)}, blocksize=block))


def test_images_stay_in_one_layout() -> None:
    """Every spatial operator between two convolutions, pixel shuffle included: transposes only at the interface."""
    rng = np.random.default_rng(2)
    shapes = {"w1": (16, 3, 3, 3), "b1": (16,), "w2": (4, 6, 4, 4), "w3": (5, 6, 1, 1), "w4": (2, 5, 3, 3)}
    constants = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    constants |= {"none": np.zeros(0, np.float32), "twice": np.array([1, 1, 2, 2], np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("DepthToSpace", ["r"], ["d"], blocksize=2, mode="CRD"),
        helper.make_node("ConvTranspose", ["d", "w2"], ["t"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Resize", ["t", "none", "twice"], ["n"], mode="nearest"),
        helper.make_node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 0, 0]),
        helper.make_node("Conv", ["p", "w3"], ["q"]),
        helper.make_node("Resize", ["q", "none", "twice"], ["l"], mode="linear"),
        helper.make_node("Conv", ["l", "w4"], ["y"], strides=[2, 2]),
    ]
    graph = check(make_model(nodes, {"x": (1, 3, 4, 5)}, ["y"], constants))
    optimize(graph, CExecutor())
    ops = operators(graph)
    assert ops.count("TRANSPOSE") == 2 and (ops[0], ops[-1]) == ("TRANSPOSE", "TRANSPOSE")
    # The shuffle's order of channels is the convolution's; the border rows and columns are the pool's.
    assert ops.count("GATHER") == 2

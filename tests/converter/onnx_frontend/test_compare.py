"""Comparisons, logic and Where against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_models import check, make_model, one_node, operators

BOOL = onnx.TensorProto.BOOL
INPUTS = {
    "a": np.array([[1, 2, 3], [-1, 0, 4]], np.float32),
    "b": np.array([1, 5, 3], np.float32),
}
SHAPES = {"a": (2, 3), "b": (3,)}


@pytest.mark.parametrize(
    ("op_type", "opset"),
    [
        ("Equal", 11), ("Equal", 19), ("Greater", 7), ("Greater", 13), ("Less", 9), ("Less", 21),
        ("GreaterOrEqual", 12), ("GreaterOrEqual", 16), ("LessOrEqual", 12), ("LessOrEqual", 21),
    ],
)  # fmt: skip
def test_comparisons(op_type: str, opset: int) -> None:
    check(one_node(op_type, SHAPES, opset=opset, output_type=BOOL), inputs=INPUTS)


@pytest.mark.parametrize("op_type", ["And", "Or", "Xor"])
def test_logic(op_type: str) -> None:
    nodes = [
        helper.make_node("Less", ["a", "b"], ["less"]),
        helper.make_node("Not", ["less"], ["not"]),
        helper.make_node("Greater", ["a", "zero"], ["above"]),
        helper.make_node(op_type, ["not", "above"], ["y"]),
    ]
    check(make_model(nodes, SHAPES, ["y"], {"zero": np.float32(0)}, output_type=BOOL), inputs=INPUTS)


@pytest.mark.parametrize("opset", [9, 16, 21])
def test_where(opset: int) -> None:
    nodes = [
        helper.make_node("Less", ["a", "b"], ["less"]),
        helper.make_node("Where", ["less", "c", "b"], ["y"]),
    ]
    inputs = INPUTS | {"c": np.random.default_rng(0).normal(size=(4, 1, 1)).astype(np.float32)}
    graph = check(make_model(nodes, SHAPES | {"c": (4, 1, 1)}, ["y"], opset=opset), inputs=inputs)
    assert operators(graph) == ["LESS", "SELECT_V2"]


def test_where_by_a_constant() -> None:
    constants = {"mask": np.array([True, False, True])}
    check(one_node("Where", {"a": (2, 3)}, constants | {"other": np.float32(7)}, order=["mask", "a", "other"]))

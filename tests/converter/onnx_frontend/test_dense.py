"""Gemm and MatMul against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_models import OPSETS, check, make_model, one_node, operators

RNG = np.random.default_rng(3)


def _array(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm(opset: int, trans_a: int, trans_b: int) -> None:
    constants = {"b": _array(*((4, 5) if trans_b else (5, 4))), "c": _array(4)}
    shape = (5, 3) if trans_a else (3, 5)
    check(one_node("Gemm", {"a": shape}, constants, opset, transA=trans_a, transB=trans_b))


@settings(max_examples=40, deadline=None)
@given(
    alpha=st.sampled_from([1.0, 0.5, -2.0]),
    beta=st.sampled_from([1.0, 0.25, 0.0]),
    addend=st.sampled_from([(), (1,), (4,), (1, 4), (3, 1), (3, 4), (1, 1)]),
    constant=st.booleans(),
)
def test_gemm_scales_and_broadcasts(alpha: float, beta: float, addend: tuple[int, ...], constant: bool) -> None:
    inputs, constants = {"a": (3, 5)}, {"b": _array(5, 4)}
    if constant:
        constants["c"] = _array(*addend)
    else:
        inputs["c"] = addend
    check(one_node("Gemm", inputs, constants, 13, order=["a", "b", "c"], alpha=alpha, beta=beta))


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("addend", [None, (3, 4), (4,)])
def test_gemm_of_a_constant_on_the_left(trans_a: int, trans_b: int, addend: tuple[int, ...] | None) -> None:
    constants = {"a": _array(*((5, 3) if trans_a else (3, 5)))}
    if addend is not None:
        constants["c"] = _array(*addend)
    inputs = {"b": (4, 5) if trans_b else (5, 4)}
    order = ["a", "b", *(["c"] if addend is not None else [])]
    check(one_node("Gemm", inputs, constants, 13, order=order, transA=trans_a, transB=trans_b, alpha=0.5, beta=2.0))


def test_gemm_with_a_bias_row_is_one_operator() -> None:
    graph = check(one_node("Gemm", {"a": (3, 5)}, {"b": _array(4, 5), "c": _array(4)}, transB=1))
    assert operators(graph) == ["FULLY_CONNECTED"]
    assert graph.nodes[0].input(1).name == "b"


def test_gemm_without_an_addend() -> None:
    check(one_node("Gemm", {"a": (3, 5)}, {"b": _array(5, 4)}))


@pytest.mark.parametrize("left", [(5,), (3, 5), (2, 3, 5), (2, 1, 3, 5)])
@pytest.mark.parametrize("right", [(5, 4), (5,), (5, 1)])
def test_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    check(one_node("MatMul", {"a": left}, {"b": _array(*right)}, 13))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 5), (5, 4)), ((2, 3, 5), (2, 5, 4)), ((2, 3, 5), (5, 4)), ((3, 5), (2, 5, 4)), ((2, 1, 3, 5), (4, 5, 2)),
        ((5,), (5, 4)), ((3, 5), (5,)), ((5,), (5,)), ((5,), (2, 5, 4)), ((2, 3, 5), (5,)),
    ],
)  # fmt: skip
def test_matmul_of_computed_operands(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    graph = check(one_node("MatMul", {"a": left, "b": right}, opset=13))
    assert "BATCH_MATMUL" in operators(graph)


def test_matmul_by_constants_on_either_side() -> None:
    check(one_node("MatMul", {"b": (2, 5, 4)}, {"a": _array(3, 5)}, order=["a", "b"]))
    check(one_node("MatMul", {"a": (2, 3, 5)}, {"b": _array(2, 5, 4)}))


@settings(max_examples=20, deadline=None)
@given(
    trans=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    alpha=st.sampled_from([1.0, 0.5]),
    beta=st.sampled_from([1.0, 0.25, 0.0]),
    addend=st.sampled_from([None, (), (4,), (3, 1), (3, 4)]),
)
def test_gemm_of_computed_weights(
    trans: tuple[int, int], alpha: float, beta: float, addend: tuple[int, ...] | None
) -> None:
    inputs: dict[str, tuple[int, ...]] = {"a": (5, 3) if trans[0] else (3, 5), "b": (4, 5) if trans[1] else (5, 4)}
    if addend is not None:
        inputs["c"] = addend
    check(one_node("Gemm", inputs, None, 13, alpha=alpha, beta=beta, transA=trans[0], transB=trans[1]))


def test_weights_may_come_from_a_folded_transpose() -> None:
    nodes = [
        helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "wt"], ["y"]),
    ]
    graph = check(make_model(nodes, {"x": (2, 5)}, ["y"], {"w": _array(4, 5)}))
    assert operators(graph) == ["FULLY_CONNECTED"]

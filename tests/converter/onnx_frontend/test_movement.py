"""Operators that move elements, and those along an axis, against ONNX Runtime over the opsets that changed them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_models import OPSETS, check, make_model, one_node, operators

INTS = np.int64


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("wish", [(6, 4), (-1, 2), (0, -1), (2, 0, -1), (24,), (1, 2, 3, 4)])
def test_reshape(opset: int, wish: tuple[int, ...]) -> None:
    check(one_node("Reshape", {"x": (2, 3, 4)}, {"shape": np.array(wish, INTS)}, opset))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_flatten(opset: int, axis: int) -> None:
    check(one_node("Flatten", {"x": (2, 3, 4)}, opset=opset, axis=axis))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axes", [[0], [0, 2], [-1, 0]])
@pytest.mark.parametrize("op_type", ["Squeeze", "Unsqueeze"])
def test_squeeze_and_unsqueeze(op_type: str, opset: int, axes: list[int]) -> None:
    if opset < 11 and min(axes) < 0:
        axes = [0, 2]
    shape = (1, 3, 1) if op_type == "Squeeze" else (3, 2)
    if opset < 13:
        check(one_node(op_type, {"x": shape}, opset=opset, axes=axes))
    else:
        check(one_node(op_type, {"x": shape}, {"axes": np.array(axes, INTS)}, opset))


@pytest.mark.parametrize("opset", [11, 13])
def test_squeeze_of_every_dimension_of_size_1(opset: int) -> None:
    check(one_node("Squeeze", {"x": (1, 3, 1, 4)}, opset=opset))


@settings(max_examples=25, deadline=None)
@given(order=st.integers(1, 5).flatmap(lambda rank: st.permutations(range(rank))))
def test_transpose(order: list[int]) -> None:
    check(one_node("Transpose", {"x": tuple(range(2, 2 + len(order)))}, perm=order))


def test_transpose_reverses_by_default() -> None:
    check(one_node("Transpose", {"x": (2, 3, 4)}))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concat(opset: int, axis: int) -> None:
    shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
    shapes[1][axis] = 1
    constant = np.ones(shapes[2], np.float32)
    inputs = {"a": tuple(shapes[0]), "b": tuple(shapes[1])}
    check(one_node("Concat", inputs, {"c": constant}, opset, order=["a", "c", "b"], axis=axis))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("pads", [[0, 1, 2, 0, 0, 3], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
def test_pad(opset: int, pads: list[int]) -> None:
    if opset < 11:
        check(one_node("Pad", {"x": (2, 3, 4)}, opset=opset, pads=pads))
    else:
        check(one_node("Pad", {"x": (2, 3, 4)}, {"pads": np.array(pads, INTS)}, opset))


def test_pad_of_some_axes() -> None:
    constants = {"pads": np.array([1, 2, 3, 4], INTS), "value": np.float32(0), "axes": np.array([-1, 0], INTS)}
    check(one_node("Pad", {"x": (2, 3, 4)}, constants, 18))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2])
def test_softmax(opset: int, axis: int) -> None:
    if opset < 11 and axis < 0:
        axis += 4
    check(one_node("Softmax", {"x": (2, 3, 4, 5)}, opset=opset, axis=axis))


@pytest.mark.parametrize("opset", [9, 13])
def test_softmax_without_an_axis(opset: int) -> None:
    check(one_node("Softmax", {"x": (2, 3, 4)}, opset=opset))


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axes", [[2, 3], [1], [0, 2], [-1], None])
@pytest.mark.parametrize("opset", OPSETS)
def test_reduce_mean(opset: int, axes: list[int] | None, keep: int) -> None:
    if opset < 11 and axes is not None:
        axes = [axis % 4 for axis in axes]
    if axes is None:
        check(one_node("ReduceMean", {"x": (2, 3, 4, 5)}, opset=opset, keepdims=keep))
    elif opset < 18:
        check(one_node("ReduceMean", {"x": (2, 3, 4, 5)}, opset=opset, axes=axes, keepdims=keep))
    else:
        check(one_node("ReduceMean", {"x": (2, 3, 4, 5)}, {"axes": np.array(axes, INTS)}, opset, keepdims=keep))


def test_reduce_mean_of_nothing() -> None:
    model = one_node("ReduceMean", {"x": (2, 3)}, opset=18, noop_with_empty_axes=1)
    assert operators(check(model)) == ["RESHAPE"]


@pytest.mark.parametrize("opset", OPSETS)
def test_dropout_does_nothing(opset: int) -> None:
    assert operators(check(one_node("Dropout", {"x": (2, 3)}, opset=opset))) == ["RESHAPE"]


def test_a_cast_to_the_same_type_does_nothing() -> None:
    nodes = [helper.make_node("Cast", ["x"], ["c"], to=1), helper.make_node("Relu", ["c"], ["y"])]
    assert operators(check(make_model(nodes, {"x": (2, 3)}, ["y"]))) == ["RELU"]


@settings(max_examples=30, deadline=None)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_reshape_to_any_factors(shape: list[int], data: st.DataObject) -> None:
    rest, wish = math.prod(shape), []
    while rest > 1 and len(wish) < 4:
        factor = data.draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0]))
        wish.append(factor)
        rest //= factor
    wish.append(rest)
    check(one_node("Reshape", {"x": shape}, {"shape": np.array(wish, INTS)}, 13))

"""Add, Sub, Mul, Div, the activations and BatchNormalization against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import OPSETS, check, one_node, operators, run_graph

from converter import frontends
from converter.options import Options

RNG = np.random.default_rng(5)
LARGEST = float(np.finfo(np.float32).max)


def _array(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("opset", [7, 13, 14, 21])
@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul"])
@settings(max_examples=15, deadline=None)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_broadcasting_of_inputs(op_type: str, opset: int, shape: list[int], data: st.DataObject) -> None:
    other = [size if data.draw(st.booleans()) else 1 for size in shape][data.draw(st.integers(0, len(shape) - 1)) :]
    check(one_node(op_type, {"a": shape, "b": other}, opset=opset))


@pytest.mark.parametrize("opset", OPSETS)
def test_quotients_of_inputs(opset: int) -> None:
    inputs = {"a": _array(2, 3, 4), "b": _array(3, 1) + np.copysign(0.5, _array(3, 1)).astype(np.float32)}
    graph = check(one_node("Div", {"a": (2, 3, 4), "b": (3, 1)}, opset=opset), inputs=inputs)
    assert operators(graph) == ["DIV"]


@pytest.mark.parametrize("opset", [8, 12, 13, 21])
@pytest.mark.parametrize("op_type", ["Max", "Min"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_extremes_of_any_number_of_inputs(op_type: str, count: int, opset: int) -> None:
    shapes = dict([("a", (2, 3)), ("b", (3,)), ("c", (2, 1))][:count])
    graph = check(one_node(op_type, shapes, opset=opset))
    assert len(operators(graph)) == max(count - 1, 1)


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.5, 1.0, 2.0, 3.0])
def test_powers(exponent: float) -> None:
    inputs = {"x": np.abs(_array(3, 4)) + 0.25}
    check(one_node("Pow", {"x": (3, 4)}, {"e": np.float32(exponent)}), inputs=inputs)


@pytest.mark.parametrize("opset", [7, 9, 16, 21])
@pytest.mark.parametrize("slope", [(3, 1, 1), (1,), (2, 3, 4, 5)])
def test_prelu(slope: tuple[int, ...], opset: int) -> None:
    graph = check(one_node("PRelu", {"x": (2, 3, 4, 5)}, {"slope": _array(*slope)}, opset))
    assert operators(graph) == ["PRELU"]


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate: str) -> None:
    assert operators(check(one_node("Gelu", {"x": (3, 40)}, opset=20, approximate=approximate))) == ["GELU"]


def test_a_square_is_a_product() -> None:
    """So that it has an int8 form, and negative numbers are allowed."""
    assert operators(check(one_node("Pow", {"x": (3, 4)}, {"e": np.int64(2)}))) == ["MUL"]


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (2, 3, 4)])
@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div"])
def test_constants_on_the_right(op_type: str, shape: tuple[int, ...]) -> None:
    check(one_node(op_type, {"a": (2, 3, 4)}, {"b": _array(*shape) + 3}))


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul"])
def test_constants_on_the_left(op_type: str) -> None:
    check(one_node(op_type, {"a": (2, 3, 4)}, {"b": _array(3, 1)}, order=["b", "a"]))


def test_the_same_tensor_twice() -> None:
    check(one_node("Mul", {"a": (2, 3)}, order=["a", "a"]))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("op_type", ["Relu", "Sigmoid", "Tanh", "Elu", "LeakyRelu", "Abs", "Neg", "Exp"])
def test_activations(op_type: str, opset: int) -> None:
    check(one_node(op_type, {"x": (2, 3, 4)}, opset=opset))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("op_type", ["Sqrt", "Log", "Reciprocal"])
def test_functions_of_positive_numbers(op_type: str, opset: int) -> None:
    check(one_node(op_type, {"x": (2, 3, 4)}, opset=opset), inputs={"x": np.abs(_array(2, 3, 4)) + 0.25})


@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("op_type", ["Elu", "LeakyRelu"])
def test_slopes(op_type: str, alpha: float) -> None:
    check(one_node(op_type, {"x": (2, 3, 4)}, alpha=alpha))


@pytest.mark.parametrize("opset", [7, 21])
@pytest.mark.parametrize("slope", [{}, {"alpha": 1 / 6, "beta": 0.5}, {"alpha": -0.7, "beta": 2.0}])
def test_hard_sigmoid(slope: dict[str, float], opset: int) -> None:
    inputs = {"x": 4 * _array(3, 40)}
    graph = check(one_node("HardSigmoid", {"x": (3, 40)}, opset=opset, **slope), inputs=inputs)
    assert operators(graph) == ["ADD", "MUL"] if slope.get("beta") == 0.5 else ["MUL", "ADD", "MUL"]


@pytest.mark.parametrize(("op_type", "opset"), [("Softplus", 7), ("Softplus", 21), ("Mish", 18), ("Mish", 21)])
def test_softplus_and_mish(op_type: str, opset: int) -> None:
    """Also where e^x overflows."""
    inputs = {"x": np.concatenate([8 * _array(60), [-1e4, -90, 0, 90, 1e4]]).astype(np.float32)}
    check(one_node(op_type, {"x": (65,)}, opset=opset), inputs=inputs)


@pytest.mark.parametrize("alpha", [1.0, 1.7])
def test_swish(alpha: float) -> None:
    """Newer than ONNX Runtime, which runs the same from its parts."""
    x = 3 * _array(3, 40)
    graph = frontends.load(one_node("Swish", {"x": (3, 40)}, opset=24, alpha=alpha), Options())
    (found,) = run_graph(graph, {"x": x})
    np.testing.assert_allclose(found, x / (1 + np.exp(-alpha * x.astype(np.float64))), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("opset", [14, 21])
def test_hard_swish(opset: int) -> None:
    assert operators(check(one_node("HardSwish", {"x": (3, 40)}, opset=opset))) == ["HARD_SWISH"]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((0.0, 6.0), ["RELU6"]),
        ((0.0, None), ["RELU"]),
        ((0.0, LARGEST), ["RELU"]),
        ((-1.0, 1.0), ["MUL"]),
        ((None, None), ["RESHAPE"]),  # the output is a copy of the input, under its own name
        ((-LARGEST, np.inf), ["RESHAPE"]),
        ((-2.0, 3.0), ["MAXIMUM", "MINIMUM"]),
        ((None, 1.5), ["MINIMUM"]),
        ((-0.5, None), ["MAXIMUM"]),
    ],
)
@pytest.mark.parametrize("opset", [7, 11, 13, 21])
def test_clip(opset: int, bounds: tuple[float | None, float | None], expected: list[str]) -> None:
    given_bounds = {name: bound for name, bound in zip(("min", "max"), bounds, strict=True) if bound is not None}
    if opset < 11:
        model = one_node("Clip", {"x": (3, 40)}, opset=opset, **given_bounds)
    else:
        constants = {name: np.float32(bound) for name, bound in given_bounds.items()}
        order = ["x", *(name if name in constants else "" for name in ("min", "max"))]
        model = one_node("Clip", {"x": (3, 40)}, constants, opset, order=order)
    inputs = {"x": 4 * np.random.default_rng(1).standard_normal((3, 40)).astype(np.float32)}
    assert operators(check(model, inputs=inputs)) == expected


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_batch_normalization(opset: int, shape: tuple[int, ...]) -> None:
    constants: dict[str, Any] = {name: _array(3) for name in ("scale", "bias", "mean")}
    constants["var"] = np.abs(_array(3)) + 0.1
    graph = check(one_node("BatchNormalization", {"x": shape}, constants, opset, epsilon=1e-3))
    assert operators(graph) == ["MUL", "ADD"]


def test_scalars() -> None:
    low, high = np.float32(-1), np.float32(1)
    check(one_node("Clip", {"x": ()}, {"low": low, "high": high}), inputs={"x": np.array(-3, np.float32)})
    check(one_node("Sub", {"a": (), "b": ()}), inputs={"a": np.array(2, np.float32), "b": np.array(5, np.float32)})

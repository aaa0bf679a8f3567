"""Elementwise operators by their definition: float32 at special values, int8 where LiteRT is no oracle."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import liteinterp
from converter import backend
from converter.ir.graph import Graph, Node, OptionValue, Value
from converter.ir.rules import infer_shapes
from converter.ir.types import DType, Quantization

Array = npt.NDArray[Any]
CODES = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
PAIRS = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))).reshape(2, 1, -1).astype(np.int8)
SPECIAL = np.float32(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 3.4e38, -3.4e38, 1e-45, -1e-45, 1e-38, 88.8, -104.0]
)


def run(
    op: str,
    inputs: Sequence[Array],
    quantizations: Sequence[Quantization | None] = (None,) * 3,
    dtype: DType | None = None,
    **options: OptionValue,
) -> Array:
    """The output of a graph of one operator; the last quantization is the output's."""
    operands = [
        Value(f"input{i}", data.shape, DType(data.dtype.name), quantization=quantization)
        for i, (data, quantization) in enumerate(zip(inputs, quantizations[:-1], strict=False))
    ]
    result = Value("output", (), dtype or operands[0].dtype, quantization=quantizations[-1])
    node = Node(op, list(operands), [result], dict(options), op.lower())
    (result.shape,) = infer_shapes(node)
    names = [value.name for value in operands]
    content = backend.write(Graph([node], operands, [result], input_names=names, output_names=["output"]))
    engine = liteinterp.Interpreter(model_content=content)
    engine.allocate_tensors()
    for details, data in zip(engine.get_input_details(), inputs, strict=True):
        engine.set_tensor(details["index"], data)
    engine.invoke()
    return np.asarray(engine.get_tensor(engine.get_output_details()[0]["index"]))


def floats() -> Array:
    rng = np.random.default_rng(0)
    wide = np.exp(rng.uniform(-80, 80, 4000)) * rng.choice([-1, 1], 4000)
    return np.concatenate([SPECIAL, rng.normal(0, 3, 4000), wide]).astype(np.float32).reshape(1, -1)


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "TANH": np.tanh,
    "ELU": lambda x: np.where(x > 0, x, np.expm1(x)),
    "GELU": lambda x: np.array([0.5 * v * math.erfc(-v * math.sqrt(0.5)) for v in x.reshape(-1)]).reshape(x.shape),
    "HARD_SWISH": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "ABS": np.abs,
    "NEG": np.negative,
    "SQUARE": np.square,
    "SQRT": np.sqrt,
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "EXP": np.exp,
    "LOG": np.log,
}


@pytest.mark.parametrize("op", FUNCTIONS)
def test_functions_are_rounded_once(op: str) -> None:
    """Against numpy in double precision: at most the neighbouring float, and that seldom."""
    data = floats()
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[op](data.astype(np.float64)).astype(np.float32)
    found = run(op, [data], (None, None))
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.array_equal(np.signbit(found[~np.isnan(found)]), np.signbit(expected[~np.isnan(found)]))
    differ = (found != expected) & ~np.isnan(expected)
    assert np.count_nonzero(differ) <= 2
    neighbours = np.abs(found[differ].view(np.int32).astype(np.int64) - expected[differ].view(np.int32))
    assert neighbours.max(initial=0) <= 1


def test_gelu_by_tanh_keeps_its_digits() -> None:
    """1/2 (1 + tanh u) = e^u / (e^u + e^-u): far below 0 a sum with tanh would lose everything."""
    data = np.linspace(-9, 9, 4001).astype(np.float32).reshape(1, -1)
    x = data.astype(np.float64)
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    expected = (x * np.exp(u) / (np.exp(u) + np.exp(-u))).astype(np.float32)
    found = run("GELU", [data], (None, None), approximate=True)
    assert np.count_nonzero(found != expected) <= 4
    np.testing.assert_allclose(found, expected, rtol=2e-7)


def test_l2_normalization_divides_by_the_norm() -> None:
    data = np.random.default_rng(2).normal(0, 1, (40, 33)).astype(np.float32)
    data[0], data[1], data[2] = 0, 1e-9, 1e30
    wide = data.astype(np.float64)
    norms = np.maximum(np.sqrt((wide**2).sum(axis=1, keepdims=True)), 1e-6)
    found = run("L2_NORMALIZATION", [data], (None, None))
    np.testing.assert_allclose(found, wide / norms, rtol=1e-7, atol=0)


def test_comparisons_of_nan() -> None:
    values = np.float32([np.nan, 1.0, -0.0, np.inf])
    a, b = (grid.reshape(1, -1) for grid in np.meshgrid(values, values))
    for op, function in (
        ("EQUAL", np.equal), ("NOT_EQUAL", np.not_equal), ("LESS", np.less), ("LESS_EQUAL", np.less_equal),
        ("GREATER", np.greater), ("GREATER_EQUAL", np.greater_equal),
    ):  # fmt: skip
        assert np.array_equal(run(op, [a, b], dtype=DType.BOOL), function(a, b))


@pytest.mark.parametrize("alpha", [0.01, -0.5, 0.0, 2.0])
def test_leaky_relu_is_one_product(alpha: float) -> None:
    data = floats()
    with np.errstate(all="ignore"):
        expected = np.where(data >= 0, data, data * np.float32(alpha))
    found = run("LEAKY_RELU", [data], (None, None), alpha=alpha)
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize(
    ("op", "function"),
    [
        ("SUB", np.subtract),
        ("DIV", np.divide),
        ("MAXIMUM", lambda a, b: np.where(a > b, a, b)),
        ("MINIMUM", lambda a, b: np.where(a < b, a, b)),
    ],
)
def test_pairs_are_one_operation(op: str, function: Callable[[Array, Array], Array]) -> None:
    rng = np.random.default_rng(1)
    a = np.concatenate([np.repeat(SPECIAL, len(SPECIAL)), rng.normal(0, 3, 500)]).astype(np.float32)
    b = np.concatenate([np.tile(SPECIAL, len(SPECIAL)), rng.normal(0, 3, 500)]).astype(np.float32)
    with np.errstate(all="ignore"):
        assert np.array_equal(run(op, [a, b]), function(a, b), equal_nan=True)


def exact(value: Fraction, quantization: Quantization) -> Fraction:
    """The code, not rounded, of a real number."""
    return value / Fraction(quantization.scale) + quantization.zero_point


def per_tensor(scale: float, zero_point: int) -> Quantization:
    return Quantization.per_tensor(float(np.float32(scale)), zero_point)


def assert_nearest(found: Array, wanted: list[Fraction]) -> None:
    """Each code is the nearest one within the range, but for a few roundings near halves."""
    for code, value in zip(found.reshape(-1).tolist(), wanted, strict=True):
        assert abs(code - min(max(value, Fraction(-128)), Fraction(127))) <= Fraction(1, 2) + Fraction(1, 10**4)


@pytest.mark.parametrize(
    ("op", "function"), [("NEG", lambda x: -x), ("SQUARE", lambda x: x * x)], ids=["NEG", "SQUARE"]
)
@pytest.mark.parametrize("zero_point", [-128, 0, 77])
def test_int8_functions_without_an_oracle(op: str, function: Callable[[Fraction], Fraction], zero_point: int) -> None:
    source, target = per_tensor(0.037, zero_point), per_tensor(0.051, -11)
    wanted = [exact(function((int(q) - zero_point) * Fraction(source.scale)), target) for q in CODES[0]]
    assert_nearest(run(op, [CODES], (source, target)), wanted)


@pytest.mark.parametrize("zero_points", [(0, 0, 0), (-128, -128, -128), (13, -7, 40)])
def test_int8_quotients(zero_points: tuple[int, int, int]) -> None:
    a, b, target = (per_tensor(scale, zero) for scale, zero in zip((0.05, 0.02, 0.1), zero_points, strict=True))
    found = run("DIV", list(PAIRS), (a, b, target))[0]
    dividends, divisors = (PAIRS[i, 0].astype(int) - zero_points[i] for i in range(2))
    whole = divisors != 0
    ratio = Fraction(a.scale) / Fraction(b.scale)
    quotients = [Fraction(int(x), int(y)) for x, y in zip(dividends[whole], divisors[whole], strict=True)]
    wanted = [exact(ratio * quotient, target) for quotient in quotients]
    assert_nearest(found[whole], wanted)
    by_zero = np.select([dividends > 0, dividends < 0], [127, -128], zero_points[2])[~whole]
    assert np.array_equal(found[~whole], by_zero)


@pytest.mark.parametrize(("op", "expected"), [("SQRT", 9), ("RSQRT", 127), ("LOG", -128)])
def test_int8_functions_below_their_domain(op: str, expected: int) -> None:
    """LiteRT stops with an error for roots; here the nearest end of the domain answers."""
    found = run(op, [CODES], (per_tensor(0.05, 3), per_tensor(0.03, 9)))
    assert (found[0, : 128 + 4] == expected).all() and (found[0, 128 + 4 :] != expected).any()


def test_extremes_need_one_scale() -> None:
    with pytest.raises(Exception, match="scale"):
        run("MAXIMUM", [CODES, CODES], (per_tensor(0.1, 0), per_tensor(0.2, 0), per_tensor(0.1, 0)))

"""The core's own functions against arbitrary precision: decimal, fractions and numpy's float16."""

from __future__ import annotations

import ctypes
import math
import os
import shutil
import subprocess
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


class Fixed(ctypes.Structure):
    """`li_fixed`."""

    _fields_ = [("multiplier", ctypes.c_int32), ("shift", ctypes.c_int32)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs a C compiler")
    file = tmp_path_factory.mktemp("math") / "li_math.so"
    source = str(ROOT / "csrc/src/li_math.c")
    subprocess.run(
        [compiler, "-std=c11", "-O2", "-ffp-contract=off", "-shared", "-fPIC", source, "-o", file], check=True
    )
    loaded = ctypes.CDLL(str(file))
    for name, result, arguments in (
        ("li_exp", ctypes.c_double, [ctypes.c_double]),
        ("li_logistic", ctypes.c_double, [ctypes.c_double]),
        ("li_expm1", ctypes.c_double, [ctypes.c_double]),
        ("li_tanh", ctypes.c_double, [ctypes.c_double]),
        ("li_erfc", ctypes.c_double, [ctypes.c_double]),
        ("li_log", ctypes.c_double, [ctypes.c_double]),
        ("li_sqrt", ctypes.c_double, [ctypes.c_double]),
        ("li_floor_log2", ctypes.c_int32, [ctypes.c_float]),
        ("li_power_of_two", ctypes.c_float, [ctypes.c_int32]),
        ("li_half_to_float", ctypes.c_float, [ctypes.c_uint16]),
        ("li_fixed_from", Fixed, [ctypes.c_double]),
        ("li_fixed_multiply", ctypes.c_int32, [ctypes.c_int32, Fixed]),
        ("li_fixed_multiply_up", ctypes.c_int32, [ctypes.c_int32, Fixed]),
        ("li_fixed_inverse_sqrt", Fixed, [ctypes.c_int32]),
    ):
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def points() -> list[float]:
    rng = np.random.default_rng(0)
    near_steps = [(k + 0.5) * math.log(2) + d for k in range(-40, 41, 7) for d in (-1e-12, 0.0, 1e-12)]
    return [0.0, -0.0, 1e-300, -1e-300, *near_steps, *rng.uniform(-30, 30, 1500), *rng.uniform(-700, 700, 500)]


def test_exp(library: ctypes.CDLL) -> None:
    with localcontext() as context:
        context.prec = 40
        for x in points():
            expected = Decimal(x).exp()
            assert abs(Decimal(library.li_exp(x)) / expected - 1) < Decimal("1e-15"), x


def test_logistic(library: ctypes.CDLL) -> None:
    with localcontext() as context:
        context.prec = 40
        for x in points():
            expected = 1 / (1 + (-Decimal(x)).exp())
            assert abs(Decimal(library.li_logistic(x)) / expected - 1) < Decimal("1e-15"), x


def around_zero() -> list[float]:
    rng = np.random.default_rng(2)
    small = [sign * float(x) for sign in (-1, 1) for x in np.exp(rng.uniform(-40, 3, 1000))]
    return [*small, -0.35, 0.35, math.nextafter(-0.35, 0.0), math.nextafter(0.35, 0.0)]


def test_expm1(library: ctypes.CDLL) -> None:
    with localcontext() as context:
        context.prec = 60
        for x in around_zero():
            expected = Decimal(x).exp() - 1
            assert abs(Decimal(library.li_expm1(x)) / expected - 1) < Decimal("1e-15"), x


def test_tanh(library: ctypes.CDLL) -> None:
    with localcontext() as context:
        context.prec = 60
        for x in around_zero():
            twice = (2 * Decimal(x)).exp()
            assert abs(Decimal(library.li_tanh(x)) / ((twice - 1) / (twice + 1)) - 1) < Decimal("1e-15"), x


def erfc(x: Decimal) -> Decimal:
    """By the series of erf, whose terms have one sign; with 100 digits enough are left of the difference."""
    pi = Decimal(
        "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798"
    )
    term = total = Decimal(1)
    for n in range(1, 700):
        term *= 2 * x * x / (2 * n + 1)
        total += term
    return 1 - 2 / pi.sqrt() * x * (-x * x).exp() * total


def test_erfc(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(6)
    with localcontext() as context:
        context.prec = 100
        for x in (0.0, -0.0, 1e-300, 1.9999999, 2.0, -2.0, -1.9999999, *rng.uniform(-6, 10, 150)):
            assert abs(Decimal(library.li_erfc(float(x))) / erfc(Decimal(float(x))) - 1) < Decimal("1e-13"), x
    assert library.li_erfc(math.inf) == 0.0 and library.li_erfc(-math.inf) == 2.0
    assert math.isnan(library.li_erfc(math.nan))


def positive_points() -> list[float]:
    rng = np.random.default_rng(3)
    near_one = [1 + sign * float(x) for sign in (-1, 1) for x in np.exp(rng.uniform(-30, -1, 300))]
    return [*map(float, np.exp(rng.uniform(-600, 600, 1000))), *near_one, math.sqrt(2), math.sqrt(0.5), 2.0**-149, 3e38]


def test_log(library: ctypes.CDLL) -> None:
    assert library.li_log(1.0) == 0.0
    with localcontext() as context:
        context.prec = 60
        for x in positive_points():
            assert abs(Decimal(library.li_log(x)) / Decimal(x).ln() - 1) < Decimal("1e-15"), x


def test_sqrt(library: ctypes.CDLL) -> None:
    with localcontext() as context:
        context.prec = 60
        for x in positive_points():
            assert abs(Decimal(library.li_sqrt(x)) / Decimal(x).sqrt() - 1) < Decimal("1e-15"), x


def test_square_roots_of_floats_round_correctly(library: ctypes.CDLL) -> None:
    """IEEE prescribes the root, so numpy's is the oracle."""
    rng = np.random.default_rng(4)
    floats = rng.integers(1, 0x7F800000, 100_000).astype(np.uint32).view(np.float32)
    found = np.array([library.li_sqrt(float(x)) for x in floats]).astype(np.float32)
    assert np.array_equal(found, np.sqrt(floats))


def test_ends_of_functions(library: ctypes.CDLL) -> None:
    assert library.li_log(0.0) == -math.inf and library.li_log(math.inf) == math.inf
    assert library.li_sqrt(math.inf) == math.inf and library.li_sqrt(0.0) == 0.0
    assert math.copysign(1, library.li_sqrt(-0.0)) == -1
    assert library.li_tanh(math.inf) == 1.0 and library.li_tanh(-math.inf) == -1.0 and library.li_tanh(20.5) == 1.0
    assert library.li_expm1(-math.inf) == -1.0 and library.li_expm1(math.inf) == math.inf
    for name in ("li_expm1", "li_tanh", "li_log", "li_sqrt"):
        assert math.isnan(getattr(library, name)(math.nan))
        assert getattr(library, name)(0.0) == (-math.inf if name == "li_log" else 0.0)
    assert math.isnan(library.li_log(-1.0)) and math.isnan(library.li_sqrt(-1.0))


def test_inverse_square_roots_of_integers(library: ctypes.CDLL) -> None:
    for value in [*range(1, 300), 2**27 - 1, 2**27, 2**29 - 1, 2**29, 2**31 - 1]:
        fixed = library.li_fixed_inverse_sqrt(value)
        assert fixed.multiplier * 2.0 ** (fixed.shift - 31) == pytest.approx(value**-0.5, rel=2e-6), value


def test_ends_of_exp(library: ctypes.CDLL) -> None:
    assert library.li_exp(-math.inf) == 0.0 and library.li_exp(-708.5) == 0.0
    assert library.li_exp(math.inf) == math.inf and library.li_exp(709.79) == math.inf
    assert library.li_exp(709.78) == pytest.approx(math.exp(709.78), rel=1e-14)
    assert math.isnan(library.li_exp(math.nan)) and math.isnan(library.li_logistic(math.nan))
    assert library.li_logistic(math.inf) == 1.0 and library.li_logistic(-math.inf) == 0.0


def test_half_to_float(library: ctypes.CDLL) -> None:
    halves = np.arange(65536, dtype=np.uint16)
    expected = halves.view(np.float16).astype(np.float32)
    found = np.array([library.li_half_to_float(int(half)) for half in halves], dtype=np.float32)
    assert np.array_equal(found, expected, equal_nan=True)
    assert np.array_equal(np.signbit(found), np.signbit(expected))


def test_powers_of_two(library: ctypes.CDLL) -> None:
    for n in range(-126, 128):
        assert library.li_power_of_two(n) == 2.0**n
    for n in range(-149, 128):
        assert library.li_floor_log2(2.0**n) == n
        if n > -149:
            assert library.li_floor_log2(float(np.nextafter(np.float32(2.0**n), np.float32(0)))) == n - 1


def away(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2)) if x >= 0 else math.ceil(x - Fraction(1, 2))


def up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


def test_fixed_factors(library: ctypes.CDLL) -> None:
    """The definition in docs/NUMERICS.md, in exact arithmetic."""
    rng = np.random.default_rng(1)
    factors = [*np.exp2(rng.uniform(-34, 20, 400)), *(2.0**n for n in range(-33, 20)), 1 - 2.0**-40]
    for factor in map(float, factors):
        mantissa, shift = math.frexp(factor)
        multiplier = away(Fraction(mantissa) * 2**31)
        if multiplier == 2**31:
            multiplier, shift = 2**30, shift + 1
        if shift < -31:
            multiplier = shift = 0
        fixed = library.li_fixed_from(factor)
        assert (fixed.multiplier, fixed.shift) == (multiplier, shift), factor
        for value in [0, 1, -1, 255, -255, *map(int, rng.integers(-(2**28), 2**28, 40)), 2**31 - 1, -(2**31)]:
            shifted = max(-(2**31), min(2**31 - 1, value * 2 ** max(shift, 0)))
            upper = up(Fraction(shifted * multiplier, 2**31))
            last = Fraction(upper, 2 ** max(-shift, 0))
            assert library.li_fixed_multiply(value, fixed) == away(last), (factor, value)
            assert library.li_fixed_multiply_up(value, fixed) == up(last), (factor, value)

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
        ("li_floor_log2", ctypes.c_int32, [ctypes.c_float]),
        ("li_power_of_two", ctypes.c_float, [ctypes.c_int32]),
        ("li_half_to_float", ctypes.c_float, [ctypes.c_uint16]),
        ("li_fixed_from", Fixed, [ctypes.c_double]),
        ("li_fixed_multiply", ctypes.c_int32, [ctypes.c_int32, Fixed]),
        ("li_fixed_multiply_up", ctypes.c_int32, [ctypes.c_int32, Fixed]),
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

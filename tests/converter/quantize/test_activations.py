"""Scales of activations: the range is covered, zero is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.ir.ranges import Range
from converter.quantize.activations import activation_quantization, quantize_array, representable

ends = st.floats(-1e5, 1e5, width=32)


@given(ends, ends)
def test_range_is_covered_to_half_a_step_and_zero_is_a_code(a: float, b: float) -> None:
    found = Range(min(a, b), max(a, b))
    quantization = activation_quantization(found)
    covered = representable(quantization)
    assert covered.low <= found.low + 0.51 * quantization.scale or found.low > 0
    assert covered.high >= found.high - 0.51 * quantization.scale or found.high < 0
    assert -128 <= quantization.zero_point <= 127
    assert quantize_array(np.zeros(1), quantization)[0] == quantization.zero_point


@pytest.mark.parametrize("value", [0.0, 3.5, -2.0])
def test_a_constant_tensor_is_held_exactly(value: float) -> None:
    quantization = activation_quantization(Range(value, value))
    code = quantize_array(np.array([value]), quantization)[0]
    assert quantization.scale * (int(code) - quantization.zero_point) == pytest.approx(value, rel=1e-6)


def test_positive_tensor_starts_at_the_lowest_code() -> None:
    quantization = activation_quantization(Range(0.0, 6.0))
    assert quantization.zero_point == -128
    assert quantization.scale == float(np.float32(6.0 / 255))


def test_scales_are_float32_numbers() -> None:
    scale = activation_quantization(Range(-1.0, 2.0)).scale
    assert scale == float(np.float32(scale))

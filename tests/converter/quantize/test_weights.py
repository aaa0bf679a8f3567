"""Weights and biases in integers: as near as they can be, and always legal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from converter.quantize.bias import (
    LARGEST_PRODUCT,
    SMALLEST_FACTOR,
    accumulator_units,
    bias_limit,
    quantize_bias,
    smallest_weight_scales,
)
from converter.quantize.weights import quantize_weights

weight_arrays = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=st.floats(-8, 8, width=32)
)


@given(weight_arrays)
def test_every_weight_is_within_half_a_step(weights: np.ndarray) -> None:
    codes, scales = quantize_weights(weights, 0, np.full(len(weights), 1e-12))
    error = np.abs(codes * np.array(scales)[:, None] - weights)
    assert (error <= np.array(scales)[:, None] * 0.50001).all()
    assert codes.min() >= -127


def test_the_largest_weight_of_each_channel_uses_the_whole_range() -> None:
    weights = np.array([[0.5, -2.0], [0.001, 0.0005]], np.float32)
    codes, scales = quantize_weights(weights, 0, np.zeros(2))
    assert np.abs(codes).max(axis=1).tolist() == [127, 127]
    assert scales == pytest.approx((2 / 127, 0.001 / 127))


def test_channels_are_those_of_the_axis() -> None:
    weights = np.random.default_rng(0).normal(0, 1, (1, 3, 3, 4)).astype(np.float32)
    _, scales = quantize_weights(weights, 3, np.zeros(4))
    assert scales == pytest.approx(np.abs(weights).max(axis=(0, 1, 2)) / 127)


@given(
    bias=st.floats(-1e4, 1e4, width=32),
    largest=st.sampled_from([0.0, 1e-30, 1e-9, 1.0]),
    input_scale=st.sampled_from([1e-6, 0.01, 10.0]),
    output_scale=st.sampled_from([1e-5, 0.1, 100.0]),
    taps=st.sampled_from([1, 640, 20_000]),
)
def test_dead_channels_stay_legal(
    bias: float, largest: float, input_scale: float, output_scale: float, taps: int
) -> None:
    """The bias fits beside the worst sum, and the requantization factor stays above what the runtimes refuse."""
    weights, biases = np.full((1, 2), largest, np.float32), np.array([bias], np.float32)
    smallest = smallest_weight_scales(biases, bias_limit(taps), input_scale, output_scale)
    _, scales = quantize_weights(weights, 0, smallest)
    units = accumulator_units(input_scale, scales)
    quantized = quantize_bias(biases, units, bias_limit(taps))
    assert np.float32(units[0]) / np.float32(output_scale) >= np.float32(SMALLEST_FACTOR) * 0.9999
    assert abs(int(quantized[0])) + taps * LARGEST_PRODUCT < 2**31
    assert abs(int(quantized[0])) <= bias_limit(taps) * 0.51
    assert quantized[0] * units[0] == pytest.approx(bias, abs=units[0] * 0.50001)
    assert np.isfinite(scales).all()
    assert scales[0] > 0

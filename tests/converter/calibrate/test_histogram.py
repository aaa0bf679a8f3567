"""Histograms count exactly, whatever order the data comes in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converter.calibrate.histogram import BINS, HistogramBuilder
from converter.ir.statistics import Histogram

floats = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
chunks = st.lists(st.lists(floats, min_size=1, max_size=20), min_size=1, max_size=6)


def histogram_of(parts: list[list[float]]) -> Histogram:
    builder = HistogramBuilder()
    for part in parts:
        array = np.array(part, np.float32)
        builder.add(array, float(array.min()), float(array.max()))
    return builder.result()


def counted(values: npt.NDArray[np.float64], found: Histogram) -> npt.NDArray[np.int64]:
    """numpy's own count over the same bins."""
    edges = (found.first + np.arange(len(found.counts) + 1)) * found.width
    return np.array([((edges[i] <= values) & (values < edges[i + 1])).sum() for i in range(len(edges) - 1)])


@given(chunks)
def test_counts_equal_a_count_over_all_data(parts: list[list[float]]) -> None:
    found = histogram_of(parts)
    values = np.concatenate([np.array(part, np.float32) for part in parts]).astype(np.float64)
    assert np.array_equal(found.counts, counted(values, found))
    assert found.zeros == int((values == 0).sum())
    assert len(found.counts) <= BINS


@given(chunks)
def test_order_does_not_matter(parts: list[list[float]]) -> None:
    forward, backward = histogram_of(parts), histogram_of(parts[::-1])
    assert (forward.first, forward.width) == (backward.first, backward.width)
    assert np.array_equal(forward.counts, backward.counts)


def test_bins_are_as_narrow_as_the_range_allows() -> None:
    found = histogram_of([[0.0, 1.0], [-3.0, 100.0]])
    assert found.width == 2.0**-4  # 103 / 2^-4 = 1648 bins; 2^-5 would need 3296
    assert BINS / 2 < len(found.counts) <= BINS


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1])
def test_quantile_bounds_leave_at_most_the_share_outside(share: float) -> None:
    values = np.random.default_rng(0).normal(0, 1, 10_000).astype(np.float32)
    builder = HistogramBuilder()
    builder.add(values, float(values.min()), float(values.max()))
    low, high = builder.result().quantile_bounds(share)
    assert (values < low).mean() <= share
    assert (values > high).mean() <= share
    assert (values < low + builder.result().width).mean() > share or share == 0.0

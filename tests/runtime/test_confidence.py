"""Confidence bounds: against closed forms, published figures, and their coverage by exact enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest

from liteinterp.confidence import (
    CONFIDENCE,
    Bounds,
    Z,
    binomial_bounds,
    bootstrap_bounds,
    jackknife_bounds,
    paired_bounds,
    samples_needed,
    scaled,
)


def test_binomial_bounds_have_closed_forms_at_the_ends() -> None:
    """With none lost, (1 - p)^n = 1 - confidence."""
    for count in (1, 20, 400):
        wanted = 1 - (1 - CONFIDENCE) ** (1 / count)
        assert binomial_bounds(0, count).high == pytest.approx(wanted, rel=1e-9)
        assert binomial_bounds(count, count).low == pytest.approx(1 - wanted, rel=1e-9)


def test_binomial_bounds_equal_published_ones() -> None:
    """Two-sided 90 % limits of Clopper and Pearson for 1 and 5 of 10, as in tables of the binomial limits."""
    assert binomial_bounds(1, 10).high == pytest.approx(0.3942, abs=1e-4)
    assert binomial_bounds(1, 10).low == pytest.approx(0.0051, abs=1e-4)
    assert binomial_bounds(5, 10).high == pytest.approx(0.7776, abs=1e-4)


def test_paired_bounds_without_a_differing_sample() -> None:
    """The score test of no differences in n gives z² / (n + z²), on either side."""
    for count in (7, 100, 1000):
        bounds = paired_bounds(0, 0, count)
        assert bounds.high == pytest.approx(Z * Z / (count + Z * Z), rel=1e-6)
        assert bounds.low == pytest.approx(-bounds.high)


@pytest.mark.parametrize(("lose", "win"), [(0.02, 0.02), (0.1, 0.0), (0.15, 0.05)])
def test_paired_bounds_cover(lose: float, win: float) -> None:
    """Over every possible outcome of 40 samples: the truth is above the bound in about 5 % at most."""
    count, uncovered = 40, 0.0
    for lost in range(16):
        for won in range(16):
            ways = math.comb(count, lost) * math.comb(count - lost, won)
            share = ways * lose**lost * win**won * (1 - lose - win) ** (count - lost - won)
            if share > 1e-7 and paired_bounds(lost, won, count).high < lose - win:
                uncovered += share
    assert uncovered < 0.065


def test_bootstrap_bounds_of_a_mean_are_the_normal_ones() -> None:
    values = np.random.default_rng(1).normal(3, 1, 200)
    bounds = bootstrap_bounds(lambda chosen: float(values[chosen].mean()), len(values))
    error = Z * values.std(ddof=1) / math.sqrt(len(values))
    assert bounds.high - bounds.loss == pytest.approx(error, rel=0.15)
    assert bounds.loss - bounds.low == pytest.approx(error, rel=0.15)


@pytest.mark.parametrize(("count", "student"), [(2, 6.3138), (3, 2.9200), (4, 2.3534), (8, 1.8946), (31, 1.6973)])
def test_jackknife_bounds_of_a_mean_are_students(count: int, student: float) -> None:
    """Quantiles as in tables of Student's distribution."""
    values = np.random.default_rng(1).normal(3, 1, count)
    bounds = jackknife_bounds(lambda chosen: float(values[chosen].mean()), count)
    error = student * values.std(ddof=1) / math.sqrt(count)
    assert bounds.high - bounds.loss == pytest.approx(error, rel=0.006)
    assert bounds.loss - bounds.low == pytest.approx(error, rel=0.006)


def test_jackknife_bounds_of_many_samples_are_near_the_normal_ones() -> None:
    values = np.random.default_rng(2).normal(3, 1, 3000)
    bounds = jackknife_bounds(lambda chosen: float(values[chosen].mean()), len(values))
    assert bounds.high - bounds.loss == pytest.approx(Z / math.sqrt(3000), rel=0.25)


def test_a_single_sample_bounds_nothing() -> None:
    assert jackknife_bounds(lambda chosen: 0.0, 1) == Bounds(0.0, -math.inf, math.inf)
    assert bootstrap_bounds(lambda chosen: 0.0, 1) == Bounds(0.0, -math.inf, math.inf)


def test_samples_needed_decide_and_fewer_do_not() -> None:
    def bounds_of(count: int) -> Bounds:
        return paired_bounds(round(count * 0.01), round(count * 0.01), count)

    needed = samples_needed(100, 0.01, bounds_of)
    assert needed is not None and bounds_of(needed).decides(0.01) and not bounds_of(round(needed * 0.9)).decides(0.01)


def test_no_number_of_samples_decides_at_the_limit() -> None:
    assert samples_needed(100, 0.01, lambda count: scaled(Bounds(0.01, 0.0, 0.02), 100, count)) is None

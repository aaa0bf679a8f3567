"""Metrics against numpy over everything at once, and the cases that have no number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteinterp.gate import Limit, judge, parse_limit
from liteinterp.metrics import AgreementSum, TensorErrorSum, sqnr_db


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 2**31))
def test_sums_over_samples_equal_one_pass(samples: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    ref, test = random.normal(size=(2, samples, size)).astype(np.float32)
    total = TensorErrorSum(scale=0.25)
    for a, b in zip(ref, test, strict=True):
        total.add(a, b)
    found, a, b = total.result(), ref.astype(np.float64).ravel(), test.astype(np.float64).ravel()
    assert found.elements == samples * size
    assert found.sqnr_db == pytest.approx(10 * np.log10((a**2).sum() / ((b - a) ** 2).sum()), abs=1e-9)
    assert found.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-12)
    assert found.max_abs == np.abs(b - a).max()
    assert found.max_lsb == found.max_abs / 0.25
    assert found.bias == pytest.approx((b - a).mean(), abs=1e-12)
    assert found.noise_percent == pytest.approx(100 * np.sqrt(((b - a) ** 2).sum() / (a**2).sum()))


def test_equal_and_silent_signals_have_no_finite_ratio() -> None:
    assert sqnr_db(np.ones(3), np.ones(3)) == math.inf
    assert sqnr_db(np.zeros(3), np.zeros(3)) == math.inf
    assert sqnr_db(np.zeros(3), np.ones(3)) == -math.inf


def test_not_finite_elements_are_counted_and_left_out() -> None:
    total = TensorErrorSum()
    total.add(np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.0, np.nan, np.nan, np.inf]))
    found = total.result()
    assert (found.elements, found.not_finite, found.max_abs) == (1, 2, 0.0)


def test_shapes_must_be_equal() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        TensorErrorSum().add(np.zeros((2, 3)), np.zeros((3, 2)))


def test_agreement_counts_flips_both_ways() -> None:
    total = AgreementSum(3)
    for ref, test, label in (("abc", "abc", 2), ("acb", "abc", 1), ("abc", "acb", 1), ("cba", "cab", 0)):
        scores = [np.array([ord(letter) for letter in word], np.float32) for word in (ref, test)]
        total.add(*scores, label)
    found = total.result()
    assert (found.top1, found.top5) == (0.5, 1.0)
    assert (found.ref_accuracy, found.test_accuracy) == (0.75, 0.75)
    assert (found.lost, found.won) == (1, 1)
    assert found.drop_points == 0.0


def test_ties_go_to_the_lower_class() -> None:
    total = AgreementSum(2)
    total.add(np.array([5, 5]), np.array([7, 1]))
    assert total.result().top1 == 1.0


@pytest.mark.parametrize("text,limit", [("1", Limit(1, False)), ("0.5 %", Limit(0.5, True)), (2, Limit(2, False))])
def test_limits_are_points_or_per_cent(text: str | float, limit: Limit) -> None:
    assert parse_limit(text) == limit


@pytest.mark.parametrize("text", ["", "one", "-1", "nan", "1 point", "inf"])
def test_limits_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="max-drop"):
        parse_limit(text)


def _classified(right: int, lost: int, won: int, wrong: int) -> AgreementSum:
    total = AgreementSum(2)
    yes, no = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    for ref, test, count in ((yes, yes, right), (yes, no, lost), (no, yes, won), (no, no, wrong)):
        for _ in range(count):
            total.add(ref, test, 0)
    return total


@pytest.mark.parametrize(
    "limit,status",
    [("2", "pass"), ("1.9", "fail"), ("2.2%", "fail"), ("2.3%", "pass"), (None, "no limit")],
)
def test_accuracy_decides_where_there_are_labels(limit: str | None, status: str) -> None:
    """90 % against 88 %: a drop of 2 points, which is 2.22 % of the reference's figure."""
    agreement = _classified(right=85, lost=5, won=3, wrong=7).result()
    error = TensorErrorSum().result()
    verdict = judge(error, agreement, True, 100, parse_limit(limit))
    assert (verdict.status, verdict.metric) == (status, "top-1 accuracy")
    assert verdict.drop == pytest.approx(2.0)
    assert "90.00 % -> 88.00 %" in verdict.sentence


def test_the_size_of_the_error_decides_elsewhere() -> None:
    total = TensorErrorSum()
    total.add(np.full(100, 1.0), np.full(100, 1.01))
    verdict = judge(total.result(), None, False, 1, parse_limit("1.1"))
    assert (verdict.status, verdict.metric) == ("pass", "SQNR")
    assert verdict.test == pytest.approx(40.0)
    assert judge(total.result(), None, False, 1, parse_limit("0.9")).status == "fail"


def test_not_finite_outputs_fail_without_any_limit() -> None:
    total = TensorErrorSum()
    total.add(np.ones(3), np.array([1.0, np.nan, 1.0]))
    assert judge(total.result(), None, False, 1, None).status == "fail"

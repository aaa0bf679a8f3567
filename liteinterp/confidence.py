"""How sure a measured loss is: one-sided confidence bounds from few samples, and how many samples would settle it.

All are paired: reference and test answered the same samples. Losses and shares are of 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Probability that the true loss is not above `Bounds.high`; the same that it is not below `Bounds.low`.
CONFIDENCE = 0.95
#: The normal distribution's quantile of CONFIDENCE.
Z = 1.6448536269514722
RESAMPLES = 400
SEED = 20
#: Groups of samples that a jackknife leaves out, one at a time.
GROUPS = 100
#: More samples than this are no advice.
MOST_SAMPLES = 10**7
_BISECTIONS = 60

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """A loss, and what it may be in truth: not above `high`, nor below `low`, each with probability CONFIDENCE."""

    loss: float
    low: float
    high: float

    def decides(self, allowed: float) -> bool:
        """Whether the loss is shown to be within the limit, or shown to be beyond it."""
        return self.high <= allowed or self.low > allowed


def binomial_bounds(lost: int, count: int) -> Bounds:
    """Of a share, `lost` of `count` samples: the exact bounds of Clopper and Pearson, "The use of confidence or
    fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934). Never too narrow, also at 0 lost."""
    high = 1.0 if lost >= count else _root(lambda p: _at_most(lost, count, p) - (1 - CONFIDENCE))
    low = 0.0 if lost <= 0 else _root(lambda p: CONFIDENCE - _at_most(lost - 1, count, p), falling=False)
    return Bounds(lost / count, low, high)


def paired_bounds(lost: int, won: int, count: int) -> Bounds:
    """Of the difference of two shares on the same samples, `lost` right only by the reference, `won` only by the test.

    Inverts the score test of Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998), which keeps its level where few samples differ, or none.
    """
    loss = (lost - won) / count

    def score(delta: float) -> float:
        a, c = 2.0 * count, -won * delta * (1.0 - delta)
        b = -lost - won + (2.0 * count - lost + won) * delta
        only_test = max(0.0, (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a))
        spread = math.sqrt(max(count * (2 * only_test + delta * (1 - delta)), 0.0))
        distance = lost - won - count * delta
        return 0.0 if distance == 0.0 else math.copysign(math.inf, distance) if spread == 0.0 else distance / spread

    high = _root(lambda delta: score(delta) + Z, loss, 1.0)
    low = _root(lambda delta: score(delta) - Z, -1.0, loss)
    return Bounds(loss, min(low, loss), max(high, loss))


def bootstrap_bounds(loss_of: Callable[[npt.NDArray[np.int64]], float], count: int) -> Bounds:
    """Of any loss: `loss_of` computes it from the samples with these indices, which may repeat.

    Percentiles over RESAMPLES paired draws of `count` samples (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13), widened by √(count / (count - 1)), since draws vary less than samples do.
    """
    loss = loss_of(np.arange(count))
    if count < 2:
        return Bounds(loss, -math.inf, math.inf)
    draws = np.random.default_rng(SEED)
    found = np.sort([loss_of(draws.integers(0, count, count)) for _ in range(RESAMPLES)])
    outside = int(RESAMPLES * (1 - CONFIDENCE))
    widened = math.sqrt(count / (count - 1))
    low = loss - widened * (loss - float(found[outside]))
    return Bounds(loss, min(low, loss), max(loss + widened * (float(found[-1 - outside]) - loss), loss))


def jackknife_bounds(loss_of: Callable[[npt.NDArray[np.int64]], float], count: int) -> Bounds:
    """Of a loss that is smooth in its samples and dear to compute: each of at most GROUPS groups is left out once.

    The standard error is that of the jackknife (Efron and Tibshirani, chapter 11), the distance Student's.
    """
    groups = min(count, GROUPS)
    loss = loss_of(np.arange(count))
    if groups < 2:
        return Bounds(loss, -math.inf, math.inf)
    indices = np.arange(count)
    left = [loss_of(indices[indices % groups != group]) for group in range(groups)]
    mean = math.fsum(left) / groups
    error = math.sqrt((groups - 1) / groups * math.fsum((one - mean) ** 2 for one in left))
    distance = _student(groups - 1) * error
    return Bounds(loss, loss - distance, loss + distance)


def samples_needed(count: int, allowed: float, bounds_of: Callable[[int], Bounds]) -> int | None:
    """How many samples like these would decide; `bounds_of` answers for a count. None for more than MOST_SAMPLES."""
    few, many = count, count
    while not bounds_of(many).decides(allowed):
        few, many = many, many * 2
        if many > MOST_SAMPLES:
            return None
    while many - few > max(1, few // 100):
        middle = (few + many) // 2
        few, many = (few, middle) if bounds_of(middle).decides(allowed) else (middle, many)
    return many


def scaled(bounds: Bounds, count: int, samples: int) -> Bounds:
    """What the bounds of `count` samples would be of more: their distance shrinks with the root of the number."""
    shrunk = math.sqrt(count / samples)
    return Bounds(
        bounds.loss,
        bounds.loss - shrunk * (bounds.loss - bounds.low),
        bounds.loss + shrunk * (bounds.high - bounds.loss),
    )


def _at_most(k: int, count: int, p: float) -> float:
    """P(X <= k) of a binomial variable."""
    if p <= 0.0 or p >= 1.0:
        return 1.0 if p <= 0.0 or k >= count else 0.0
    terms = (
        math.lgamma(count + 1) - math.lgamma(i + 1) - math.lgamma(count - i + 1)
        + i * math.log(p) + (count - i) * math.log1p(-p)
        for i in range(k + 1)
    )  # fmt: skip
    return math.fsum(math.exp(term) for term in terms)


def _student(freedom: int) -> float:
    """The quantile CONFIDENCE of Student's distribution: exact for 1 and 2, else the expansion of Abramowitz and
    Stegun, Handbook of Mathematical Functions, 26.7.5, good to 0.5 % from 3 on."""
    if freedom == 1:
        return math.tan(math.pi * (CONFIDENCE - 0.5))
    if freedom == 2:
        a = 2 * CONFIDENCE - 1
        return a * math.sqrt(2 / (1 - a * a))
    z, n = Z, float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / n ** (i + 1) for i, term in enumerate(terms))


def _root(function: Callable[[float], float], low: float = 0.0, high: float = 1.0, *, falling: bool = True) -> float:
    """Where a falling (or rising) function crosses 0, by halving."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if (function(middle) > 0) == falling:
            low = middle
        else:
            high = middle
    return (low + high) / 2

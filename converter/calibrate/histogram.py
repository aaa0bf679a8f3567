"""A histogram whose memory does not grow: when the range does, neighbouring bins merge, exactly."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..ir.statistics import Histogram

BINS = 2048
#: Bin widths stay normal float32 numbers, so that dividing by them is exact.
SMALLEST_EXPONENT = -100


class HistogramBuilder:
    """Counts the finite float32 elements of one tensor, sample by sample."""

    def __init__(self) -> None:
        self.exponent = SMALLEST_EXPONENT
        self.zeros = 0
        self._first = 0
        self._counts = np.zeros(1, np.int64)

    def add(self, array: npt.NDArray[np.float32], low: float, high: float) -> None:
        """Count an array whose smallest and largest elements are `low` and `high`."""
        self._widen(min(low, 0.0), max(high, 0.0))
        # Scaling by a power of two is exact, so that elements fall into the same bins whatever the width was before.
        bins = np.multiply(array.reshape(-1), np.float32(math.ldexp(1.0, -self.exponent)))
        if low < 0:
            np.floor(bins, out=bins)
        indices = bins.astype(np.intp)
        indices -= self._first
        self._counts += np.bincount(indices, minlength=len(self._counts))
        self.zeros += int(array.size - np.count_nonzero(array))

    def merge(self, other: HistogramBuilder) -> None:
        """Count what another one has counted: the same as if all elements had come here."""
        last = other._first + len(other._counts) - 1
        width = math.ldexp(1.0, other.exponent)
        if other.exponent > self.exponent:
            self._widen(other._first * width, last * width, other.exponent)
        else:
            self._widen(other._first * width, last * width)
        bins = np.arange(other._first, last + 1, dtype=np.int64) >> min(self.exponent - other.exponent, 62)
        np.add.at(self._counts, bins - self._first, other._counts)
        self.zeros += other.zeros

    def result(self) -> Histogram:
        return Histogram(self._first, math.ldexp(1.0, self.exponent), self._counts.copy(), self.zeros)

    def _widen(self, low: float, high: float, least: int = SMALLEST_EXPONENT) -> None:
        """Make [low, high] fit: double the width as often as needed, to 2^least at least, then reach to both sides."""
        exponent = max(self.exponent, least)
        shift = min(exponent - self.exponent, 62)
        first, last = self._first >> shift, (self._first + len(self._counts) - 1) >> shift
        while True:
            wanted_first = min(first, _bin(low, exponent))
            wanted_last = max(last, _bin(high, exponent))
            if wanted_last - wanted_first < BINS:
                break
            exponent, first, last = exponent + 1, first >> 1, last >> 1
        doublings = exponent - self.exponent
        counts = np.zeros(wanted_last - wanted_first + 1, np.int64)
        old_bins = np.arange(self._first, self._first + len(self._counts), dtype=np.int64) >> min(doublings, 62)
        np.add.at(counts, old_bins - wanted_first, self._counts)
        self.exponent, self._first, self._counts = exponent, wanted_first, counts


def _bin(value: float, exponent: int) -> int:
    return math.floor(math.ldexp(value, -exponent))

"""Everything that one pass over the calibration data tells, handed from `calibrate` to `quantize` and the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .ranges import Range, Ranges

#: Arrays by the name of a graph's input or output Value.
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Histogram:
    """Exact counts of a tensor's elements: bin i holds those in [(first + i)·width, (first + i + 1)·width).

    `width` is a power of two, the smallest for which all elements and 0 lie within BINS bins, so the counts depend
    neither on the order of the samples nor on the machine.
    """

    first: int
    width: float
    counts: npt.NDArray[np.int64]
    zeros: int

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def quantile_bounds(self, share: float) -> tuple[float, float]:
        """The edges of the bins that hold the middle of the elements: at most `share` lie outside on each side."""
        below = np.cumsum(self.counts)
        allowed = share * int(below[-1])
        low = int(np.searchsorted(below, allowed, side="right"))
        above = np.cumsum(self.counts[::-1])
        high = len(self.counts) - int(np.searchsorted(above, allowed, side="right"))
        return (self.first + low) * self.width, (self.first + high) * self.width


@dataclass(frozen=True)
class ChannelRange:
    """Smallest and largest element of each channel (last axis) of a tensor, over all samples."""

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]

    def union(self, other: ChannelRange) -> ChannelRange:
        return ChannelRange(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


@dataclass(frozen=True)
class TapMeans:
    """Mean of what each tap of a weighted layer sees, over the samples of `Calibration.fit` and all output positions.

    Shape [kernel height, kernel width, input channels] for convolutions, [inputs] for FULLY_CONNECTED. Because these
    layers are linear, the mean of the output follows: E[y] = sum over taps of W·mean + b.
    """

    means: npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """A sample that no correction was fitted on, with what the float graph answers: its `judged_values` by name."""

    inputs: Arrays
    answers: Arrays


@dataclass(frozen=True)
class Manifest:
    """Which samples calibrated: their number, SHA-256 over all digests in order, and the digests' first bytes."""

    samples: int
    data: str
    #: Whether they were random numbers.
    random: bool
    digests: tuple[bytes, ...]


@dataclass(frozen=True)
class Calibration:
    """Ranges and histograms are over all samples; `fit` and `held_out` are a bounded selection, kept in memory."""

    ranges: Ranges
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    #: By the name of the layer's output value.
    tap_means: Mapping[str, TapMeans] = field(default_factory=dict)
    fit: tuple[Arrays, ...] = ()
    held_out: tuple[HeldOut, ...] = ()
    warnings: tuple[str, ...] = ()
    manifest: Manifest | None = None
    #: Of tensors that have channels: two dimensions at least.
    channels: Mapping[str, ChannelRange] = field(default_factory=dict)


def pin_range(calibration: Calibration, name: str, found: Range) -> Calibration:
    """With a prescribed range of a tensor, and no histogram that would let anyone search for another."""
    ranges = Ranges({**calibration.ranges.by_name, name: found}, calibration.ranges.samples)
    histograms = {key: value for key, value in calibration.histograms.items() if key != name}
    return dataclasses.replace(calibration, ranges=ranges, histograms=histograms)

"""What calibration found, handed from `calibrate` to `quantize`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Smallest and largest float value seen of a tensor, over all calibration samples."""

    low: float
    high: float

    def union(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class Ranges:
    """Ranges by the name of the graph's values; constants have none."""

    by_name: Mapping[str, Range]
    samples: int

"""Which samples are kept: most to fit corrections on, every fifth to judge them by."""

from __future__ import annotations

import enum
from dataclasses import dataclass

#: Samples kept at most, and their bytes. Corrections settle well below that; memory stays flat.
MAX_KEPT = 80
MIN_KEPT = 10
MAX_KEPT_BYTES = 48 << 20
#: Every fifth of the kept samples is held out.
HELD_OUT_EVERY = 5


class Role(enum.Enum):
    """What a sample is used for besides ranges."""

    FIT = "fit"
    HELD_OUT = "held out"
    RANGES_ONLY = "ranges only"


@dataclass(frozen=True)
class Selection:
    """Keeps `kept` of `total` samples, evenly spread; without a known total, the first ones."""

    kept: int
    total: int | None

    @classmethod
    def of(cls, total: int | None, bytes_per_sample: int) -> Selection:
        affordable = max(MIN_KEPT, min(MAX_KEPT, MAX_KEPT_BYTES // max(bytes_per_sample, 1)))
        return cls(affordable if total is None else min(affordable, total), total)

    def role(self, index: int) -> Role:
        """The role of the index-th sample."""
        rank = self._rank(index)
        if rank is None:
            return Role.RANGES_ONLY
        return Role.HELD_OUT if rank % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 else Role.FIT

    def _rank(self, index: int) -> int | None:
        """Position among the kept samples, None for a sample that is not kept."""
        if self.total is None:
            return index if index < self.kept else None
        if index >= self.total:
            return None
        rank = -(-index * self.kept // self.total)
        return rank if rank < self.kept and rank * self.total // self.kept == index else None

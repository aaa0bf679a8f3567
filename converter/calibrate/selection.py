"""Which samples are kept: most to fit corrections on, every fifth to judge them by."""

from __future__ import annotations

import enum
from dataclasses import dataclass

#: Samples kept at most. Corrections settle below that; memory stays flat.
MAX_KEPT = 100
#: Fewer are only kept where there are fewer.
MIN_KEPT = 10
#: Bytes that the samples to judge by may take (inputs and answers), and those to fit on (and what is alive of each).
MAX_HELD_OUT_BYTES = 64 << 20
MAX_FIT_BYTES = 256 << 20
#: Every fifth of the kept samples is held out.
HELD_OUT_EVERY = 5


class Role(enum.Enum):
    """What a sample is used for besides ranges."""

    FIT = "fit"
    HELD_OUT = "held out"
    RANGES_ONLY = "ranges only"


@dataclass(frozen=True)
class Selection:
    """Keeps `kept` of `total` samples, evenly spread; without a known total, the first ones.

    Of those that are not held out, `fit` are fitted on, evenly spread as well: they take more memory.
    """

    kept: int
    fit: int
    total: int | None

    @classmethod
    def of(cls, total: int | None, held_out_bytes: int, fit_bytes: int) -> Selection:
        """By the bytes that a sample of either role takes."""
        held_out = MAX_HELD_OUT_BYTES // max(held_out_bytes, 1)
        kept = max(MIN_KEPT, min(MAX_KEPT, held_out * HELD_OUT_EVERY))
        kept = kept if total is None else min(kept, total)
        others = kept - kept // HELD_OUT_EVERY
        return cls(kept, min(others, max(MIN_KEPT, MAX_FIT_BYTES // max(fit_bytes, 1))), total)

    def role(self, index: int) -> Role:
        """The role of the index-th sample."""
        rank = self._rank(index)
        if rank is None:
            return Role.RANGES_ONLY
        if rank % HELD_OUT_EVERY == HELD_OUT_EVERY - 1:
            return Role.HELD_OUT
        others, position = self.kept - self.kept // HELD_OUT_EVERY, rank - rank // HELD_OUT_EVERY
        chosen = (position + 1) * self.fit // others > position * self.fit // others
        return Role.FIT if chosen else Role.RANGES_ONLY

    def _rank(self, index: int) -> int | None:
        """Position among the kept samples, None for a sample that is not kept."""
        if self.total is None:
            return index if index < self.kept else None
        if index >= self.total:
            return None
        rank = -(-index * self.kept // self.total)
        return rank if rank < self.kept and rank * self.total // self.kept == index else None

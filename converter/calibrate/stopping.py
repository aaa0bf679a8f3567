"""When enough samples were read: the ranges of all tensors have settled."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..ir.ranges import Range

#: Asked for the first time after this many samples, and then after every STEP more.
FIRST_STOP = 256
STEP = 256
#: The most that ranges may have grown over the last quarter of the samples, as a part of their width: on average, and
#: any one of them. In a hundred tensors some extreme always grows a little.
GROWTH = 0.01
LARGEST_GROWTH = 0.05


class Settling:
    """Remembers the ranges at points that are three quarters of a later one."""

    def __init__(self) -> None:
        self._before: dict[int, dict[str, Range]] = {}

    def after(self, count: int, ranges: Mapping[str, Range]) -> bool:
        """Told after `count` samples, in turn: whether ranges have hardly grown since three quarters of them."""
        if count % (STEP * 3 // 4) == 0 and count >= FIRST_STOP * 3 // 4:
            self._before[count] = dict(ranges)
        if count < FIRST_STOP or count % STEP:
            return False
        before = self._before.pop(count * 3 // 4, None)
        if before is None:
            return False
        growth = [_grew(before[name], found) for name, found in ranges.items()]
        return math.fsum(growth) <= GROWTH * len(growth) and max(growth, default=0.0) <= LARGEST_GROWTH


def _grew(before: Range, now: Range) -> float:
    """By how much of its width; ranges reach to 0, as their quantization does."""
    width = max(now.high, 0.0) - min(now.low, 0.0)
    was = max(before.high, 0.0) - min(before.low, 0.0)
    return 0.0 if width == was else (width - was) / width

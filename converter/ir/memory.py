"""Where tensors live, handed from `plan` to `backend`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryPlan:
    """Byte offsets in the arena by value name. `lower_bound_bytes` is the most that is alive at one operator."""

    offsets: Mapping[str, int]
    arena_bytes: int
    lower_bound_bytes: int

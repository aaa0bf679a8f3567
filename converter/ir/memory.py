"""Where tensors live, handed from `plan` to `backend` and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Peak:
    """The operator at which most bytes are alive, and what is alive there: names and sizes, the largest first.

    `operator` is empty where that is before the first operator runs.
    """

    operator: str
    alive: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Search:
    """What the planner tried."""

    #: Orders of the operators whose memory was planned; 1 where no other can be better.
    orders: int
    #: Arrangements of the blocks in the arena.
    placements: int
    #: Arena of the order that the graph came in. More than the plan's arena: another order was taken.
    given_order_bytes: int
    #: Results that only rename their operand's bytes, that take an operand's bytes, that begin inside a larger operand.
    aliased: int
    in_place: int
    stacked: int


@dataclass(frozen=True)
class MemoryPlan:
    """Byte offsets in the arena by value name.

    `lower_bound_bytes` is the most that is alive at one operator: no placement of the values needs less. No order of
    the operators needs less than `any_order_bound_bytes`.
    """

    offsets: Mapping[str, int]
    arena_bytes: int
    lower_bound_bytes: int
    any_order_bound_bytes: int
    peak: Peak
    search: Search

    @property
    def gap(self) -> float:
        """How far the arena is above the lower bound, in parts of it."""
        return self.arena_bytes / self.lower_bound_bytes - 1 if self.lower_bound_bytes else 0.0


@dataclass(frozen=True)
class StateBytes:
    """What the runtime keeps beside the arena with its portable kernels: all of it, and each operator's part in order.

    The rest is bookkeeping (a header, a record for each tensor and operator), variables and room for planning.
    """

    total: int
    operators: tuple[int, ...]

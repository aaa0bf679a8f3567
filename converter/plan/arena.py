"""Places blocks in the arena: first fit over many orders, stopping at the lower bound.

Finding the smallest arena is dynamic storage allocation, which is NP-complete. First fit in order of falling size
(Pisarchyk and Lee, arXiv 2001.03288) is optimal on most networks; where it is not, moving blocks in the order finds the
bound (55,296 bytes instead of 64,512 and more for a MobileNet). Trials are seeded: same blocks, same placement.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .lifetimes import Block

#: Orders tried at most, and pairs of blocks compared at most over all of them: large graphs plan in about a second.
MAX_TRIALS = 2000
MAX_COMPARISONS = 3_000_000
#: Trials in a row that gain nothing, after which the search starts anew elsewhere.
PATIENCE = 60
SEED = 20010


@dataclass(frozen=True)
class Placement:
    """Byte offset of each block, the end of the last one, and how many arrangements were tried."""

    offsets: tuple[int, ...]
    arena_bytes: int
    trials: int


@dataclass(frozen=True)
class _Relations:
    """For each block the blocks that it must not overlap, those that it may lie on, and those that may lie on it."""

    apart: tuple[tuple[int, ...], ...]
    below: tuple[tuple[int, ...], ...]
    above: tuple[tuple[int, ...], ...]


def place(blocks: Sequence[Block], bound: int) -> Placement:
    """Offsets of the blocks. Stops early when the arena ends at `bound`."""
    if not blocks:
        return Placement((), 0, 0)
    relations = _relations(blocks)
    starts = [sorted(range(len(blocks)), key=lambda i: (key(blocks[i]), i)) for key in _GREEDY_ORDERS]
    best = min((first_fit(blocks, relations, order) for order in starts), key=lambda found: found[1])
    limit = min(MAX_TRIALS, MAX_COMPARISONS // (1 + sum(map(len, relations.apart))))
    trials = len(starts)
    generator = random.Random(SEED)
    while best[1] > bound and len(blocks) > 1 and trials < limit:
        order = starts.pop(0) if starts else generator.sample(range(len(blocks)), len(blocks))
        found, used = _climb(blocks, relations, order, bound, limit - trials, generator)
        best = min(best, found, key=lambda each: each[1])
        trials += used
    return Placement(tuple(best[0]), best[1], trials)


def first_fit(blocks: Sequence[Block], relations: _Relations, order: Sequence[int]) -> tuple[list[int], int]:
    """Give each block, in `order`, the lowest offset where it leaves the placed ones alone: offsets and arena bytes."""
    offsets = [-1] * len(blocks)
    arena_bytes = 0
    for i in order:
        taken = sorted(
            (offsets[j], offsets[j] + blocks[j].aligned_bytes) for j in relations.apart[i] if offsets[j] >= 0
        )
        offset, tried = _lowest_gap(taken, blocks[i].size_bytes, 0), -1
        while offset != tried:  # ends: each block below or above is passed at most once
            tried = offset
            for j in relations.below[i]:
                if 0 <= offsets[j] < offset < offsets[j] + blocks[j].size_bytes:
                    offset = _lowest_gap(taken, blocks[i].size_bytes, offsets[j] + blocks[j].aligned_bytes)
            for j in relations.above[i]:
                if offset < offsets[j] < offset + blocks[i].size_bytes:
                    offset = _lowest_gap(taken, blocks[i].size_bytes, offsets[j])
        offsets[i] = offset
        arena_bytes = max(arena_bytes, offset + blocks[i].size_bytes)
    return offsets, arena_bytes


def _lowest_gap(taken: Sequence[tuple[int, int]], size: int, low: int) -> int:
    """The lowest offset from `low` on with `size` free bytes; `taken` is sorted."""
    for start, end in taken:
        if start >= low and start - low >= size:
            break
        low = max(low, end)
    return low


def _climb(
    blocks: Sequence[Block],
    relations: _Relations,
    order: list[int],
    bound: int,
    limit: int,
    generator: random.Random,
) -> tuple[tuple[list[int], int], int]:
    """Move blocks in the order while that gains something: the best placement, and the number of trials."""
    best = first_fit(blocks, relations, order)
    trials, idle = 1, 0
    while best[1] > bound and trials < limit and idle < PATIENCE:
        changed = list(order)
        for _ in range(generator.randint(1, 3)):
            i = _worth_moving(blocks, changed, best, generator)
            changed.insert(generator.randrange(len(changed)), changed.pop(i))
        found = first_fit(blocks, relations, changed)
        trials += 1
        idle = 0 if found[1] < best[1] else idle + 1
        if found[1] <= best[1]:
            best, order = found, changed
    return best, trials


def _worth_moving(
    blocks: Sequence[Block], order: Sequence[int], found: tuple[list[int], int], generator: random.Random
) -> int:
    """A position in the order: every other time that of a block at the arena's end, which is what has to come down."""
    if generator.random() < 0.5:
        offsets, end = found
        return generator.choice([k for k, i in enumerate(order) if offsets[i] + blocks[i].size_bytes == end])
    return generator.randrange(len(order))


def _relations(blocks: Sequence[Block]) -> _Relations:
    apart: list[tuple[int, ...]] = []
    for i, block in enumerate(blocks):
        stacked = {block.onto} | {j for j, other in enumerate(blocks) if other.onto == i}
        apart.append(tuple(j for j, b in enumerate(blocks) if j != i and j not in stacked and block.meets(b)))
    below = tuple(() if block.onto is None else (block.onto,) for block in blocks)
    above = tuple(tuple(j for j, other in enumerate(blocks) if other.onto == i) for i in range(len(blocks)))
    return _Relations(tuple(apart), below, above)


_GREEDY_ORDERS: tuple[Callable[[Block], tuple[int, ...]], ...] = (
    lambda block: (-block.size_bytes, block.first),
    lambda block: (-block.size_bytes, -block.first),
    lambda block: (-block.size_bytes * (block.last - block.first + 1),),
    lambda block: (block.first, -block.size_bytes),
)

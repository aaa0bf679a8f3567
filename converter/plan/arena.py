"""Places blocks in the arena: first fit over many orders, stopping at the lower bound.

Finding the smallest arena is dynamic storage allocation, which is NP-complete. First fit in order of falling size
(Pisarchyk and Lee, arXiv 2001.03288) is optimal on most networks; where it is not, a few hundred swaps in the order
find the bound (55,296 bytes instead of 64,512 and more for a MobileNet). Trials are seeded: same graph, same plan.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from ..ir.graph import Graph
from ..ir.memory import MemoryPlan
from .lifetimes import Block, find_blocks, lower_bound_bytes

#: Orders tried at most, and pairs of blocks compared at most over all of them: large graphs plan in about a second.
MAX_TRIALS = 600
MAX_COMPARISONS = 3_000_000
SEED = 20010


def plan_memory(graph: Graph) -> MemoryPlan:
    """Offsets of every arena value of a graph, and the arena's bytes."""
    blocks = find_blocks(graph)
    bound = lower_bound_bytes(blocks)
    offsets, arena_bytes = place(blocks, bound)
    by_name = {value.name: offset for block, offset in zip(blocks, offsets, strict=True) for value in block.values}
    return MemoryPlan(by_name, arena_bytes, bound)


def place(blocks: Sequence[Block], bound: int) -> tuple[list[int], int]:
    """Offsets of the blocks and the end of the last one. Stops early when that end is `bound`."""
    neighbours = [
        [j for j, other in enumerate(blocks) if other is not block and block.meets(other)] for block in blocks
    ]
    best: tuple[list[int], int] | None = None
    best_order: list[int] = []
    for key in _GREEDY_ORDERS:
        order = sorted(range(len(blocks)), key=lambda i: (key(blocks[i]), i))
        found = first_fit(blocks, neighbours, order)
        if best is None or found[1] < best[1]:
            best, best_order = found, order
    assert best is not None
    trials = min(MAX_TRIALS, MAX_COMPARISONS // (1 + sum(len(row) for row in neighbours)))
    generator = random.Random(SEED)
    for _ in range(trials if len(blocks) > 1 else 0):
        if best[1] <= bound:
            break
        order = list(best_order)
        for _ in range(generator.randint(1, 3)):
            i, j = generator.sample(range(len(order)), 2)
            order.insert(j, order.pop(i))
        found = first_fit(blocks, neighbours, order)
        if found[1] <= best[1]:
            best, best_order = found, order
    return best


def first_fit(
    blocks: Sequence[Block], neighbours: Sequence[Sequence[int]], order: Sequence[int]
) -> tuple[list[int], int]:
    """Give each block, in `order`, the lowest offset where no placed neighbour is. Answers offsets and arena bytes."""
    offsets = [-1] * len(blocks)
    arena_bytes = 0
    for i in order:
        size = blocks[i].size_bytes
        taken = sorted((offsets[j], offsets[j] + blocks[j].aligned_bytes) for j in neighbours[i] if offsets[j] >= 0)
        offset = 0
        for start, end in taken:
            if start - offset >= size:
                break
            offset = max(offset, end)
        offsets[i] = offset
        arena_bytes = max(arena_bytes, offset + size)
    return offsets, arena_bytes


_GREEDY_ORDERS: tuple[Callable[[Block], tuple[int, ...]], ...] = (
    lambda block: (-block.size_bytes, block.first),
    lambda block: (-block.size_bytes, -block.first),
    lambda block: (-block.size_bytes * (block.last - block.first + 1),),
    lambda block: (block.first, -block.size_bytes),
)

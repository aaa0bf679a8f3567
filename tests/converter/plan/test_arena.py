"""Placement: nothing overlaps that is alive together, and the lower bound is reached where it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.plan import ALIGNMENT, Block, lower_bound_bytes
from converter.plan.arena import place


@st.composite
def block_lists(draw: st.DrawFn) -> list[Block]:
    """Some blocks begin where a larger one ends, and may lie on it."""
    spans = draw(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(1, 300)), min_size=1, max_size=14)
    )
    blocks = [Block((), size, first, first + length) for first, length, size in spans]
    taken: set[int] = set()
    for i, block in enumerate(blocks):
        below = [j for j, b in enumerate(blocks) if b.last == block.first > b.first and b.size_bytes > block.size_bytes]
        if below and below[0] not in taken and draw(st.booleans()):
            taken.add(below[0])
            blocks[i] = replace(block, onto=below[0])
    return blocks


def are_sound(blocks: list[Block], i: int, j: int, offsets: Sequence[int]) -> bool:
    """Two blocks lie apart, or are not alive together, or one begins at or below the one that it overwrites."""
    if not blocks[i].meets(blocks[j]):
        return True
    if blocks[i].onto == j and offsets[i] <= offsets[j]:
        return True
    if blocks[j].onto == i and offsets[j] <= offsets[i]:
        return True
    return offsets[i] + blocks[i].size_bytes <= offsets[j] or offsets[j] + blocks[j].size_bytes <= offsets[i]


@settings(deadline=None)
@given(block_lists())
def test_blocks_alive_together_lie_apart(blocks: list[Block]) -> None:
    found = place(blocks, lower_bound_bytes(blocks))
    for i, block in enumerate(blocks):
        assert found.offsets[i] % ALIGNMENT == 0
        assert 0 <= found.offsets[i] <= found.arena_bytes - block.size_bytes
        assert all(are_sound(blocks, i, j, found.offsets) for j in range(i))


@settings(deadline=None)
@given(block_lists())
def test_bound_is_a_bound(blocks: list[Block]) -> None:
    bound = lower_bound_bytes(blocks)
    found = place(blocks, bound)
    assert bound <= found.arena_bytes
    assert found.arena_bytes == max(o + block.size_bytes for o, block in zip(found.offsets, blocks, strict=True))


def test_search_beats_greedy_by_size() -> None:
    """Lifetimes for which first fit by falling size needs 208 bytes and another order the bound of 192."""
    blocks = [Block((), size, first, last) for size, first, last in SIZE_TRAP]
    bound = lower_bound_bytes(blocks)
    assert first_fit_by_size(blocks) > bound
    assert place(blocks, bound).arena_bytes == bound


def test_search_reaches_the_bound_of_random_blocks() -> None:
    """60 sets of 24 blocks on which first fit by size misses it."""
    random, sets = np.random.default_rng(3), []
    while len(sets) < 60:
        starts, lengths, sizes = random.integers(0, 30, 24), random.integers(0, 8, 24), random.integers(1, 40, 24)
        blocks = [Block((), 16 * int(s), int(a), int(a + n)) for a, n, s in zip(starts, lengths, sizes, strict=True)]
        if first_fit_by_size(blocks) > lower_bound_bytes(blocks):
            sets.append((blocks, lower_bound_bytes(blocks)))
    assert all(place(blocks, bound).arena_bytes == bound for blocks, bound in sets)


def test_smaller_result_lies_on_its_operand() -> None:
    """An operand of 400 bytes, its result of 112, and 320 more bytes while the result is alive: all in 432."""
    blocks = [Block((), 400, 0, 1), Block((), 112, 1, 3, onto=0), Block((), 320, 2, 3)]
    assert lower_bound_bytes(blocks) == 432
    found = place(blocks, 432)
    assert found.arena_bytes == 432 and found.offsets[1] <= found.offsets[0]


def test_same_blocks_same_plan() -> None:
    blocks = [Block((), 16 * (1 + i * 7 % 5), i % 6, i % 6 + i % 3) for i in range(20)]
    assert place(blocks, 0) == place(blocks, 0)


#: Size, first and last time of blocks on which every greedy order misses the bound.
SIZE_TRAP = ((16, 5, 6), (48, 2, 4), (32, 2, 2), (64, 5, 7), (64, 0, 1), (16, 4, 4), (64, 1, 3), (48, 0, 2))


def first_fit_by_size(blocks: list[Block]) -> int:
    """Greedy by size, written anew: each block at the lowest free multiple of 16."""
    placed: list[tuple[int, Block]] = []
    for block in sorted(blocks, key=lambda b: -b.size_bytes):
        offset = 0
        while any(
            offset < at + other.size_bytes and at < offset + block.size_bytes and block.meets(other)
            for at, other in placed
        ):
            offset += 16
        placed.append((offset, block))
    return max(offset + block.size_bytes for offset, block in placed)

"""Placement: nothing overlaps that is alive together, and the lower bound is reached where it can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from converter.plan import ALIGNMENT, Block, lower_bound_bytes
from converter.plan.arena import place


@st.composite
def block_lists(draw: st.DrawFn) -> list[Block]:
    spans = draw(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(1, 300)), min_size=1, max_size=14)
    )
    return [Block((), size, first, first + length) for first, length, size in spans]


@given(block_lists())
def test_blocks_alive_together_lie_apart(blocks: list[Block]) -> None:
    offsets, arena_bytes = place(blocks, lower_bound_bytes(blocks))
    for i, block in enumerate(blocks):
        assert offsets[i] % ALIGNMENT == 0
        assert 0 <= offsets[i] <= arena_bytes - block.size_bytes
        for j in range(i):
            if block.meets(blocks[j]):
                assert offsets[i] + block.size_bytes <= offsets[j] or offsets[j] + blocks[j].size_bytes <= offsets[i]


@given(block_lists())
def test_bound_is_a_bound(blocks: list[Block]) -> None:
    bound = lower_bound_bytes(blocks)
    offsets, arena_bytes = place(blocks, bound)
    assert bound <= arena_bytes
    assert arena_bytes == max(offset + block.size_bytes for offset, block in zip(offsets, blocks, strict=True))


def test_search_beats_greedy_by_size() -> None:
    """Lifetimes for which first fit by falling size needs 208 bytes and another order the bound of 192."""
    blocks = [Block((), size, first, last) for size, first, last in SIZE_TRAP]
    bound = lower_bound_bytes(blocks)
    assert first_fit_by_size(blocks) > bound
    assert place(blocks, bound)[1] == bound


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

"""THE PLAN: tries orders of the operators, places the values of each, and keeps the smallest arena."""

from __future__ import annotations

from collections.abc import Sequence

from ..gen.ops import OPS
from ..ir.graph import Graph, Node
from ..ir.memory import MemoryPlan, Peak, Search
from .arena import Placement, place
from .lifetimes import Block, find_blocks, lower_bound_bytes, takes_room
from .lookups import joined_lookups, with_lookups
from .order import any_order_bound_bytes, orders


def plan_memory(graph: Graph) -> MemoryPlan:
    """Put the graph's operators in the order that needs the least memory, and give every arena value an offset.

    An order that is no better than the graph's own is not taken. Same graph, same plan.
    """
    given, tried, placements = graph.nodes, 0, 0
    graph.nodes, lookups = joined_lookups(graph)
    best: tuple[list[Node], list[Block], Placement, int] | None = None
    given_bytes = 0
    bound_of_all = any_order_bound_bytes(graph)
    for order in orders(graph):
        graph.nodes = order
        blocks = find_blocks(graph)
        bound = lower_bound_bytes(blocks)
        found = place(blocks, bound)
        tried += 1
        placements += found.trials
        given_bytes = given_bytes or found.arena_bytes
        if best is None or found.arena_bytes < best[2].arena_bytes:
            best = order, blocks, found, bound
        if best[2].arena_bytes <= bound_of_all:
            break
    graph.nodes = given
    assert best is not None
    graph.nodes, blocks, found, bound = best
    plan = MemoryPlan(
        {v.name: offset for block, offset in zip(blocks, found.offsets, strict=True) for v in block.values},
        found.arena_bytes,
        bound,
        bound_of_all,
        _peak(graph, blocks),
        Search(tried, placements, given_bytes, *_sharing(graph, blocks)),
    )
    graph.nodes = with_lookups(graph.nodes, lookups)
    return plan


def _peak(graph: Graph, blocks: Sequence[Block]) -> Peak:
    """The first time at which the sum over the blocks alive is largest."""
    times = sorted({block.first for block in blocks})
    time = max(times, key=lambda t: (sum(b.aligned_bytes for b in blocks if takes_room(b, t)), -t), default=-1)
    alive = sorted((b for b in blocks if takes_room(b, time)), key=lambda b: (-b.size_bytes, b.first))
    node = graph.nodes[time] if 0 <= time < len(graph.nodes) else None
    name = "" if node is None else f"{node.op} {node.name or node.outputs[0].name}"
    return Peak(name, tuple((_holder(block, graph, time), block.size_bytes) for block in alive))


def _holder(block: Block, graph: Graph, time: int) -> str:
    """The last value of a block that is written by `time`."""
    written = set(graph.inputs).union(*(node.outputs for node in graph.nodes[: time + 1]))
    return [value for value in block.values if value in written][-1].name


def _sharing(graph: Graph, blocks: Sequence[Block]) -> tuple[int, int, int]:
    """Results that alias, that are in place, and that begin inside their operand."""
    aliased = in_place = 0
    producers = graph.producers()
    for block in blocks:
        for value in block.values[1:]:
            spec = OPS[producers[value].op]
            aliased += spec.alias
            in_place += not spec.alias
    return aliased, in_place, sum(block.onto is not None for block in blocks)

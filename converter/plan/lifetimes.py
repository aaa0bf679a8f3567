"""Which values share bytes, and when each block of bytes is alive.

Times are node indices. A graph input is written at time -1, a graph output is read at time len(nodes). The rules for
sharing bytes are those of the C planner (csrc/src/li_place.c), which checks a stored plan against them:

* alias (`OPS[op].alias`): the output is the same bytes as input 0, whoever else reads them.
* in place (`OPS[op].in_place`): the output takes the bytes of an input that has the same number of bytes, when this
  node is the last one to read them and no graph output lies there.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value

#: Every offset in the arena is a multiple of this; sizes count rounded up to it (LI_ALIGNMENT in li_config.h).
ALIGNMENT = 16


@dataclass(frozen=True)
class Block:
    """Bytes of the arena that hold one or several values in turn, from time `first` to time `last`, both included."""

    values: tuple[Value, ...]
    size_bytes: int
    first: int
    last: int

    def meets(self, other: Block) -> bool:
        """Whether both are alive at some time."""
        return self.first <= other.last and other.first <= self.last


@dataclass
class _Growing:
    """A block under construction."""

    values: list[Value]
    size_bytes: int
    first: int
    last: int


def aligned(size_bytes: int) -> int:
    """Rounded up to a multiple of ALIGNMENT."""
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


def lives_in_arena(value: Value) -> bool:
    """Constants stay in the file, variables in the net's own state."""
    return not value.is_constant and not value.is_variable


def find_blocks(graph: Graph) -> list[Block]:
    """Blocks in order of their first value's appearance. Each arena value of the graph is in exactly one."""
    last_read = _last_reads(graph)
    home: dict[Value, _Growing] = {}
    blocks: list[_Growing] = []

    def place(value: Value, time: int) -> None:
        block = _Growing([value], aligned(value.size_bytes), time, last_read.get(value, time))
        home[value] = block
        blocks.append(block)

    for value in graph.inputs:
        place(value, -1)
    for time, node in enumerate(graph.nodes):
        shared = _shared_block(node, time, home)
        for i, value in enumerate(node.outputs):
            if not lives_in_arena(value):
                continue
            if i == 0 and shared is not None:
                shared.values.append(value)
                shared.last = max(shared.last, last_read.get(value, time))
                home[value] = shared
            else:
                place(value, time)
    return [Block(tuple(block.values), block.size_bytes, block.first, block.last) for block in blocks]


def lower_bound_bytes(blocks: list[Block]) -> int:
    """The most bytes that are alive at one time: no placement of these blocks needs less."""
    times = {block.first for block in blocks}
    return max((sum(b.size_bytes for b in blocks if b.first <= time <= b.last) for time in times), default=0)


def _last_reads(graph: Graph) -> dict[Value, int]:
    last: dict[Value, int] = {}
    for time, node in enumerate(graph.nodes):
        for value in node.inputs:
            if value is not None:
                last[value] = time
    for value in graph.outputs:
        last[value] = len(graph.nodes)
    return last


def _shared_block(node: Node, time: int, home: dict[Value, _Growing]) -> _Growing | None:
    """The block of an input that the node's first output joins, or None."""
    spec = OPS.get(node.op)
    if spec is None or not node.outputs:
        return None
    output = node.outputs[0]
    if spec.alias:
        source = node.optional(0)
        return home.get(source) if source is not None else None
    for i in spec.in_place:
        source = node.optional(i)
        if source is None or source.size_bytes != output.size_bytes:
            continue
        block = home.get(source)
        if block is not None and block.last <= time:
            return block
    return None

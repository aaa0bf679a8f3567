"""Which values share bytes, and when each block of bytes is alive.

Times are node indices. A graph input is written at time -1, a graph output is read at time len(nodes). The rules for
sharing bytes are those of the C planner (csrc/src/li_place.c), which checks a stored plan against them:

* alias (`OPS[op].alias`): the output is the same bytes as input 0, whoever else reads them; only a graph output does
  not show a graph input's bytes, since it would change with the next input.
* in place (`OPS[op].in_place`): the output takes the bytes of an input that has the same number of bytes, when this
  node is the last one to read them.
* stacked (`OPS[op].shrink`): a smaller output may begin at or below the bytes of the input, when this node is the last
  one to read them. The two stay blocks of their own: the output lives on when the input's bytes are free for others.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value

#: Every offset in the arena is a multiple of this (LI_ALIGNMENT in li_config.h).
ALIGNMENT = 16


@dataclass(frozen=True)
class Block:
    """Bytes of the arena that hold one or several values in turn, from time `first` to time `last`, both included."""

    values: tuple[Value, ...]
    size_bytes: int
    first: int
    last: int
    #: Position in the list of the larger block that dies where this one begins, and that it may lie on.
    onto: int | None = None

    @property
    def aligned_bytes(self) -> int:
        """The size rounded up to a multiple of ALIGNMENT."""
        return -(-self.size_bytes // ALIGNMENT) * ALIGNMENT

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
    onto: _Growing | None = None


def lives_in_arena(value: Value) -> bool:
    """Constants stay in the file, variables in the net's own state."""
    return not value.is_constant and not value.is_variable


def find_blocks(graph: Graph) -> list[Block]:
    """Blocks in order of their first value's appearance. Each arena value of the graph is in exactly one."""
    last_read = _last_reads(graph)
    home: dict[Value, _Growing] = {}
    blocks: list[_Growing] = []

    def place(value: Value, time: int) -> None:
        home[value] = _Growing([value], value.size_bytes, time, last_read.get(value, time))
        blocks.append(home[value])

    for value in graph.inputs:
        place(value, -1)
    for time, node in enumerate(graph.nodes):
        shared = _partner(graph, node, time, home)
        for i, value in enumerate(node.outputs):
            if not lives_in_arena(value):
                continue
            if i == 0 and shared is not None:
                shared.values.append(value)
                shared.last = max(shared.last, last_read.get(value, time))
                home[value] = shared
            else:
                place(value, time)
    _stack(graph, home)
    position = {id(block): i for i, block in enumerate(blocks)}
    return [
        Block(tuple(b.values), b.size_bytes, b.first, b.last, None if b.onto is None else position[id(b.onto)])
        for b in blocks
    ]


def takes_room(block: Block, time: int) -> bool:
    """Whether a block needs bytes of its own at this time: not where it can lie on the operand that it overwrites."""
    return block.first + (block.onto is not None) <= time <= block.last


def lower_bound_bytes(blocks: list[Block]) -> int:
    """The most bytes that are alive at one time: no placement of these blocks needs less.

    Blocks alive together lie apart at multiples of ALIGNMENT; only the topmost one can save its rounding.
    """
    bound = 0
    for time in {block.first + late for block in blocks for late in (0, 1)}:
        alive = [block for block in blocks if takes_room(block, time)]
        rounding = max((block.aligned_bytes - block.size_bytes for block in alive), default=0)
        bound = max(bound, sum(block.aligned_bytes for block in alive) - rounding)
    return bound


def _last_reads(graph: Graph) -> dict[Value, int]:
    last: dict[Value, int] = {}
    for time, node in enumerate(graph.nodes):
        for value in node.inputs:
            if value is not None:
                last[value] = time
    for value in graph.outputs:
        last[value] = len(graph.nodes)
    return last


def _partner(graph: Graph, node: Node, time: int, home: dict[Value, _Growing]) -> _Growing | None:
    """The block of an input that the node's first output joins, or None."""
    spec = OPS.get(node.op)
    if spec is None or not node.outputs:
        return None
    output = node.outputs[0]
    for i, source in enumerate(node.inputs):
        block = home.get(source) if source is not None else None
        if block is None or block.size_bytes != output.size_bytes:
            continue
        of_input = block.values[0] in graph.inputs
        if spec.alias and i == 0 and not (of_input and output in graph.outputs):
            return block
        others = [j for j, other in enumerate(node.inputs) if other is not None and home.get(other) is block]
        if block.last == time and all(j in spec.in_place for j in others):
            return block
    return None


def _stack(graph: Graph, home: dict[Value, _Growing]) -> None:
    """Mark the blocks that may lie on the operand that their first value is made of."""
    for time, node in enumerate(graph.nodes):
        spec = OPS.get(node.op)
        if spec is None or not spec.shrink or len(node.inputs) != 1 or node.inputs[0] is None:
            continue
        operand, result = home.get(node.inputs[0]), home.get(node.outputs[0])
        if operand is None or result is None or result.values[0] is not node.outputs[0]:
            continue
        if operand.last == time and result.size_bytes < operand.size_bytes:
            result.onto = operand

"""What a net's memory is made of: the state in parts, and what every operator adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model_file import ModelFile
from .work import macs

if TYPE_CHECKING:
    from .net import Net, OperatorBytes

#: Records of the C runtime (csrc/src/li_internal.h), the same on every target.
HEADER_BYTES, TENSOR_BYTES, OPERATOR_BYTES, ALIGNMENT = 192, 64, 40, 16


@dataclass(frozen=True)
class StateParts:
    """The state part, in the order in which it lies there; the sum is `li_need.state`."""

    #: The net, a record for each tensor, a record for each operator.
    header: int
    tensors: int
    operators: int
    #: Multipliers, tables and the like of the operators.
    multipliers: int
    variables: int
    #: What the planner needs beyond all this before it is filled.
    planning: int

    def sentence(self) -> str:
        """For people."""
        parts = [
            f"{self.header + self.tensors + self.operators:,} bookkeeping ({self.header} and, for the tensors, "
            f"{self.tensors:,}, for the operators, {self.operators:,})",
            f"{self.multipliers:,} multipliers and tables",
            f"{self.variables:,} variables",
        ]
        if self.planning:
            parts.append(f"{self.planning:,} more for planning")
        return ", ".join(parts)


@dataclass(frozen=True)
class NodeRow:
    """One operator of the graph: what it computes, by the source's name, and the bytes that it adds."""

    index: int
    name: str
    operator: str
    macs: int
    #: Of the arena, the bytes of all tensors that are alive while it runs.
    arena_bytes: int
    state_bytes: int
    packed_bytes: int
    #: Of one thread.
    scratch_bytes: int


def state_parts(net: Net) -> StateParts:
    """Of an open net."""
    header, tensors, operators = HEADER_BYTES, TENSOR_BYTES * len(net.tensors), OPERATOR_BYTES * net.operations
    end = begin = header + tensors + operators
    for i in range(net.operations):
        own = net.operator_bytes(i).state
        end = _rounded(end) + own if own else end
    multipliers = end - begin
    for tensor in net.tensors:
        if tensor.is_variable:
            end = _rounded(end) + net.view(tensor.index).nbytes
    variables = end - begin - multipliers
    return StateParts(header, tensors, operators, multipliers, variables, net.need.state - end)


def node_rows(net: Net, file: ModelFile, own: Sequence[OperatorBytes] | None = None) -> tuple[NodeRow, ...]:
    """Every operator in order of execution, with bytes of the net's kernels, or of those that `own` holds."""
    names = {row.tensor: row.source for row in file.provenance()}
    alive = alive_bytes(net, file)
    rows = []
    for operator in file.operators:
        index, result = operator.index, operator.outputs[0] if operator.outputs else -1
        name, work = names.get(result) or file.tensor_name(result), macs(file, operator)
        add = net.operator_bytes(index) if own is None else own[index]
        rows.append(NodeRow(index, name, operator.name, work, alive[index], add.state, add.packed, add.scratch))
    return tuple(rows)


def alive_bytes(net: Net, file: ModelFile) -> tuple[int, ...]:
    """Bytes of the arena that hold something while each operator runs: where the net has placed what was made before or
    by it and is read by it or later, or left behind. Tensors that share bytes count once."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for operator in file.operators:
        first |= dict.fromkeys(operator.outputs, operator.index)
        last |= dict.fromkeys((*operator.inputs, *operator.outputs), operator.index)
    last |= dict.fromkeys(file.outputs, len(file.operators))
    spans = [(first.get(tensor, 0), last.get(tensor, -1), span) for tensor, span in net.arena_spans().items()]
    return tuple(
        _covered([span for begin, end, span in spans if begin <= operator.index <= end]) for operator in file.operators
    )


def _covered(spans: list[tuple[int, int]]) -> int:
    """Length of the union of spans."""
    total = reached = 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT

"""What a net's memory is made of: the state in parts, and what every operator adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model_file import ModelFile
from .work import macs

if TYPE_CHECKING:
    from .net import Net

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
    state_bytes: int
    packed_bytes: int
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


def node_rows(net: Net, file: ModelFile) -> tuple[NodeRow, ...]:
    """Every operator in order of execution."""
    names = {row.tensor: row.source for row in file.provenance()}
    rows = []
    for operator in file.operators:
        own, result = net.operator_bytes(operator.index), operator.outputs[0] if operator.outputs else -1
        name = names.get(result) or file.tensor_name(result)
        work = macs(file, operator)
        rows.append(NodeRow(operator.index, name, operator.name, work, own.state, own.packed, own.scratch))
    return tuple(rows)


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT

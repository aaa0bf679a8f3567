"""Runs passes: the IR is verified before and after each, each leaves a record for the report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ..errors import ConvertError, IRError
from ..ir.executor import Executor
from ..ir.graph import Graph, Node
from ..ir.verify import verify

#: Called with the pass's name and the graph as the pass left it.
AfterPass = Callable[[str, Graph], None]


@dataclass(frozen=True)
class Rejection:
    """A place where a pass matched but left the graph alone."""

    where: str
    reason: str


@dataclass(frozen=True)
class PassRecord:
    """What one run of a pass did: the ledger's line.

    `matched` = `applied` + the number of `rejections`. `pruned` lists the operators that became fewer, with how many.
    """

    name: str
    matched: int
    applied: int
    rejections: tuple[Rejection, ...]
    pruned: tuple[tuple[str, int], ...]
    operators_before: int
    operators_after: int
    constant_bytes_before: int
    constant_bytes_after: int

    @property
    def rejected(self) -> int:
        return len(self.rejections)


@dataclass
class Context:
    """What a pass is handed, and where it says what it does. One for each run of a pass."""

    executor: Executor | None = None
    applied_count: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    #: The operator that the pass is looking at; an error names it.
    node: Node | None = None

    def at(self, node: Node) -> Node:
        """Note the operator that is being looked at."""
        self.node = node
        return node

    def applied(self, node: Node) -> None:
        """Count one rewrite."""
        self.node = node
        self.applied_count += 1

    def rejected(self, node: Node, reason: str) -> None:
        """Note a match that is left alone, once for each place and reason."""
        rejection = Rejection(describe(node), reason)
        if rejection not in self.rejections:
            self.rejections.append(rejection)


class Pass(ABC):
    """One rewrite of the graph, in place, that keeps its meaning.

    A pass keeps names unique, the Value objects (so names and shapes) of graph inputs and outputs, the topological
    order, and the truth of every `Value.origin`. Its docstring lists its cases by number; the code points to them.
    """

    name: ClassVar[str]

    @abstractmethod
    def run(self, graph: Graph, context: Context) -> None:
        """Rewrite `graph`; report rewrites and refusals to `context`."""


@dataclass(frozen=True)
class Fixpoint:
    """Passes that are repeated in order until a round changes nothing, at most `rounds` times."""

    passes: tuple[Pass, ...]
    rounds: int = 20


Step = Pass | Fixpoint


def run_steps(
    steps: Sequence[Step], graph: Graph, executor: Executor | None, after_pass: AfterPass | None = None
) -> tuple[PassRecord, ...]:
    """Run steps in order. Records of runs that matched nothing are left out.

    Raises:
        IRError: a pass left an invalid graph or failed; the message names the pass and the operator.
    """
    verify(graph)
    records: list[PassRecord] = []
    for step in steps:
        if isinstance(step, Pass):
            records.append(run_pass(step, graph, executor, after_pass))
        else:
            records += _run_fixpoint(step, graph, executor, after_pass)
    return tuple(record for record in records if record.matched)


def _run_fixpoint(
    step: Fixpoint, graph: Graph, executor: Executor | None, after_pass: AfterPass | None
) -> list[PassRecord]:
    """What is refused in one round may apply in the next, so refusals count in the last round only."""
    records: list[PassRecord] = []
    for _ in range(step.rounds):
        round_records = [run_pass(member, graph, executor, after_pass) for member in step.passes]
        if not any(record.applied for record in round_records):
            return records + round_records
        records += [replace(record, matched=record.applied, rejections=()) for record in round_records]
    names = ", ".join(member.name for member in step.passes)
    raise IRError.at("passes", graph.name, f"{names} still change the graph after {step.rounds} rounds")


def run_pass(member: Pass, graph: Graph, executor: Executor | None, after_pass: AfterPass | None = None) -> PassRecord:
    """Run one pass on a valid graph and verify what it leaves. Raises IRError, naming the pass and the operator."""
    context = Context(executor)
    stage = f"passes.{member.name}"
    operators_before = Counter(node.op for node in graph.nodes)
    bytes_before = constant_bytes(graph)
    try:
        member.run(graph, context)
    except ConvertError:
        raise
    except Exception as error:
        where = describe(context.node) if context.node is not None else graph.name
        raise IRError.at(stage, where, f"{type(error).__name__}: {error}") from error
    try:
        verify(graph)
    except ConvertError as error:
        raise IRError(stage, error.blockers) from error
    operators_after = Counter(node.op for node in graph.nodes)
    record = PassRecord(
        name=member.name,
        matched=context.applied_count + len(context.rejections),
        applied=context.applied_count,
        rejections=tuple(context.rejections),
        pruned=tuple(sorted((operators_before - operators_after).items())),
        operators_before=operators_before.total(),
        operators_after=operators_after.total(),
        constant_bytes_before=bytes_before,
        constant_bytes_after=constant_bytes(graph),
    )
    if after_pass is not None:
        after_pass(member.name, graph)
    return record


def constant_bytes(graph: Graph) -> int:
    """Bytes of all constants that operators or outputs refer to, each once."""
    return sum(value.size_bytes for value in graph.values() if value.is_constant)


def describe(node: Node) -> str:
    """An operator by its source name, or by its output's where it has none."""
    name = node.name or (node.outputs[0].name if node.outputs else "")
    return f"{node.op} {name!r}"

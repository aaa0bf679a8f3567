"""Orders of the operators in which less is alive at once.

The number of bytes alive after some operators have run depends on which they were, not on their order. So the best
order is a shortest path through the sets of operators that can have run, where a path is as long as its highest peak.
There are few such sets in a network whose branches are short; a beam keeps the best ones where there are many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from .lifetimes import ALIGNMENT, lives_in_arena

#: Sets of operators kept of each size: as many as these many steps in all allow, within the limits.
MAX_STEPS = 200_000
NARROWEST, WIDEST = 8, 512


@dataclass(eq=False)
class _Storage:
    """Bytes that a value and its aliases share, whatever the order."""

    size_bytes: int
    aligned_bytes: int
    #: Bit i: node i reads it.
    readers: int = 0
    #: A graph output: never freed.
    kept: bool = False

    def dead(self, done: int) -> bool:
        """Whether nothing reads it any more once the nodes of a set have run."""
        return not self.kept and not self.readers & ~done


@dataclass(frozen=True)
class _Step:
    """What a node does to the memory."""

    #: Bit i: node i must have run before.
    needs: int
    reads: tuple[_Storage, ...]
    writes: tuple[_Storage, ...]
    #: Storages that its first result may take, or lie on, when nothing else reads them.
    reusable: tuple[_Storage, ...]
    #: Nodes that read its results.
    readers: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _State:
    """A set of operators that has run, on the best path to it that is known."""

    peak: int
    alive: int
    #: The node that ran last, and the set before it.
    node: int
    before: int
    #: Nodes whose operands are there and that have not run.
    ready: tuple[int, ...]


@dataclass(frozen=True)
class _Problem:
    """A graph as sets of nodes and storages."""

    steps: list[_Step]
    #: Alive before the first node.
    start_bytes: int

    def start(self) -> _State:
        """Nothing has run."""
        ready = tuple(i for i, step in enumerate(self.steps) if not step.needs)
        return _State(self.start_bytes, self.start_bytes, -1, 0, ready)

    def after(self, state: _State, done: int, i: int) -> _State:
        """The state when node i runs after the nodes of `done`."""
        step, now = self.steps[i], done | 1 << i
        made = sum(storage.aligned_bytes for storage in step.writes)
        dying = [storage for storage in step.reads if storage.dead(now)]
        saved = step.writes[0].aligned_bytes if any(storage in dying for storage in step.reusable) else 0
        freed = sum(storage.aligned_bytes for storage in (*dying, *step.writes) if storage.dead(now))
        ready = [k for k in state.ready if k != i]
        ready += [k for k in step.readers if not self.steps[k].needs & ~now]
        peak = max(state.peak, state.alive + made - saved)
        return _State(peak, state.alive + made - freed, i, done, tuple(ready))


def orders(graph: Graph) -> Iterator[list[Node]]:
    """The graph's own order, then those found to have a lower peak, the most promising last.

    Variables are written and read by operators that name no results of each other, so a graph with variables has its
    own order alone.
    """
    yield list(graph.nodes)
    if any(value.is_variable for value in graph.values()):
        return
    problem = _problem(graph)
    given = _given_peak(problem)
    if given <= max((sum(s.aligned_bytes for s in _alone(step)) for step in problem.steps), default=0):
        return
    seen: set[tuple[int, ...]] = {tuple(range(len(graph.nodes)))}
    width = max(NARROWEST, min(WIDEST, MAX_STEPS // (4 * len(graph.nodes))))
    nodes = list(graph.nodes)
    for beam in (1, width):
        found = _search(problem, given, beam)
        if found is not None and tuple(found) not in seen:
            seen.add(tuple(found))
            yield [nodes[i] for i in found]


def any_order_bound_bytes(graph: Graph) -> int:
    """The most that one operator alone needs, its operands and results at once: no order needs less."""
    bound = 0
    for step in _problem(graph).steps:
        parts = _alone(step)
        rounding = max((storage.aligned_bytes - storage.size_bytes for storage in parts), default=0)
        bound = max(bound, sum(storage.aligned_bytes for storage in parts) - rounding)
    return bound


def _alone(step: _Step) -> tuple[_Storage, ...]:
    """What lies apart while a node runs, whatever ran before: its first result may take an operand's bytes."""
    return (*step.reads, *(step.writes[1:] if step.reusable else step.writes))


def _search(problem: _Problem, below: int, width: int) -> list[int] | None:
    """An order whose peak is less than `below`, of all if the beam is wide enough; None where there is none in it."""
    layers: list[dict[int, _State]] = [{0: problem.start()}]
    for _ in problem.steps:
        reached: dict[int, _State] = {}
        for done, state in layers[-1].items():
            for i in state.ready:
                found = problem.after(state, done, i)
                known = reached.get(done | 1 << i)
                if found.peak < below and (known is None or found.peak < known.peak):
                    reached[done | 1 << i] = found
        if not reached:
            return None
        best = sorted(reached.items(), key=lambda item: (item[1].peak, item[1].alive, item[0]))[:width]
        layers.append(dict(best))
    done, order = (1 << len(problem.steps)) - 1, []
    for layer in reversed(layers[1:]):
        state = layer[done]
        order.append(state.node)
        done = state.before
    return order[::-1]


def _given_peak(problem: _Problem) -> int:
    """The peak of the nodes in their present order."""
    state, done = problem.start(), 0
    for i in range(len(problem.steps)):
        state = problem.after(state, done, i)
        done |= 1 << i
    return state.peak


def _problem(graph: Graph) -> _Problem:
    producer = {output: i for i, node in enumerate(graph.nodes) for output in node.outputs}
    storages = {value: _storage(value) for value in graph.inputs}
    of_inputs = set(storages.values())
    steps: list[_Step] = []
    for i, node in enumerate(graph.nodes):
        reads = _storages(storages, node.inputs)
        for storage in reads:
            storage.readers |= 1 << i
        writes = []
        for k, value in enumerate(node.outputs):
            if not lives_in_arena(value):
                continue
            shared = storages.get(node.inputs[0]) if k == 0 and _is_alias(node) and node.inputs[0] is not None else None
            if shared is not None and not (shared in of_inputs and value in graph.outputs):
                storages[value] = shared
            else:
                storages[value] = _storage(value)
                writes.append(storages[value])
        sources = {producer[value] for value in node.inputs if value is not None and value in producer}
        for source in sources:
            steps[source].readers.append(i)
        needs = sum(1 << source for source in sources)
        steps.append(_Step(needs, reads, tuple(writes), _reusable(node, storages, writes)))
    for value in graph.outputs:
        if value in storages:
            storages[value].kept = True
    return _Problem(steps, sum(storages[value].aligned_bytes for value in graph.inputs))


def _is_alias(node: Node) -> bool:
    return node.op in OPS and OPS[node.op].alias and bool(node.inputs)


def _storage(value: Value) -> _Storage:
    return _Storage(value.size_bytes, -(-value.size_bytes // ALIGNMENT) * ALIGNMENT)


def _storages(storages: dict[Value, _Storage], values: Sequence[Value | None]) -> tuple[_Storage, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(storages[value] for value in values if value is not None and value in storages))


def _reusable(node: Node, storages: dict[Value, _Storage], writes: Sequence[_Storage]) -> tuple[_Storage, ...]:
    spec = OPS.get(node.op)
    if spec is None or not writes:
        return ()
    found = []
    for storage in _storages(storages, node.inputs):
        at = [i for i, value in enumerate(node.inputs) if value is not None and storages.get(value) is storage]
        same = storage.size_bytes == writes[0].size_bytes and all(i in spec.in_place for i in at)
        if same or (spec.shrink and storage.size_bytes > writes[0].size_bytes):
            found.append(storage)
    return tuple(found)

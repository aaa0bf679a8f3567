"""Moves every transpose to where it moves fewest bytes, or away."""

from __future__ import annotations

from ..ir.graph import Graph, Node, Value
from .layout_problem import Labels, Problem, form, make_problem
from .layout_solver import solve
from .manager import Context, Pass, describe
from .rewrite import (
    Permutation,
    compose,
    essence,
    identity,
    inverse,
    is_output,
    moved_origin,
    moves_data,
    permuted,
    reshape_node,
    transpose_node,
    transpose_permutation,
)


class Layout(Pass):
    """Moves every transpose to where it moves fewest bytes, or away.

    1. A transpose that only moves axes of size 1 becomes a RESHAPE.
    2. All other transposes are taken out, and the order of axes in which each movable operator stores its result is
       chosen so that the transposes to put back move the fewest bytes (`layout_problem`, `layout_solver`).
    3. Operators that change their order get their constants, axes, paddings and weights permuted (`layout_rules`).
    4. What stays is reported with the reason.

    Nothing changes when that would not save bytes or operators.
    """

    name = "layout"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            if _moves_unit_axes(context.at(node)):  # 1
                plain = reshape_node(graph, node.input(0), node.output, node.name)
                node.op, node.inputs, node.options = plain.op, plain.inputs, plain.options
                context.applied(node)
        problem = make_problem(graph)
        if not problem.transposes:
            return
        labels = solve(problem)  # 2
        if problem.cost(labels) < problem.present_cost():
            _Rebuild(graph, context, problem, labels).run()  # 3
            gone = len(problem.transposes) - len(make_problem(graph).transposes)
            for node in problem.transposes[: max(gone, 1)]:
                context.applied(node)
        _explain(graph, context)  # 4


def _moves_unit_axes(node: Node) -> bool:
    permutation = transpose_permutation(node)
    return permutation is not None and not moves_data(node.input(0).shape, permutation)


class _Rebuild:
    """Puts the transposes that labels need back into a graph."""

    def __init__(self, graph: Graph, context: Context, problem: Problem, labels: Labels) -> None:
        self.graph, self.context, self.problem = graph, context, problem
        self.rules = {id(rule.node): (rule, label) for rule, label in zip(problem.rules, labels, strict=True)}
        self.stored = {root.value: problem.stored(root, labels) for root in problem.roots}
        self.shapes = {root.value: root.shape for root in problem.roots}
        self.transposed_by = {node.output: node for node in problem.transposes}
        #: Values of the old graph that are transposes of a root, graph outputs first: they keep their name and origin.
        self.aliases: dict[Value, list[tuple[Permutation, Value]]] = {}
        for value, (root, p) in sorted(problem.sources.items(), key=lambda item: not is_output(graph, item[0])):
            self.aliases.setdefault(root, []).append((p, value))
        #: What holds a root by now: the order, and the value.
        self.versions: dict[Value, list[tuple[Permutation, Value]]] = {
            value: [(identity(len(value.shape)), value)] for value in graph.inputs
        }
        self.renames: list[tuple[Value, Value]] = []

    def run(self) -> None:
        absorbed = {id(node) for node in self.problem.transposes}
        for node in list(self.graph.nodes):
            if id(node) not in absorbed:
                self._rewrite(self.context.at(node))
        for value in self.graph.outputs:
            self._write_output(value)
        self.graph.remove(self.problem.transposes)
        present = set(self.graph.values())
        for new, old in self.renames:
            if old not in present:
                new.name = old.name

    def _rewrite(self, node: Node) -> None:
        rule, label = self.rules.get(id(node), (None, None))
        ports = rule.ports if rule is not None else ()
        demand = rule.demand(label) if rule is not None and label is not None and ports else None
        operands = list(node.inputs)
        for i, value in enumerate(operands):
            if value is not None and not value.is_constant and not value.is_variable and i not in ports:
                root, p = self.problem.sources[value]
                node.inputs[i] = self._fetch(root, p, node, any_shape=False)
        moved = rule is not None and label is not None and label != identity(rule.rank)
        if rule is not None and label is not None and moved:
            for extra in rule.apply(self.graph, label):
                self.graph.insert_before(node, extra)
        for i in ports:
            root, p = self.problem.sources[_present(operands[i])]
            wanted = compose(p, demand) if demand is not None else p
            node.inputs[i] = self._fetch(root, wanted, node, any_shape=rule is not None and rule.any_shape)
        if rule is not None and label is not None and moved and rule.moves_output:
            self._store(node, label)
        else:
            for value in node.outputs:
                self.versions[value] = [(identity(len(value.shape)), value)]

    def _store(self, node: Node, label: Permutation) -> None:
        """Let a node write its results in another order."""
        for i, root in enumerate(node.outputs):
            stored = self._alias(root, label)
            if stored is None:
                name = self.graph.unique_name(f"{root.name}_stored")
                origin = moved_origin(root.origin, label)
                stored = Value(name, permuted(root.shape, label), root.dtype, root.quantization, origin=origin)
                self.renames.append((stored, root))
            node.outputs[i] = stored
            self.versions[root] = [(label, stored)]

    def _fetch(self, root: Value, wanted: Permutation, reader: Node, *, any_shape: bool) -> Value:
        """The value that holds transpose(root, wanted), made before `reader` if there is none."""
        for p, value in self.versions[root]:
            if form(root.shape, p) == form(root.shape, wanted):
                return value
            if any_shape and essence(root.shape, p) == essence(root.shape, wanted):
                return value
        result = self._alias(root, wanted)
        if result is None:
            name = self.graph.unique_name(f"{root.name}_transposed")
            origin = moved_origin(root.origin, wanted)
            result = Value(name, permuted(root.shape, wanted), root.dtype, root.quantization, origin=origin)
        self.graph.insert_before(reader, self._make(root, wanted, result, reader.name))
        return result

    def _make(self, root: Value, wanted: Permutation, result: Value, name: str) -> Node:
        """The operator that makes `result` = transpose(root, wanted)."""
        if result in self.transposed_by:
            name = self.transposed_by[result].name
        versions = self.versions[root]
        versions.append((wanted, result))
        for p, value in versions[:-1]:
            if essence(root.shape, p) == essence(root.shape, wanted):
                return reshape_node(self.graph, value, result, name)
        stored, source = versions[0]
        return transpose_node(self.graph, source, result, compose(inverse(stored), wanted), name)

    def _alias(self, root: Value, wanted: Permutation) -> Value | None:
        """A value of the old graph that holds transpose(root, wanted) and that nothing writes yet."""
        written = {value for _, value in self.versions.get(root, [])}
        for p, value in self.aliases[root]:
            if value not in written and form(root.shape, p) == form(root.shape, wanted):
                return value
        return None

    def _write_output(self, value: Value) -> None:
        """Make sure that something writes a graph output."""
        root, p = self.problem.sources[value]
        if not any(value is version for _, version in self.versions[root]):
            self.graph.nodes.append(self._make(root, p, value, ""))


def _present(value: Value | None) -> Value:
    if value is None:
        raise ValueError("an operand that carries the layout is left out")
    return value


def _explain(graph: Graph, context: Context) -> None:
    """Say of each transpose that stays what holds it there."""
    producers, readers = graph.producers(), graph.consumers()
    for node in graph.nodes:
        permutation = transpose_permutation(node)
        if permutation is None:
            continue
        producer = producers.get(node.input(0))
        before = describe(producer) if producer is not None else f"input {node.input(0).name!r}"
        after = [describe(reader) for reader in readers[node.output]]
        if is_output(graph, node.output):
            after.append(f"output {node.output.name!r}")
        axes = ",".join(map(str, permutation))
        reason = f"{before} and {' and '.join(after)} differ by axes ({axes}): {node.output.size_bytes} bytes move"
        context.rejected(node, reason)

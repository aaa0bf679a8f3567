"""The layout problem: which order of axes every movable operator stores its result in.

Transposes of the graph are taken out and become part of the demands: a value read through them is transpose(root, p) of
a *root* that some other operator writes. Every root is stored in one order and each other order that its readers demand
costs one transpose. Operators with a rule (`layout_rules`) are the variables, their labels permutations; others demand
and give what they did before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..ir.graph import Graph, Node, Value
from ..ir.types import Shape
from .layout_rule import LayoutRule
from .layout_rules import find_rule
from .rewrite import Permutation, compose, essence, identity, permuted, same_representation
from .rewrite import transpose_permutation as permutation_of

#: Weight of a transpose beside its bytes, more than any place in a graph adds.
ONE_OPERATOR = 1 << 16

#: Labels of the variables, in the order of `Problem.rules`.
Labels = tuple[Permutation, ...]


@dataclass(frozen=True)
class Cost:
    """Bytes that transposes move, then what the operators that do it weigh; compared in this order."""

    moved_bytes: int
    weight: int

    def __lt__(self, other: Cost) -> bool:
        return (self.moved_bytes, self.weight) < (other.moved_bytes, other.weight)


@dataclass(frozen=True)
class Use:
    """A reader of transpose(root, permutation): variable number `variable`, or None for one that takes it as it is."""

    permutation: Permutation
    variable: int | None


@dataclass(frozen=True)
class Root:
    """A value that is stored in one order, and its readers. `producer` is the variable that writes it, if one does.

    `weight` is what a transpose of it weighs beside its bytes: ONE_OPERATOR, and less than that for its place.
    """

    value: Value
    producer: int | None
    weight: int
    uses: tuple[Use, ...]

    @property
    def shape(self) -> Shape:
        return self.value.shape

    def variables(self) -> Iterator[int]:
        if self.producer is not None:
            yield self.producer
        yield from (use.variable for use in self.uses if use.variable is not None)


@dataclass(frozen=True)
class Problem:
    """A graph without its transposes."""

    #: TRANSPOSE nodes that the solution replaces.
    transposes: tuple[Node, ...]
    #: Where each value comes from, itself included: root, and p with value = transpose(root, p).
    sources: dict[Value, tuple[Value, Permutation]]
    rules: tuple[LayoutRule, ...]
    roots: tuple[Root, ...]

    def identity_labels(self) -> Labels:
        """Every operator as it is."""
        return tuple(identity(rule.rank) for rule in self.rules)

    def stored(self, root: Root, labels: Sequence[Permutation]) -> Permutation:
        """The order in which a root is stored."""
        return identity(len(root.shape)) if root.producer is None else labels[root.producer]

    def demand(self, use: Use, labels: Sequence[Permutation]) -> Permutation:
        """The order in which a reader needs the root."""
        if use.variable is None:
            return use.permutation
        return compose(use.permutation, self.rules[use.variable].demand(labels[use.variable]))

    def cost(self, labels: Sequence[Permutation]) -> Cost:
        """What labels cost: one transpose for each order other than the stored one that a root is demanded in."""
        moved = sum(rule.cost(label) for rule, label in zip(self.rules, labels, strict=True))
        weight = 0
        for root in self.roots:
            stored = self.stored(root, labels)
            orders = {essence(root.shape, stored)}
            forms = {form(root.shape, stored)}
            for use in root.uses:
                demand = self.demand(use, labels)
                orders.add(essence(root.shape, demand))
                if not self.takes_any_shape(use):
                    forms.add(form(root.shape, demand))
            moved += (len(orders) - 1) * root.value.size_bytes
            weight += (max(len(orders), len(forms)) - 1) * root.weight
        return Cost(moved, weight)

    def present_cost(self) -> Cost:
        """What the transposes cost where they were; not less than `cost` of identity labels."""
        weights = {root.value: root.weight for root in self.roots}
        moved = sum(node.output.size_bytes for node in self.transposes)
        return Cost(moved, sum(weights[self.sources[node.input(0)][0]] for node in self.transposes))

    def takes_any_shape(self, use: Use) -> bool:
        return use.variable is not None and self.rules[use.variable].any_shape


def form(shape: Shape, p: Permutation) -> tuple[Permutation, Shape]:
    """What tells transposes of a value apart: order of the bytes, and shape."""
    return essence(shape, p), permuted(shape, p)


def make_problem(graph: Graph) -> Problem:
    """Take the transposes out of a graph, all of which must move data. The graph does not change."""
    sources: dict[Value, tuple[Value, Permutation]] = {}
    transposes: list[Node] = []
    for value in graph.values():
        sources[value] = (value, identity(len(value.shape)))
    for node in graph.nodes:
        permutation = permutation_of(node)
        if permutation is None or node.input(0).is_constant or not same_representation(node.input(0), node.output):
            continue
        root, before = sources[node.input(0)]
        sources[node.output] = (root, compose(before, permutation))
        transposes.append(node)

    producers, readers = graph.producers(), graph.consumers()
    absorbed = {id(node) for node in transposes}
    rules: list[LayoutRule] = []
    variable_of: dict[int, int] = {}
    for node in graph.nodes:
        rule = None if id(node) in absorbed else find_rule(graph, node, producers, readers)
        if rule is not None:
            variable_of[id(node)] = len(rules)
            rules.append(rule)

    uses: dict[Value, list[Use]] = {}
    for node in graph.nodes:
        if id(node) in absorbed:
            continue
        variable = variable_of.get(id(node))
        ports = rules[variable].ports if variable is not None else ()
        for i, operand in enumerate(node.inputs):
            if operand is not None and not operand.is_constant:
                root, permutation = sources[operand]
                uses.setdefault(root, []).append(Use(permutation, variable if i in ports else None))
    for value in graph.outputs:
        root, permutation = sources[value]
        uses.setdefault(root, []).append(Use(permutation, None))

    places = _places(graph)
    roots = []
    for value, its_uses in uses.items():
        producer = producers.get(value)
        variable = variable_of.get(id(producer)) if producer is not None else None
        if variable is not None and not rules[variable].moves_output:
            variable = None
        roots.append(Root(value, variable, ONE_OPERATOR + places.get(value, 0), tuple(its_uses)))
    return Problem(tuple(transposes), sources, tuple(rules), tuple(roots))


def _places(graph: Graph) -> dict[Value, int]:
    """How far from the end of the graph each computed value is written.

    Among equal solutions this prefers transposes of graph inputs, then late ones: a transpose right behind an operator
    with weights would keep affine operators and activations from folding into it. Reshapes do not count, so that what
    this pass adds and removes does not change the measure.
    """
    places: dict[Value, int] = {}
    place = 0
    for node in reversed(graph.nodes):
        places.update((value, place + 1) for value in node.outputs)
        place += node.op not in ("TRANSPOSE", "RESHAPE")
    return places

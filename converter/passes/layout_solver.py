"""Labels of least cost: proposals spread from what fixed operators demand, and minimum cuts choose among them.

A move fuses the present labels with a proposal: each variable keeps its label (0) or takes the proposal's (1). Where
the proposal's labels agree along every edge, as they do unless the graph joins a tensor with its own transpose, the
cost of a choice is the value of a cut, each root's transposes counted once for all readers. So the best of all 2^n
choices is found exactly (Boykov, Veksler and Zabih's expansion move, with Kohli's encoding of terms over many
variables). With two proposals the first move is already optimal; with more, moves repeat until none gains.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from .layout_problem import Cost, Labels, Problem, Root, form
from .min_cut import Network
from .rewrite import Permutation, compose, essence, identity, inverse

#: Price of a moved byte, so that weights only decide between equals.
_BYTE = 1 << 48

#: Starts that are tried besides the graph as it is: the cheapest proposals.
_STARTS = 3


def solve(problem: Problem) -> Labels:
    """The best labels found; never worse than leaving every operator as it is."""
    choices = proposals(problem)
    by_cost = sorted(choices[1:], key=lambda labels: _rank(problem.cost(labels)))
    best = choices[0]
    for start in [choices[0], *by_cost[:_STARTS]]:
        labels = _descend(problem, start, choices)
        if problem.cost(labels) < problem.cost(best):
            best = labels
    return best


def _rank(cost: Cost) -> tuple[int, int]:
    return cost.moved_bytes, cost.weight


def _descend(problem: Problem, labels: Labels, choices: Sequence[Labels]) -> Labels:
    cost = problem.cost(labels)
    improved = True
    while improved:
        improved = False
        for proposal in choices:
            fused = fuse(problem, labels, proposal)
            fused_cost = problem.cost(fused)
            if fused_cost < cost:
                labels, cost, improved = fused, fused_cost, True
    return labels


def proposals(problem: Problem) -> list[Labels]:
    """The present labels, and labellings that follow from orders that something fixed or constrained gives or demands.

    Parts of the graph that share no root do not depend on each other, so their proposals are put side by side.
    """
    of_variable: list[list[Root]] = [[] for _ in problem.rules]
    for root in problem.roots:
        for variable in set(root.variables()):
            of_variable[variable].append(root)
    present = problem.identity_labels()
    found: list[dict[int, Permutation]] = []
    for root in problem.roots:
        orders = {use.permutation for use in root.uses if use.variable is None}
        if root.producer is None:
            orders.add(identity(len(root.shape)))
        for order in sorted(orders):
            seed = _implied(problem, root, order)
            if not any(_covers(labels, seed) for labels in found):
                _put_aside(found, _spread(problem, of_variable, seed))
    for variable, rule in enumerate(problem.rules):
        if rule.constrained:
            labels = _spread(problem, of_variable, {variable: present[variable]})
            if not any(_covers(other, labels) for other in found):
                _put_aside(found, labels)
    return [present, *(tuple(labels.get(i, label) for i, label in enumerate(present)) for labels in found)]


def _covers(labels: dict[int, Permutation], seed: dict[int, Permutation]) -> bool:
    return all(labels.get(i) == label for i, label in seed.items())


def _put_aside(found: list[dict[int, Permutation]], labels: dict[int, Permutation]) -> None:
    """Add labels to the first labelling that says nothing about the same variables."""
    for other in found:
        if other.keys().isdisjoint(labels):
            other.update(labels)
            return
    found.append(labels)


def _implied(problem: Problem, root: Root, order: Permutation) -> dict[int, Permutation]:
    """The labels under which a root is stored and read in this order."""
    implied: dict[int, Permutation] = {}
    if root.producer is not None:
        implied[root.producer] = order
    for use in root.uses:
        if use.variable is not None and use.variable not in implied:
            label = problem.rules[use.variable].possible_label_for(compose(inverse(use.permutation), order))
            if label is not None:
                implied[use.variable] = label
    return implied


def _orders(problem: Problem, root: Root, variable: int, label: Permutation) -> Permutation:
    """The order of a root under the label of one of its variables."""
    if root.producer == variable:
        return label
    use = next(use for use in root.uses if use.variable == variable)
    return compose(use.permutation, problem.rules[variable].demand(label))


def _spread(problem: Problem, of_variable: list[list[Root]], seed: dict[int, Permutation]) -> dict[int, Permutation]:
    """Labels that follow from a few, along shared roots."""
    labels = dict(seed)
    queue = list(seed)
    while queue:
        variable = queue.pop(0)
        for root in of_variable[variable]:
            order = _orders(problem, root, variable, labels[variable])
            for other, label in _implied(problem, root, order).items():
                if other not in labels:
                    labels[other] = label
                    queue.append(other)
    return labels


def fuse(problem: Problem, labels: Labels, proposal: Labels) -> Labels:
    """The cheapest labels that take each variable from one of two labellings (approximate where a root disagrees)."""
    network = Network()
    for i, rule in enumerate(problem.rules):
        if labels[i] != proposal[i]:
            network.pay_if_one(i, rule.cost(proposal[i]) * _BYTE)
            network.pay_if_zero(i, rule.cost(labels[i]) * _BYTE)
    for root in problem.roots:
        _add_root(network, problem, root, labels, proposal, partial(essence, root.shape), root.value.size_bytes * _BYTE)
        _add_root(network, problem, root, labels, proposal, partial(form, root.shape), root.weight)
    ones = network.ones()
    return tuple(proposal[i] if i in ones else labels[i] for i in range(len(labels)))


def _add_root(
    network: Network,
    problem: Problem,
    root: Root,
    labels: Labels,
    proposal: Labels,
    key: Callable[[Permutation], Hashable],
    weight: int,
) -> None:
    """Add weight * (number of orders that readers demand and the producer does not store).

    Orders are told apart by `key`. One is demanded if any of its readers, each at its present or proposed label,
    demands it: a maximum or minimum over variables.
    """
    present, proposed = key(problem.stored(root, labels)), key(problem.stored(root, proposal))
    producer = root.producer if root.producer is not None and present != proposed else None
    always: set[Hashable] = set()
    while_zero: dict[Hashable, list[int]] = {}
    if_one: list[int] = []
    for use in root.uses:
        before, after = key(problem.demand(use, labels)), key(problem.demand(use, proposal))
        if use.variable is None or before == after:
            always.add(before)
            continue
        if after == proposed:
            if_one.append(use.variable)
            while_zero.setdefault(before, []).append(use.variable)
        else:  # no cut can say it: price the reader as if the producer stayed and no other reader shared its order
            network.pay_if_one(use.variable, weight if after != present else 0)
            network.pay_if_zero(use.variable, weight if before != present else 0)

    if producer is not None:  # the proposed order, demanded while the producer still stores the present one
        if proposed in always:
            network.pay_if_zero(producer, weight)
        elif if_one:
            network.pay_if_zero_and_any_one(producer, if_one, weight)
    if present in always and producer is not None:
        network.pay_if_one(producer, weight)
    for order, variables in while_zero.items():
        if order in always or order == proposed:
            continue
        if order != present:
            network.pay_if_any_zero(variables, weight)
        elif producer is not None:
            network.pay_if_one_and_any_zero(producer, variables, weight)

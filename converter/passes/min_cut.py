"""Minimum s-t cuts: the choice of zeros and ones that pays least, where ones only cost more for lonely zeros."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

_SOURCE, _SINK = "source", "sink"

#: More than all payments together.
_INFINITE = 1 << 120


class Network:
    """Payments over variables that are 0 (on the source's side) or 1 (on the sink's); `ones` minimizes their sum.

    An edge u -> v of capacity c is paid when u is 0 and v is 1. Terms over several variables go through a helper vertex
    that is their maximum or minimum.
    """

    def __init__(self) -> None:
        self._capacity: dict[Hashable, dict[Hashable, int]] = {_SOURCE: {}, _SINK: {}}
        self._helpers = 0

    def pay_if_one(self, variable: int, price: int) -> None:
        self._edge(_SOURCE, variable, price)

    def pay_if_zero(self, variable: int, price: int) -> None:
        self._edge(variable, _SINK, price)

    def pay_if_any_zero(self, variables: Sequence[int], price: int) -> None:
        self._edge(self._minimum(variables), _SINK, price)

    def pay_if_zero_and_any_one(self, zero: int, variables: Sequence[int], price: int) -> None:
        self._edge(zero, self._maximum(variables), price)

    def pay_if_one_and_any_zero(self, one: int, variables: Sequence[int], price: int) -> None:
        self._edge(self._minimum(variables), one, price)

    def ones(self) -> set[Hashable]:
        """The variables that are 1 in a cheapest choice, as few as there can be."""
        while (path := self._augmenting_levels()) is not None:
            self._push_all(path)
        return self._reaching_sink()

    def _edge(self, start: Hashable, end: Hashable, capacity: int) -> None:
        if start == end:
            return
        forward = self._capacity.setdefault(start, {})
        forward[end] = forward.get(end, 0) + capacity
        self._capacity.setdefault(end, {}).setdefault(start, 0)

    def _maximum(self, variables: Iterable[int]) -> Hashable:
        """A vertex that cannot be 0 when one of the variables is 1."""
        helper = self._helper()
        for variable in variables:
            self._edge(helper, variable, _INFINITE)
        return helper

    def _minimum(self, variables: Iterable[int]) -> Hashable:
        """A vertex that cannot be 1 when one of the variables is 0."""
        helper = self._helper()
        for variable in variables:
            self._edge(variable, helper, _INFINITE)
        return helper

    def _helper(self) -> Hashable:
        self._helpers += 1
        return ("helper", self._helpers)

    def _augmenting_levels(self) -> dict[Hashable, int] | None:
        """Distances from the source in the residual network, None when the sink is out of reach."""
        levels: dict[Hashable, int] = {_SOURCE: 0}
        queue: deque[Hashable] = deque([_SOURCE])
        while queue:
            vertex = queue.popleft()
            for neighbour, capacity in self._capacity[vertex].items():
                if capacity > 0 and neighbour not in levels:
                    levels[neighbour] = levels[vertex] + 1
                    queue.append(neighbour)
        return levels if _SINK in levels else None

    def _push_all(self, levels: dict[Hashable, int]) -> None:
        """Dinic's blocking flow: depth-first along rising levels, without recursion."""
        remaining = {vertex: list(edges) for vertex, edges in self._capacity.items()}
        path: list[Hashable] = [_SOURCE]
        while path:
            vertex = path[-1]
            if vertex == _SINK:
                self._push(path)
                path = [_SOURCE]
                continue
            while remaining[vertex]:
                neighbour = remaining[vertex][-1]
                if self._capacity[vertex][neighbour] > 0 and levels.get(neighbour, -1) == levels[vertex] + 1:
                    path.append(neighbour)
                    break
                remaining[vertex].pop()
            else:
                path.pop()
                if path:
                    remaining[path[-1]].pop()

    def _push(self, path: Sequence[Hashable]) -> None:
        edges = list(pairwise(path))
        amount = min(self._capacity[start][end] for start, end in edges)
        for start, end in edges:
            self._capacity[start][end] -= amount
            self._capacity[end][start] += amount

    def _reaching_sink(self) -> set[Hashable]:
        """Everything from which the residual network leads to the sink: these must be 1."""
        found: set[Hashable] = {_SINK}
        queue: deque[Hashable] = deque([_SINK])
        while queue:
            vertex = queue.popleft()
            for neighbour in self._capacity[vertex]:
                if neighbour not in found and self._capacity[neighbour][vertex] > 0:
                    found.add(neighbour)
                    queue.append(neighbour)
        return found

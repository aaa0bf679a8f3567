"""Orders of the operators: valid, never worse, and the best there is where that can be enumerated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import PLAIN, GraphMaker

from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph, Node
from converter.plan import find_blocks, lower_bound_bytes, orders, plan_memory
from converter.plan.order import any_order_bound_bytes


def two_branches() -> Graph:
    """Two branches that widen and narrow again, given level by level: both wide results are alive at once."""
    make = GraphMaker((1, 64))
    wide = [make.dense(make.x, 256) for _ in range(2)]
    narrow = [make.dense(value, 32) for value in wide]
    return make.graph(make.op("ADD", narrow, PLAIN))


def is_topological(graph: Graph, order: list[Node]) -> bool:
    ready = {id(value) for value in graph.values() if value.is_constant} | {id(value) for value in graph.inputs}
    for node in order:
        if any(value is not None and id(value) not in ready for value in node.inputs):
            return False
        ready |= {id(value) for value in node.outputs}
    return sorted(map(id, order)) == sorted(map(id, graph.nodes))


def every_order(graph: Graph) -> Iterator[list[Node]]:
    """All topological orders."""
    producer = {id(value): node for node in graph.nodes for value in node.outputs}

    def extend(done: list[Node]) -> Iterator[list[Node]]:
        if len(done) == len(graph.nodes):
            yield list(done)
        for node in graph.nodes:
            sources = (producer.get(id(value)) for value in node.inputs)
            if not any(node is other for other in done) and all(s is None or s in done for s in sources):
                yield from extend([*done, node])

    return extend([])


def bound_of(graph: Graph, order: list[Node]) -> int:
    return lower_bound_bytes(find_blocks(Graph(order, graph.inputs, graph.outputs)))


def test_one_branch_after_the_other_needs_less() -> None:
    graph = two_branches()
    plan = plan_memory(graph)
    # the input until the second branch has read it, one wide result, and a narrow one
    assert plan.arena_bytes == plan.lower_bound_bytes == 4 * (64 + 256 + 32)
    assert plan.search.given_order_bytes == 4 * (64 + 256 + 256)
    assert is_topological(graph, graph.nodes)


def test_order_that_cannot_be_bettered_stays() -> None:
    make = GraphMaker((1, 4, 4, 8))
    graph = make.graph(make.conv(make.conv(make.x, 16), 8))
    before = list(graph.nodes)
    assert plan_memory(graph).search.orders == 1
    assert graph.nodes == before


def test_outputs_do_not_depend_on_the_order() -> None:
    graph = two_branches()
    data = {"x": np.random.default_rng(0).normal(size=(1, 64)).astype(np.float32)}
    before = evaluate(CExecutor(), graph, data)
    plan_memory(graph)
    np.testing.assert_array_equal(before, evaluate(CExecutor(), graph, data))


@st.composite
def graphs(draw: st.DrawFn, most: int, aliases: bool) -> Graph:
    """Nodes with several readers and several ends."""
    make = GraphMaker((1, 8))
    values = [make.x]
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(["dense", "dense", "relu", "add", "reshape"][: 5 if aliases else 4]))
        source = draw(st.sampled_from(values))
        if kind == "dense":
            flat = source if len(source.shape) == 2 else make.reshape(source, 1, source.shape[-1])
            values.append(make.dense(flat, draw(st.sampled_from([4, 8, 30, 64]))))
        elif kind == "relu":
            values.append(make.op("RELU", [source]))
        elif kind == "reshape":
            values.append(make.reshape(source, 1, 1, source.shape[-1]))
        else:
            same = [value for value in values if value.shape == source.shape]
            values.append(make.op("ADD", [source, draw(st.sampled_from(same))], PLAIN))
    read = {id(value) for node in make.nodes for value in node.inputs}
    return make.graph(*[value for value in values[1:] if id(value) not in read])


@settings(max_examples=40, deadline=None)
@given(graphs(most=6, aliases=False))
def test_search_finds_the_best_order(graph: Graph) -> None:
    """Of all orders, on graphs small enough to try each."""
    least = min(bound_of(graph, order) for order in every_order(graph))
    tried = list(orders(graph))
    assert all(is_topological(graph, order) for order in tried)
    found = min(bound_of(graph, order) for order in tried)
    assert any_order_bound_bytes(graph) <= least <= found
    assert found - least < 16  # the search counts rounded sizes


@settings(max_examples=60, deadline=None)
@given(graphs(most=9, aliases=True))
def test_another_order_is_taken_only_where_it_helps(graph: Graph) -> None:
    before = list(graph.nodes)
    plan = plan_memory(graph)
    assert is_topological(graph, graph.nodes)
    if graph.nodes != before:
        assert plan.arena_bytes < plan.search.given_order_bytes
    assert plan.any_order_bound_bytes <= plan.lower_bound_bytes <= plan.arena_bytes

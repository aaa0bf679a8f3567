"""The layout pass on random graphs: the meaning stays, the cost never rises, and the solution is the best one."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from pass_checks import check_pass, copy_of
from random_graphs import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, graphs, transpose
from small_graphs import PLAIN, GraphMaker

from converter.ir.graph import Graph
from converter.passes.layout import Layout
from converter.passes.layout_problem import make_problem
from converter.passes.layout_solver import solve


def moved_bytes(graph: Graph) -> int:
    return sum(node.output.size_bytes for node in make_problem(graph).transposes)


relaxed = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@relaxed
@given(graphs())
def test_random_graphs_keep_their_meaning_and_move_no_more_bytes(graph: Graph) -> None:
    before = moved_bytes(graph)
    check_pass(Layout(), graph)
    after = moved_bytes(graph)
    assert after <= before
    assert check_pass(Layout(), graph).applied == 0, "a second run still finds something"


@settings(relaxed, max_examples=50)
@given(graphs())
def test_no_labels_are_cheaper_on_small_graphs(graph: Graph) -> None:
    problem = make_problem(graph)
    choices = [list(permutations(range(rule.rank))) for rule in problem.rules]
    if np.prod([len(labels) for labels in choices], dtype=float) > 20_000:
        return
    found = problem.cost(solve(problem)).moved_bytes
    assert found <= min(problem.cost(labels).moved_bytes for labels in product(*choices))


def test_every_block_of_a_long_chain_is_freed() -> None:
    make = GraphMaker((1, 4, 4, 2))
    x = make.x
    for _ in range(12):
        branch = transpose(make, make.conv(x, 2), TO_CHANNELS_FIRST)
        branch = make.op("RELU", [make.op("MUL", [branch, make.weights(1, 2, 1, 1)], PLAIN)])
        joined = make.op("ADD", [branch, transpose(make, x, TO_CHANNELS_FIRST)], PLAIN)
        x = transpose(make, joined, TO_CHANNELS_LAST)
    graph = make.graph(make.conv(x, 1))
    check_pass(Layout(), graph)
    assert not any(node.op == "TRANSPOSE" for node in graph.nodes)


def test_shared_weights_are_permuted_for_one_reader_only() -> None:
    make = GraphMaker((1, 2, 2, 2))
    weights, bias = make.weights(3, 8, name="shared"), make.weights(3, name="bias")
    outputs = []
    for x in (make.x, transpose(make, make.conv(make.x, 2), TO_CHANNELS_FIRST)):
        dense = make.op("FULLY_CONNECTED", [make.reshape(x, 1, 8), weights, bias], {"keep_num_dims": False, **PLAIN})
        outputs.append(dense)
    graph = make.graph(*outputs)
    check_pass(Layout(), graph)
    assert not any(node.op == "TRANSPOSE" for node in graph.nodes)


def test_an_output_that_two_transposes_make_is_written_twice() -> None:
    make = GraphMaker((1, 2, 3, 4))
    graph = make.graph(transpose(make, make.x, TO_CHANNELS_FIRST), transpose(make, make.x, TO_CHANNELS_FIRST))
    check_pass(Layout(), graph)
    assert sorted(node.op for node in graph.nodes) == ["RESHAPE", "TRANSPOSE"]


@pytest.mark.parametrize("batch", [1, 2])
def test_flatten_keeps_rows_apart(batch: int) -> None:
    """With a batch the rows stay; NHWC to NCHW does not mix them, so the weights take the permutation all the same."""
    make = GraphMaker((batch, 2, 3, 4))
    x = transpose(make, make.conv(make.x, 5), TO_CHANNELS_FIRST)
    graph = make.graph(make.dense(make.reshape(x, batch, 30), 2))
    check_pass(Layout(), graph)
    assert not any(node.op == "TRANSPOSE" for node in graph.nodes)


def test_graph_without_transposes_is_left_alone() -> None:
    make = GraphMaker((1, 4, 4, 2))
    graph = make.graph(make.op("RELU", [make.conv(make.x, 2)]))
    nodes = copy_of(graph).nodes
    record = check_pass(Layout(), graph)
    assert record.matched == 0 and len(graph.nodes) == len(nodes)

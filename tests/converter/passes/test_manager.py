"""Passes are verified, their failures name pass and operator, and their records add up."""

from __future__ import annotations

import numpy as np
import pytest
from small_graphs import PLAIN, GraphMaker

from converter.errors import IRError
from converter.ir.graph import Graph
from converter.passes import Pass, optimize
from converter.passes.eliminate_dead import EliminateDead
from converter.passes.eliminate_identity import EliminateIdentity
from converter.passes.fold_constants import FoldConstants
from converter.passes.manager import Context, Fixpoint, run_pass, run_steps


def chain(make: GraphMaker) -> Graph:
    y = make.op("RELU", [make.op("RELU", [make.x])])
    return make.graph(make.op("LOGISTIC", [y]))


class Breaks(Pass):
    """Leaves an operator that reads what nothing writes."""

    name = "breaks"

    def run(self, graph: Graph, context: Context) -> None:
        graph.remove(graph.nodes[:1])


class Fails(Pass):
    """Fails at the second operator."""

    name = "fails"

    def run(self, graph: Graph, context: Context) -> None:
        context.at(graph.nodes[1])
        raise RuntimeError("no luck")


class NeverEnds(Pass):
    """Says that it changed something, always."""

    name = "never_ends"

    def run(self, graph: Graph, context: Context) -> None:
        context.applied(graph.nodes[0])


def test_a_pass_that_breaks_the_graph_is_named() -> None:
    with pytest.raises(IRError, match=r"passes\.breaks.*reads 't0' before anything writes it"):
        run_pass(Breaks(), chain(GraphMaker((1, 2))), None)


def test_a_pass_that_fails_names_the_operator() -> None:
    with pytest.raises(IRError, match=r"passes\.fails: RELU 'relu_1'.*no luck"):
        run_pass(Fails(), chain(GraphMaker((1, 2))), None)


def test_passes_that_do_not_end_are_named() -> None:
    with pytest.raises(IRError, match="never_ends still change"):
        run_steps([Fixpoint((NeverEnds(),), rounds=3)], chain(GraphMaker((1, 2))), None)


def test_an_invalid_graph_is_refused_before_the_first_pass() -> None:
    graph = chain(GraphMaker((1, 2)))
    graph.nodes[0].output.shape = (7,)
    with pytest.raises(IRError, match="verify"):
        run_steps([EliminateDead()], graph, None)


def test_a_record_says_what_was_pruned() -> None:
    make = GraphMaker((1, 2))
    make.op("ADD", [make.x, make.constant(np.ones(4, np.float32).reshape(2, 2))], PLAIN)
    graph = chain(make)
    records = run_steps([Fixpoint((EliminateIdentity(), EliminateDead()))], graph, None)
    assert [(record.name, record.pruned) for record in records] == [
        ("eliminate_identity", (("RELU", 1),)),
        ("eliminate_dead", (("ADD", 1),)),
    ]
    assert records[0].operators_before == 4 and records[-1].operators_after == 2
    assert (records[-1].constant_bytes_before, records[-1].constant_bytes_after) == (16, 0)
    assert all(record.matched == record.applied + record.rejected for record in records)


def test_refusals_are_told_once_and_without_executor_constants_stay() -> None:
    make = GraphMaker((1, 2))
    k = make.op("LOGISTIC", [make.constant(np.zeros(2, np.float32))])
    graph = make.graph(make.op("ADD", [make.x, k], PLAIN))
    records = [record for record in optimize(graph, None) if record.rejections]
    assert {record.name for record in records} == {FoldConstants.name}
    assert {rejection.reason for record in records for rejection in record.rejections} == {
        "there is no executor to compute it"
    }
    assert [node.op for node in graph.nodes] == ["LOGISTIC", "ADD"]


def test_large_results_are_not_folded() -> None:
    make = GraphMaker((64, 512))
    column = make.constant(np.ones((64, 1), np.float32), "column")
    wide = make.op("ADD", [column, make.constant(np.ones((1, 512), np.float32), "row")], PLAIN)
    graph = make.graph(make.op("ADD", [make.x, wide], PLAIN))
    record = run_pass(FoldConstants(), graph, None)
    assert record.applied == 0 and "131072 bytes" in record.rejections[0].reason


def test_after_pass_sees_the_graph_after_each_pass() -> None:
    seen: list[tuple[str, int]] = []
    optimize(chain(GraphMaker((1, 2))), None, after_pass=lambda name, graph: seen.append((name, len(graph.nodes))))
    assert seen[0] == ("eliminate_dead", 3) and ("eliminate_identity", 2) in seen

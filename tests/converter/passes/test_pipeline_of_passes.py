"""All passes together, on random graphs: they end, keep the meaning after each, and leave nothing for a second run."""

from __future__ import annotations

from hypothesis import given, settings
from pass_checks import assert_close, origins, random_inputs, run_all
from random_graphs import graphs

from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.passes import optimize


@settings(max_examples=40, deadline=None, derandomize=True)
@given(graphs())
def test_random_graphs_keep_their_meaning_after_each_pass(graph: Graph) -> None:
    inputs = random_inputs(graph)
    wanted = run_all(graph, inputs)
    sources = origins(graph, wanted)
    outputs = [value.name for value in graph.outputs]

    def compare(pass_name: str, changed: Graph) -> None:
        found = run_all(changed, inputs)
        for name in outputs:
            assert_close(found[name], wanted[name], f"{name} after {pass_name}")
        for source, array in origins(changed, found).items():
            assert_close(array, sources[source], f"{source} after {pass_name}")

    optimize(graph, CExecutor(), after_pass=compare)
    assert not any(record.applied for record in optimize(graph, CExecutor()))

"""Which values share bytes: aliases always, in-place results only when nothing is lost."""

from __future__ import annotations

from small_graphs import PLAIN, GraphMaker, small_cnn

from converter.ir.graph import Graph, Value
from converter.plan import find_blocks, lower_bound_bytes, plan_memory


def shares(graph: Graph, a: Value, b: Value) -> bool:
    return any(a in block.values and b in block.values for block in find_blocks(graph))


def test_reshape_is_the_same_bytes_even_when_its_input_is_read_later() -> None:
    make = GraphMaker((1, 8))
    hidden = make.op("RELU", [make.x])
    flat = make.reshape(hidden, 8)
    joined = make.op("ADD", [make.reshape(flat, 1, 8), hidden], PLAIN)
    assert shares(make.graph(joined), hidden, flat)


def test_graph_output_does_not_show_the_bytes_of_a_graph_input() -> None:
    make = GraphMaker((1, 8))
    flat = make.reshape(make.x, 8)
    assert not shares(make.graph(flat), make.x, flat)


def test_last_reader_writes_in_place() -> None:
    make = GraphMaker((1, 8))
    hidden = make.dense(make.x, 8)
    result = make.op("RELU", [hidden])
    assert shares(make.graph(result), hidden, result)


def test_value_that_is_read_later_is_not_overwritten() -> None:
    make = GraphMaker((1, 8))
    hidden = make.dense(make.x, 8)
    first = make.op("RELU", [hidden])
    second = make.op("ADD", [first, hidden], PLAIN)
    graph = make.graph(second)
    assert not shares(graph, hidden, first)
    assert shares(graph, first, second)


def test_value_whose_alias_is_read_later_is_not_overwritten() -> None:
    make = GraphMaker((1, 8))
    hidden = make.dense(make.x, 8)
    flat = make.reshape(hidden, 8)
    first = make.op("RELU", [hidden])
    joined = make.op("ADD", [make.reshape(flat, 1, 8), first], PLAIN)
    assert not shares(make.graph(joined), hidden, first)


def test_graph_output_is_not_overwritten() -> None:
    make = GraphMaker((1, 8))
    hidden = make.dense(make.x, 8)
    assert not shares(make.graph(hidden, result := make.op("RELU", [hidden])), hidden, result)


def test_smaller_result_takes_no_operand_of_another_size() -> None:
    """A broadcast ADD may take the operand of its own size only."""
    make = GraphMaker((1, 4, 4, 8), (8,))
    row = make.op("RELU", [make.inputs[1]])
    image = make.op("RELU", [make.x])
    joined = make.op("ADD", [row, image], PLAIN)
    graph = make.graph(joined)
    assert shares(graph, image, joined)
    assert not shares(graph, row, joined)


def test_plan_covers_every_value_but_constants() -> None:
    graph = small_cnn()
    plan = plan_memory(graph)
    assert set(plan.offsets) == {value.name for value in graph.values() if not value.is_constant}
    assert plan.lower_bound_bytes == lower_bound_bytes(find_blocks(graph)) <= plan.arena_bytes


def test_bound_counts_what_one_operator_needs() -> None:
    make = GraphMaker((1, 100))
    graph = make.graph(make.dense(make.dense(make.x, 50), 7))
    assert plan_memory(graph).lower_bound_bytes == 100 * 4 + 50 * 4

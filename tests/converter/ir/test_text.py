"""The text form: what it looks like, and that it loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import GraphMaker

from converter.ir.compare import differences, equal
from converter.ir.graph import Graph, Node, Value
from converter.ir.text import from_text, to_text
from converter.ir.types import DType, Origin, Quantization

GOLDEN = """graph "main"
input "x": int8[1,2] q(0.5, 3) as "audio"
constant "w": int8[2,2] q(0, [0.25, 0.5], [0, 0]) = [1, -2, 3, -4]
"y": int8[1,2] q(1.0, 0) from "dense/Relu"(1,0) = FULLY_CONNECTED("x", "w", -) \
{fused_activation_function: RELU, keep_num_dims: false} at "dense"
output "y" as "label"
"""


def golden_graph() -> Graph:
    x = Value("x", (1, 2), DType.INT8, Quantization.per_tensor(0.5, 3))
    data = np.array([[1, -2], [3, -4]], np.int8)
    w = Value("w", (2, 2), DType.INT8, Quantization((0.25, 0.5), (0, 0), 0), data)
    y = Value("y", (1, 2), DType.INT8, Quantization.per_tensor(1.0, 0), origin=Origin("dense/Relu", (1, 0)))
    options = {"fused_activation_function": "RELU", "keep_num_dims": False}
    node = Node("FULLY_CONNECTED", [x, w, None], [y], dict(options), "dense")
    return Graph([node], [x], [y], input_names=["audio"], output_names=["label"])


def test_one_line_a_node() -> None:
    assert to_text(golden_graph()) == GOLDEN


def test_text_reads_back() -> None:
    assert not list(differences(golden_graph(), from_text(GOLDEN)))


def test_large_constants_and_metadata_read_back() -> None:
    make = GraphMaker((1, 8, 8, 3))
    graph = make.graph(make.reshape(make.conv(make.x, 7), 1, -1))
    graph.metadata["note"] = bytes(range(256))
    text = to_text(graph)
    assert equal(graph, from_text(text)) and to_text(from_text(text)) == text
    assert len(to_text(graph, data=False).splitlines()) == len(text.splitlines()) - 1


def test_text_without_data_is_refused() -> None:
    make = GraphMaker((1, 8, 8, 3))
    with pytest.raises(ValueError, match="no data for the constants"):
        from_text(to_text(make.graph(make.conv(make.x, 7)), data=False))


@settings(max_examples=100, deadline=None)
@given(
    name=st.text(min_size=1, max_size=20),
    numbers=st.lists(st.floats(width=32), min_size=1, max_size=40),
)
def test_any_name_and_any_float_survive(name: str, numbers: list[float]) -> None:
    data = np.array(numbers, np.float32)
    constant = Value(name, data.shape, data=data)
    output = Value(name + "'", data.shape)
    graph = Graph([Node("ADD", [constant, constant], [output], {}, name)], [], [output])
    text = to_text(graph)
    assert to_text(from_text(text)) == text
    read = from_text(text).nodes[0].input(0).data
    assert read is not None
    np.testing.assert_array_equal(read, data)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"x", "w"', '"x", "v"', "line 4: 'v' is not declared"),
        ("int8[1,2] q(0.5, 3)", "int8[1,2", "line 2: expected"),
        ("[1, -2, 3, -4]", "[1, two]", "line 3: expected a number"),
        ('output "y"', 'output "y" extra', "line 5: expected the end"),
        ("graph", "graph %", "line 1: cannot read"),
        ('constant "w"', 'constant "x"', "declared twice"),
    ],
)
def test_errors_name_the_line(old: str, new: str, message: str) -> None:
    assert old in GOLDEN
    with pytest.raises(ValueError, match=message):
        from_text(GOLDEN.replace(old, new, 1))


def test_differences_tell_what_changed() -> None:
    graph, other = golden_graph(), golden_graph()
    other.nodes[0].options["keep_num_dims"] = True
    data = other.nodes[0].input(1).data
    assert data is not None
    data[0, 0] = 9
    told = list(differences(graph, other))
    assert len(told) == 2 and told[0].startswith("node 0") and "'w'" in told[1]

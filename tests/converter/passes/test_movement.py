"""What the passes do with operators that move data: constants fold, those that keep everything go, transposes pass."""

from __future__ import annotations

import numpy as np
from pass_checks import check_pass
from random_graphs import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, transpose
from small_graphs import PLAIN, GraphMaker

from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Value
from converter.passes.eliminate_identity import EliminateIdentity
from converter.passes.layout import Layout
from converter.passes.pipelines import optimize


def ints(make: GraphMaker, name: str, values: object) -> Value:
    return make.constant(np.array(values, np.int32), name)


def test_parts_of_constants_are_folded() -> None:
    make = GraphMaker((1, 2))
    table = make.constant(np.arange(12, dtype=np.float32).reshape(3, 4), "table")
    a, b = make.ops("SPLIT", [ints(make, "axis", 1), table], 2, {"num_splits": 2})
    row = make.op("GATHER", [a, ints(make, "row", [2])], {"axis": 0})
    last = make.op(
        "STRIDED_SLICE",
        [b, ints(make, "begin", [-1, 0]), ints(make, "end", [0, 2]), ints(make, "strides", [1, 1])],
        {"shrink_axis_mask": 1},
    )
    graph = make.graph(make.op("ADD", [make.op("MUL", [make.x, row], PLAIN), last], PLAIN))
    optimize(graph, CExecutor())
    assert {node.op for node in graph.nodes} <= {"ADD", "MUL"}
    (found,) = evaluate(CExecutor(), graph, {"x": np.array([[1, 2]], np.float32)})
    assert found.tolist() == [[8 + 10, 18 + 11]]


def test_slices_of_everything_go() -> None:
    make = GraphMaker((2, 3))
    whole = make.op("SLICE", [make.x, ints(make, "begin", [0, 0]), ints(make, "size", [-1, 3])])
    strided = make.op(
        "STRIDED_SLICE", [whole, ints(make, "b", [0, 0]), ints(make, "e", [2, 3]), ints(make, "s", [1, 1])]
    )
    graph = make.graph(make.op("RELU", [strided]))
    check_pass(EliminateIdentity(), graph)
    assert [node.op for node in graph.nodes] == ["RELU"]


def test_a_slice_backwards_stays() -> None:
    make = GraphMaker((2, 3))
    turned = make.op(
        "STRIDED_SLICE",
        [make.x, ints(make, "b", [0, 2]), ints(make, "e", [2, 0]), ints(make, "s", [1, -1])],
        {"end_mask": 2},
    )
    graph = make.graph(make.op("RELU", [turned]))
    check_pass(EliminateIdentity(), graph)
    assert [node.op for node in graph.nodes] == ["STRIDED_SLICE", "RELU"]


def test_a_split_of_channels_keeps_the_layout() -> None:
    """Two convolutions on the halves of an image in channels-first: no transpose is left."""
    make = GraphMaker((1, 4, 4, 3))
    image = transpose(make, make.conv(make.x, 8), TO_CHANNELS_FIRST)
    halves = make.ops("SPLIT", [ints(make, "axis", 1), image], 2, {"num_splits": 2})
    ends = [make.conv(transpose(make, half, TO_CHANNELS_LAST), 2) for half in halves]
    graph = make.graph(*ends)
    check_pass(Layout(), graph)
    assert [node.op for node in graph.nodes] == ["CONV_2D", "SPLIT", "CONV_2D", "CONV_2D"]


def test_slices_and_mirrors_keep_the_layout() -> None:
    make = GraphMaker((1, 4, 4, 3))
    image = transpose(make, make.conv(make.x, 8), TO_CHANNELS_FIRST)
    part = make.op("SLICE", [image, ints(make, "begin", [0, 2, 0, 1]), ints(make, "size", [1, 5, 4, 3])])
    turned = make.op(
        "STRIDED_SLICE",
        [part, ints(make, "b", [0, 4, 0, 0]), ints(make, "e", [1, 0, 4, 3]), ints(make, "s", [1, -2, 1, 1])],
        {"end_mask": 2},
    )
    picked = make.op("GATHER", [turned, ints(make, "places", [2, 0])], {"axis": 1})
    padded = make.op("MIRROR_PAD", [picked, ints(make, "pads", [[0, 0], [0, 0], [1, 2], [0, 1]])], {"mode": "REFLECT"})
    graph = make.graph(make.conv(transpose(make, padded, TO_CHANNELS_LAST), 2))
    check_pass(Layout(), graph)
    assert not any(node.op == "TRANSPOSE" for node in graph.nodes)

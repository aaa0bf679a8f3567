"""Each invariant of the IR: a graph that breaks it is refused, and told why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from small_graphs import GraphMaker

from converter.errors import IRError
from converter.ir.graph import Graph, Node, Value
from converter.ir.types import DType, Quantization
from converter.ir.verify import verify


def float_graph() -> Graph:
    """conv -> softmax; values x, c.., t0, t1."""
    make = GraphMaker((1, 4, 4, 3))
    return make.graph(make.op("SOFTMAX", [make.conv(make.x, 5)]))


def int8_graph() -> Graph:
    """A convolution and a softmax of int8, as a quantizer writes them."""
    x = Value("x", (1, 2, 2, 2), DType.INT8, Quantization.per_tensor(0.5, 3))
    scales = (0.25, 0.5, 0.125)
    w = Value("w", (3, 1, 1, 2), DType.INT8, Quantization(scales, (0, 0, 0), 0), np.ones((3, 1, 1, 2), np.int8))
    b = Value("b", (3,), DType.INT32, Quantization(tuple(0.5 * s for s in scales), (0, 0, 0)), np.ones(3, np.int32))
    y = Value("y", (1, 2, 2, 3), DType.INT8, Quantization.per_tensor(1.0, 0))
    z = Value("z", (1, 2, 2, 3), DType.INT8, Quantization.per_tensor(1 / 256, -128))
    conv = Node("CONV_2D", [x, w, b], [y], {"stride_h": 1, "stride_w": 1}, "conv")
    return Graph([conv, Node("SOFTMAX", [y], [z], {}, "softmax")], [x], [z], input_names=["in"], output_names=["out"])


def test_sound_graphs_pass() -> None:
    verify(float_graph())
    verify(int8_graph())


def refuse(graph: Graph, message: str) -> None:
    with pytest.raises(IRError, match=message):
        verify(graph)


def swap_order(graph: Graph) -> None:
    graph.nodes.reverse()


def two_writers(graph: Graph) -> None:
    graph.nodes[1].outputs = [graph.nodes[0].output]


def same_name(graph: Graph) -> None:
    graph.nodes[1].output.name = graph.nodes[0].output.name


def stale_shape(graph: Graph) -> None:
    graph.nodes[1].output.shape = (1, 4, 4, 6)


def unknown_operator(graph: Graph) -> None:
    graph.nodes[1].op = "SOFTMAXX"


def unknown_option(graph: Graph) -> None:
    graph.nodes[1].options["gamma"] = 1


def option_of_wrong_kind(graph: Graph) -> None:
    graph.nodes[0].options["padding"] = "FULL"


def infinite_option(graph: Graph) -> None:
    graph.nodes[1].options["beta"] = float("inf")


def missing_operand(graph: Graph) -> None:
    graph.nodes[0].inputs = graph.nodes[0].inputs[:1]


def left_out_operand(graph: Graph) -> None:
    graph.nodes[0].inputs[1] = None


def computed_weights(graph: Graph) -> None:
    graph.nodes[0].input(1).data = None


def too_many_operands(graph: Graph) -> None:
    graph.nodes[1].inputs.append(graph.inputs[0])


def mixed_types(graph: Graph) -> None:
    weights = graph.nodes[0].input(1)
    assert weights.data is not None
    weights.dtype, weights.data = DType.UINT8, weights.data.astype(np.uint8)


def data_of_other_shape(graph: Graph) -> None:
    weights = graph.nodes[0].input(1)
    assert weights.data is not None
    weights.data = weights.data[:1]


def data_of_other_type(graph: Graph) -> None:
    weights = graph.nodes[0].input(1)
    assert weights.data is not None
    weights.data = weights.data.astype(np.float64)


def quantized_float(graph: Graph) -> None:
    graph.nodes[0].output.quantization = Quantization.per_tensor(1.0, 0)


def constant_input(graph: Graph) -> None:
    graph.inputs[0].data = np.zeros(graph.inputs[0].shape, np.float32)


def unwritten_output(graph: Graph) -> None:
    graph.outputs.append(Value("nobody", (1,)))


def names_of_other_length(graph: Graph) -> None:
    graph.output_names = ["a", "b"]


def numpy_dimensions(graph: Graph) -> None:
    graph.inputs[0].shape = tuple(np.array(graph.inputs[0].shape))


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (swap_order, "before anything writes it"),
        (two_writers, "written already"),
        (same_name, "taken by another value"),
        (stale_shape, r"has shape \[1, 4, 4, 6\], the operands give \[1, 4, 4, 5\]"),
        (unknown_operator, "SOFTMAXX is not in schema"),
        (unknown_option, "no option gamma"),
        (option_of_wrong_kind, "padding is 'FULL', it must be one of SAME, VALID"),
        (infinite_option, "beta is inf"),
        (missing_operand, "has 1 inputs, 2 to 3 are allowed"),
        (left_out_operand, "input filter is left out"),
        (computed_weights, "must be a constant"),
        (too_many_operands, "has 2 inputs"),
        (mixed_types, "does not take element types float32 uint8"),
        (data_of_other_shape, "data has shape"),
        (data_of_other_type, "data is float64"),
        (quantized_float, "float32 carries no quantization"),
        (constant_input, "neither constant nor variable"),
        (unwritten_output, "nothing writes it"),
        (names_of_other_length, "2 names for 1 values"),
        (numpy_dimensions, "Python integers"),
    ],
)
def test_broken_invariants_are_told(breaks: Callable[[Graph], None], message: str) -> None:
    graph = float_graph()
    breaks(graph)
    refuse(graph, message)


@pytest.mark.parametrize(
    ("name", "quantization", "message"),
    [
        ("x", None, "'x' .int8. needs a single scale"),
        ("x", Quantization((0.5, 0.5), (3, 3), 3), "needs a single scale"),
        ("x", Quantization.per_tensor(0.5, 200), "zero points .* must lie in -128..127"),
        ("x", Quantization((0.0,), (0,)), "finite and positive"),
        ("x", Quantization.per_tensor(0.25, 3), "not input scale times weight scale"),
        ("w", None, "weights 'w' need scales"),
        ("w", Quantization((0.25, 0.5, 0.125), (0, 1, 0), 0), "must be 0"),
        ("w", Quantization((0.25, 0.5), (0, 0), 0), "2 scales fit dimension 0"),
        ("w", Quantization((0.25, 0.5), (0, 0), 3), "belong to dimension 3, not 0"),
        ("b", Quantization((1.0, 1.0), (0, 0), 0), "2 scales fit dimension 0"),
        ("z", Quantization.per_tensor(1 / 128, -128), "scale 1/256, zero point -128"),
    ],
)
def test_broken_quantization_is_told(name: str, quantization: Quantization | None, message: str) -> None:
    graph = int8_graph()
    next(value for value in graph.values() if value.name == name).quantization = quantization
    refuse(graph, message)


def test_same_kind_needs_equal_quantization() -> None:
    x = Value("x", (1, 4, 4, 1), DType.INT8, Quantization.per_tensor(0.5, 3))
    y = Value("y", (1, 2, 2, 1), DType.INT8, Quantization.per_tensor(0.5, 4))
    options = {"stride_h": 2, "stride_w": 2, "filter_height": 2, "filter_width": 2}
    refuse(Graph([Node("MAX_POOL_2D", [x], [y], dict(options))], [x], [y]), "share scale and zero point")


def test_integers_that_mean_themselves_may_move() -> None:
    x, y = Value("x", (2, 3), DType.INT8), Value("y", (3, 2), DType.INT8)
    shape = Value("s", (2,), DType.INT32, data=np.array([3, 2], np.int32))
    verify(Graph([Node("RESHAPE", [x, shape], [y])], [x], [y]))


def test_every_problem_is_told_at_once() -> None:
    graph = float_graph()
    stale_shape(graph)
    unknown_option(graph)
    option_of_wrong_kind(graph)
    with pytest.raises(IRError) as caught:
        verify(graph)
    assert len(caught.value.blockers) == 2  # a node's options come before its shapes

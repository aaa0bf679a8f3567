"""Which operators compute in int8, and which tensors share a scale."""

from __future__ import annotations

import numpy as np
from small_graphs import PLAIN, POOL, GraphMaker, small_cnn

from converter.ir.graph import Graph, Node, Value
from converter.ir.ranges import Range, Ranges
from converter.ir.types import DType, Quantization
from converter.ir.verify import verify
from converter.quantize.apply import apply
from converter.quantize.borders import set_border_types
from converter.quantize.scheme import Scheme, decide


def ranges_of(graph: Graph, **given: tuple[float, float]) -> Ranges:
    """[-1, 1] for every tensor that is not named."""
    found = {value.name: Range(-1.0, 1.0) for value in graph.values() if not value.is_constant}
    return Ranges({**found, **{name: Range(*ends) for name, ends in given.items()}}, 1)


def scheme_of(graph: Graph, **given: tuple[float, float]) -> Scheme:
    scheme = decide(graph, ranges_of(graph, **given))
    verify(apply(graph, scheme).graph)
    return scheme


def concat(make: GraphMaker, *values: Value) -> Value:
    return make.op("CONCATENATION", values, {"axis": 1, **PLAIN})


def test_pooling_and_reshape_share_a_scale_that_covers_both_ranges() -> None:
    make = GraphMaker((1, 4, 4, 2))
    pooled = make.op("MAX_POOL_2D", [make.x], POOL)
    flat = make.reshape(pooled, 1, 8)
    scheme = scheme_of(make.graph(make.dense(flat, 3)), x=(-1, 3), t0=(0, 2), t1=(0, 2))
    assert len({scheme.quantizations[value] for value in (make.x, pooled, flat)}) == 1
    assert scheme.quantizations[make.x].scale == float(np.float32(4 / 255))


def test_operands_of_a_concatenation_share_a_scale() -> None:
    make = GraphMaker((1, 4))
    a, b = make.dense(make.x, 4), make.dense(make.x, 4)
    scheme = scheme_of(make.graph(joined := concat(make, a, b)), t0=(-2, 0), t1=(0, 5))
    assert scheme.quantizations[a] == scheme.quantizations[b] == scheme.quantizations[joined]
    assert scheme.quantizations[a].scale == float(np.float32(7 / 255))


def test_softmax_has_the_prescribed_scale_and_passes_it_on() -> None:
    make = GraphMaker((1, 4))
    soft = make.op("SOFTMAX", [make.dense(make.x, 4)], {"beta": 1.0})
    flat = make.reshape(soft, 4)
    scheme = scheme_of(make.graph(flat))
    assert scheme.quantizations[soft] == scheme.quantizations[flat] == Quantization((1 / 256,), (-128,))


def test_prescribed_scale_beside_a_wide_operand_is_requantized_for_the_concatenation() -> None:
    make = GraphMaker((1, 4))
    wide = make.dense(make.x, 4)
    joined = concat(make, wide, soft := make.op("LOGISTIC", [wide]))
    graph = make.graph(joined)
    scheme = scheme_of(graph, t0=(-50, 50))
    assert scheme.quantizations[soft] == Quantization((1 / 256,), (-128,))
    assert scheme.quantizations[joined] == scheme.quantizations[wide]
    requantized = [
        node for node in apply(graph, scheme).graph.nodes if node.op == "QUANTIZE" and node.input(0).name == soft.name
    ]
    assert len(requantized) == 1


def test_concatenation_of_equal_prescribed_scales_keeps_them() -> None:
    make = GraphMaker((1, 4))
    a, b = make.op("LOGISTIC", [make.x]), make.op("LOGISTIC", [make.dense(make.x, 4)])
    scheme = scheme_of(make.graph(joined := concat(make, a, b)))
    assert scheme.quantizations[joined] == Quantization((1 / 256,), (-128,))


def test_constant_of_a_concatenation_widens_its_range() -> None:
    make = GraphMaker((1, 4))
    token = make.constant(np.full((1, 4), 9.0, np.float32))
    scheme = scheme_of(make.graph(joined := concat(make, make.dense(make.x, 4), token)))
    assert scheme.quantizations[joined].scale == float(np.float32(10 / 255))


def test_layer_with_too_many_taps_stays_float_and_says_so() -> None:
    make = GraphMaker((1, 70_000))
    graph = make.graph(make.op("RELU", [make.dense(make.x, 1)]))
    scheme = scheme_of(graph)
    assert [kept.node.op for kept in scheme.kept_float] == ["FULLY_CONNECTED"]
    assert "70000" in scheme.kept_float[0].reason
    ops = [node.op for node in apply(graph, scheme).graph.nodes]
    assert ops == ["FULLY_CONNECTED", "QUANTIZE", "RELU", "DEQUANTIZE"]


def test_copies_between_float_operators_stay_float() -> None:
    make = GraphMaker((1, 70_000))
    flat = make.reshape(make.dense(make.x, 4), 4, 1)
    joined = make.reshape(flat, 1, 4)
    scheme = scheme_of(make.graph(joined))
    assert not scheme.int8_nodes


def test_integer_operands_are_left_alone() -> None:
    """A RESHAPE of int32 indices has no float operand: it is copied, and not counted as left in float."""
    indices, shape = Value("ids", (1, 4), DType.INT32), Value("shape", (1,), DType.INT32, data=np.array([4], np.int32))
    output = Value("flat", (4,), DType.INT32)
    graph = Graph([Node("RESHAPE", [indices, shape], [output], {"new_shape": (4,)})], [indices], [output])
    scheme = decide(graph, Ranges({}, 1))
    assert not scheme.kept_float
    assert [node.op for node in apply(graph, scheme).graph.nodes] == ["RESHAPE"]


def test_output_scale_grows_where_the_requantization_factor_would_be_illegal() -> None:
    """Large weights whose sum is always nearly 0: an output step would be finer than the accumulator resolves."""
    make = GraphMaker((1, 4))
    scheme = scheme_of(make.graph(result := make.dense(make.x, 2)), x=(-1e6, 1e6), t0=(-1e-6, 1e-6))
    weights = make.nodes[0].input(1).data
    assert weights is not None
    factor = scheme.quantizations[make.x].scale * np.abs(weights).max() / 127 / scheme.quantizations[result].scale
    assert factor < 256


def test_apply_leaves_the_float_graph_alone() -> None:
    graph = small_cnn()
    before = [(node.op, list(node.inputs), list(node.outputs)) for node in graph.nodes]
    apply(graph, scheme_of(graph))
    assert before == [(node.op, node.inputs, node.outputs) for node in graph.nodes]
    assert all(value.dtype is not DType.INT8 for value in graph.values())


def test_names_and_order_of_inputs_and_outputs_are_kept() -> None:
    make = GraphMaker((1, 4), (1, 4))
    first = make.dense(make.inputs[1], 4)
    second = make.op("ADD", [first, make.x], PLAIN)
    graph = make.graph(second, first)
    for io in ("float32", "int8", "uint8"):
        quantized = apply(graph, scheme_of(graph)).graph
        set_border_types(quantized, io)
        verify(quantized)
        assert [value.name for value in quantized.inputs] == ["x", "x1"]
        assert [value.name for value in quantized.outputs] == [second.name, first.name]
        assert {value.dtype.value for value in quantized.inputs + quantized.outputs} == {io}


def test_int8_borders_need_no_quantize_operator() -> None:
    graph = small_cnn()
    quantized = apply(graph, scheme_of(graph)).graph
    set_border_types(quantized, "int8")
    assert [node.op for node in quantized.nodes] == [node.op for node in graph.nodes]


def test_float_borders_stay_float_where_float_operators_stand() -> None:
    make = GraphMaker((1, 70_000))
    quantized = apply(graph := make.graph(make.dense(make.x, 1)), scheme_of(graph)).graph
    notes = set_border_types(quantized, "int8")
    assert len(notes) == 2
    assert quantized.inputs[0].dtype is DType.FLOAT32


def test_shared_weights_stay_shared() -> None:
    make = GraphMaker((1, 4))
    weights, bias = make.weights(4, 4), make.weights(4, name="b")
    options = {"fused_activation_function": "NONE", "keep_num_dims": False}
    hidden = make.op("FULLY_CONNECTED", [make.x, weights, bias], options)
    again = make.op("FULLY_CONNECTED", [hidden, weights, bias], options)
    graph = make.graph(again)
    quantized = apply(graph, scheme_of(graph)).graph
    filters = {id(node.input(1)) for node in quantized.nodes if node.op == "FULLY_CONNECTED"}
    assert len(filters) == 1


def test_constant_beyond_a_prescribed_scale_is_not_clipped_in_a_concatenation() -> None:
    make = GraphMaker((1, 4))
    soft, wide = make.op("LOGISTIC", [make.x]), make.constant(np.array([[-3, 5]], np.float32))
    scheme = scheme_of(make.graph(joined := concat(make, soft, wide)))
    assert scheme.quantizations[soft] == Quantization((1 / 256,), (-128,))
    assert scheme.quantizations[joined].scale == float(np.float32(8 / 255))


def test_pooling_between_float_borders_is_int8() -> None:
    make = GraphMaker((1, 4, 4, 2))
    graph = make.graph(make.op("AVERAGE_POOL_2D", [make.x], POOL))
    assert not decide(graph, ranges_of(graph), float_borders=True).kept_float


def test_input_copied_to_an_output_stays_float_between_float_borders() -> None:
    make = GraphMaker((1, 4))
    copied, computed = make.reshape(make.x, 2, 2), make.dense(make.x, 3)
    graph = make.graph(copied, computed)
    ranges = ranges_of(graph)
    assert [kept.node.output for kept in decide(graph, ranges, float_borders=True).kept_float] == [copied]
    assert not decide(graph, ranges).kept_float

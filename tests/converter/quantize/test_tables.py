"""Chains of elementwise operators become tables, which answer as the float operators do, rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_graphs import PLAIN, GraphMaker

import liteinterp
from converter import backend
from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.graph import Graph, Value
from converter.options import Options
from converter.plan import plan_memory
from converter.quantize import Quantized, quantize

Array = npt.NDArray[Any]
SHAPE = (1, 16, 16, 3)


def number(make: GraphMaker, value: float) -> Value:
    return make.constant(np.float32([value]), "number")


def pair(make: GraphMaker, op: str, x: Value, other: Value | float) -> Value:
    return make.op(op, [x, other if isinstance(other, Value) else number(make, other)], PLAIN)


def silu(make: GraphMaker, x: Value) -> Value:
    return pair(make, "MUL", x, make.op("LOGISTIC", [x]))


def mish(make: GraphMaker, x: Value) -> Value:
    power = make.op("EXP", [pair(make, "MUL", make.op("ABS", [x]), -1.0)])
    softplus = pair(make, "ADD", make.op("RELU", [x]), make.op("LOG", [pair(make, "ADD", power, 1.0)]))
    return pair(make, "MUL", x, make.op("TANH", [softplus]))


def hard_swish(make: GraphMaker, x: Value) -> Value:
    gate = make.op("ADD", [x, number(make, 3.0)], {"fused_activation_function": "RELU6"})
    return pair(make, "MUL", pair(make, "MUL", gate, 1 / 6), x)


def clip(make: GraphMaker, x: Value) -> Value:
    return make.op("MINIMUM", [make.op("MAXIMUM", [pair(make, "ADD", x, 0.1), number(make, -0.7)]), number(make, 1.3)])


def leaky(make: GraphMaker, x: Value) -> Value:
    return make.op("MAXIMUM", [x, pair(make, "MUL", x, 0.2)])


FUNCTIONS: dict[str, tuple[Callable[[GraphMaker, Value], Value], Callable[[Array], Array]]] = {
    "silu": (silu, lambda x: x / (1 + np.exp(-x))),
    "mish": (mish, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "hard swish": (hard_swish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "clip": (clip, lambda x: np.clip(x + 0.1, -0.7, 1.3)),
    "leaky": (leaky, lambda x: np.maximum(x, 0.2 * x)),
}


def made(graph: Graph) -> Quantized:
    random = np.random.default_rng(0)
    samples = [{"x": random.normal(0, 1, SHAPE).astype(np.float32)} for _ in range(20)]
    return quantize(graph, collect(graph, samples, CExecutor()), Options(io="int8", effort=0), CExecutor())


def after_convolution(build: Callable[[GraphMaker, Value], Value]) -> Graph:
    make = GraphMaker(SHAPE, seed=3)
    return make.graph(make.conv(build(make, make.conv(make.x, 8)), 8))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_chain_is_one_table_of_its_function(name: str) -> None:
    build, function = FUNCTIONS[name]
    graph = made(after_convolution(build)).graph
    assert [node.op for node in graph.nodes] == ["CONV_2D", "QUANTIZE", "CAST", "GATHER", "CONV_2D"]
    source, lookup = graph.nodes[0].output.quantization, graph.nodes[3]
    assert source is not None and lookup.output.quantization is not None and lookup.input(0).data is not None
    reals = function((np.arange(-128, 128) - source.zero_point) * source.scale)
    codes = reals / lookup.output.quantization.scale + lookup.output.quantization.zero_point
    assert np.abs(lookup.input(0).data - np.clip(codes, -128, 127)).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_runtimes_answer_the_same(name: str) -> None:
    """One look-up here, three operators in LiteRT and where every tensor is kept."""
    graph = made(after_convolution(FUNCTIONS[name][0])).graph
    content = backend.write(graph, plan_memory(graph))
    engines = [
        liteinterp.Interpreter(model_content=content),
        liteinterp.Interpreter(model_content=content, experimental_preserve_all_tensors=True),
        Interpreter(model_content=content, num_threads=1),
    ]
    results: list[list[Array]] = []
    for engine in engines:
        engine.allocate_tensors()
        random, outputs = np.random.default_rng(1), []
        for _ in range(5):
            engine.set_tensor(engine.get_input_details()[0]["index"], random.integers(-128, 128, SHAPE).astype(np.int8))
            engine.invoke()
            outputs.append(engine.get_tensor(engine.get_output_details()[0]["index"]))
        results.append(outputs)
    for found in results[1:]:
        assert np.array_equal(found, results[0])


def test_what_lies_between_takes_no_memory() -> None:
    graph = made(after_convolution(silu)).graph
    names = {node.output.name for node in graph.nodes if node.op in ("QUANTIZE", "CAST")}
    plan = plan_memory(graph)
    assert names and not names & set(plan.offsets)
    assert plan.arena_bytes == 2 * 16 * 16 * 8
    assert [node.op for node in graph.nodes] == ["CONV_2D", "QUANTIZE", "CAST", "GATHER", "CONV_2D"]


def test_a_value_that_is_read_elsewhere_ends_the_chain() -> None:
    def build(make: GraphMaker, x: Value) -> Value:
        gate = make.op("LOGISTIC", [x])
        return pair(make, "ADD", pair(make, "MUL", x, gate), make.conv(gate, 8))

    assert "GATHER" not in [node.op for node in made(after_convolution(build)).graph.nodes]


def test_a_number_for_each_channel_is_no_function() -> None:
    def build(make: GraphMaker, x: Value) -> Value:
        return make.op("TANH", [make.op("MUL", [x, make.weights(8)], PLAIN)])

    graph = GraphMaker(SHAPE, seed=3)
    whole = graph.graph(graph.conv(build(graph, graph.conv(graph.x, 8)), 8))
    assert "GATHER" not in [node.op for node in made(whole).graph.nodes]


def test_the_ledger_says_what_tables_gain() -> None:
    steps = {step.name: step for step in made(after_convolution(mish)).steps}
    assert steps["tables"].accepted and steps["tables"].what == "9 elementwise operators became 1 look-ups"
    before, after = steps["tables"].before_db, steps["tables"].after_db
    assert before is not None and after is not None and after > before

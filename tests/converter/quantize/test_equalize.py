"""Channels made equally large: nothing changes in float32, int8 gains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from small_graphs import CONV, DENSE, PLAIN, POOL, GraphMaker

import liteinterp
from converter import backend, pipeline
from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph, Value
from converter.ir.types import Origin, gain_factors
from converter.options import Options
from converter.quantize import quantize
from converter.quantize.activations import representable
from converter.quantize.channel_ties import ChannelTies
from converter.quantize.equalize import equalize
from converter.quantize.scheme import decide

RELU = {**CONV, "fused_activation_function": "RELU"}
RELU6 = {**CONV, "fused_activation_function": "RELU6"}
DEPTHWISE = {**RELU6, "depth_multiplier": 2}


def uneven(make: GraphMaker, *shape: int, channels: int = 0) -> Value:
    """Weights whose output channels (along axis `channels`) reach from 1/30 to 1."""
    sizes = [1] * len(shape)
    sizes[channels] = -1
    spread = np.geomspace(1 / 30, 1, shape[channels]).reshape(sizes)
    return make.constant((make.random.normal(0, 0.4, shape) * spread).astype(np.float32), "w")


def every_way() -> Graph:
    """A residual connection, a concatenation, bounds, pooling, a product, a flattening reshape, and dense layers."""
    make = GraphMaker((1, 8, 8, 3))
    first = make.op("CONV_2D", [make.x, uneven(make, 8, 3, 3, 3), make.weights(8, name="b")], RELU)
    second = make.op("CONV_2D", [first, uneven(make, 8, 1, 1, 8)], CONV)
    total = make.op("ADD", [second, first], PLAIN)
    shifted = make.op("ADD", [total, make.constant(make.random.normal(0, 1, 8).astype(np.float32))], PLAIN)
    deep = make.op("DEPTHWISE_CONV_2D", [shifted, uneven(make, 1, 3, 3, 16, channels=3)], DEPTHWISE)
    grouped = make.op("CONV_2D", [deep, uneven(make, 8, 3, 3, 4)], RELU)
    joined = make.op("CONCATENATION", [grouped, shifted], {"axis": 3, "fused_activation_function": "NONE"})
    pooled = make.op("MAX_POOL_2D", [joined], POOL)
    half = make.op("MUL", [pooled, make.constant(make.random.uniform(0.2, 1, 16).astype(np.float32))], PLAIN)
    flat = make.op("RESHAPE", [half, make.constant(np.array([1, 256], np.int32))], {"new_shape": (1, 256)})
    dense = make.op("FULLY_CONNECTED", [flat, uneven(make, 12, 256)], {**DENSE, "fused_activation_function": "RELU"})
    return make.graph(make.op("FULLY_CONNECTED", [dense, make.weights(5, 12)], DENSE))


def samples(graph: Graph, count: int = 80) -> list[dict[str, npt.NDArray[Any]]]:
    random = np.random.default_rng(5)
    return [{"x": random.normal(0, 1, graph.inputs[0].shape).astype(np.float32)} for _ in range(count)]


def test_the_rewritten_graph_answers_the_same_and_its_statistics_are_those_of_a_new_pass() -> None:
    graph, executor = every_way(), CExecutor()
    calibration = collect(graph, samples(graph), executor)
    scheme = decide(graph, calibration.ranges)
    made, statistics, changed = equalize(graph, scheme, calibration, executor)
    assert changed >= 8
    (expected,), (got,) = (evaluate(executor, g, samples(graph)[0]) for g in (graph, made))
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
    anew = collect(made, samples(graph), executor)
    for name, found in anew.channels.items():
        largest = max(1.0, float(np.abs(found.high).max()))
        assert np.allclose(statistics.channels[name].low, found.low, rtol=1e-4, atol=1e-5 * largest), name
        assert np.allclose(statistics.channels[name].high, found.high, rtol=1e-4, atol=1e-5 * largest), name
    for name, taps in anew.tap_means.items():
        assert np.allclose(statistics.tap_means[name].means, taps.means, rtol=1e-3, atol=1e-5), name
    for value, quantization in scheme.quantizations.items():
        if value.name in statistics.ranges.by_name:
            reach, found_range = representable(quantization), statistics.ranges.by_name[value.name]
            slack = 1e-4 + quantization.scale
            assert reach.low - slack <= found_range.low and found_range.high <= reach.high + slack, value


def there_and_back() -> Graph:
    """What the first layer makes small, the second makes large again."""
    make = GraphMaker((1, 8, 8, 3))
    first = make.op("CONV_2D", [make.x, uneven(make, 8, 3, 3, 3)], RELU)
    back = make.random.normal(0, 0.4, (4, 3, 3, 8)) / np.geomspace(1 / 30, 1, 8)
    return make.graph(make.op("CONV_2D", [first, make.constant(back.astype(np.float32), "back")], CONV))


def test_int8_gains_where_small_channels_count() -> None:
    graph, executor = there_and_back(), CExecutor()
    calibration = collect(graph, samples(graph), executor)
    steps = {step.name: step for step in quantize(graph, calibration, Options(effort=1), executor).steps}
    step = steps["equalization"]
    assert step.accepted and step.before_db is not None and step.after_db is not None
    assert step.after_db > step.before_db + 1


def test_compare_undoes_the_factors_of_channels(tmp_path: Path) -> None:
    """The layer is as close as int8 is; were its factors not known, nothing would be alike."""
    source, lowered = tmp_path / "float.tflite", tmp_path / "int8.tflite"
    source.write_bytes(backend.write(there_and_back()))
    made = pipeline.convert(source, Options(effort=1), samples(there_and_back()))
    assert any(step.name == "equalization" and step.accepted for step in made.report.steps)
    assert b'"gains"' in made.model
    data = {"x": np.concatenate([sample["x"] for sample in samples(there_and_back(), 10)])}
    figures = []
    for content in (made.model, made.model.replace(b'"gains"', b'"other"')):
        lowered.write_bytes(content)
        layers = liteinterp.compare(source, lowered, data, allow_calibration_data=True).layers
        figures += [row.error.sqnr_db for row in layers if row.name == "t0"]
    assert figures[0] > 30 and figures[1] < 6


def test_what_cannot_take_a_factor_is_fixed() -> None:
    """Graph inputs and outputs, what a sigmoid reads, what a layer of shared weights reads and makes."""
    make = GraphMaker((1, 4, 4, 4))
    shared = make.weights(4, 1, 1, 4)
    free = make.op("CONV_2D", [make.x, make.weights(4, 1, 1, 4)], CONV)
    read_twice = make.op("CONV_2D", [free, make.weights(4, 1, 1, 4)], CONV)
    gate = make.op("LOGISTIC", [read_twice])
    product = make.op("MUL", [read_twice, gate], PLAIN)
    before = make.op("CONV_2D", [product, shared], CONV)
    after = make.op("CONV_2D", [before, shared], CONV)
    graph = make.graph(after)
    ties = ChannelTies(graph)
    fixed = set(ties.fixed().tolist())
    moved = [value for value in ties.values() if not fixed.issuperset(ties.sets(value).tolist())]
    assert moved == [free]


def test_gains_are_eighths_of_octaves() -> None:
    gains = np.arange(-8, 60)
    assert np.allclose(gain_factors(gains), 2.0 ** (gains / 8), rtol=1e-15)


def test_the_origin_of_what_changed_says_by_how_much() -> None:
    graph, executor = every_way(), CExecutor()
    for node in graph.nodes:
        node.output.origin = Origin(f"source of {node.output.name}")
    calibration = collect(graph, samples(graph), executor)
    made, _, _ = equalize(graph, decide(graph, calibration.ranges), calibration, executor)
    first, old = made.nodes[0].output, graph.nodes[0].output
    assert first.origin is not None and first.origin.gains is not None
    assert replace(first.origin, gains=None) == old.origin
    (before,), (after,) = (
        evaluate(executor, Graph(g.nodes[:1], g.inputs, [g.nodes[0].output]), samples(graph)[0]) for g in (graph, made)
    )
    assert np.allclose(before * gain_factors(np.array(first.origin.gains)), after, rtol=1e-5, atol=1e-6)


def test_channels_seen_a_few_times_stay() -> None:
    """The pooled tensor's channels are seen once a sample; those of the layer in front share their factors."""
    make = GraphMaker((1, 8, 8, 3))
    first = make.op("CONV_2D", [make.x, uneven(make, 8, 3, 3, 3)], RELU)
    pooled = make.op("AVERAGE_POOL_2D", [first], {**POOL, "filter_height": 8, "filter_width": 8})
    graph = make.graph(make.op("CONV_2D", [pooled, make.weights(4, 1, 1, 8)], CONV))
    for count, changed in ((20, 0), (80, 2)):
        calibration = collect(graph, samples(graph, count), CExecutor())
        assert equalize(graph, decide(graph, calibration.ranges), calibration, CExecutor())[2] == changed

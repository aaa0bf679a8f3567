"""Ranges are narrowed where the readers gain, and nowhere else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import DENSE, GraphMaker

from converter.calibrate import collect
from converter.calibrate.histogram import HistogramBuilder
from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.ir.ranges import Range
from converter.ir.statistics import Arrays
from converter.quantize.activations import activation_quantization
from converter.quantize.range_search import candidates_of, relative_error, search_ranges, through_int8
from converter.quantize.scheme import decide


def network(weight_of_the_spike: float) -> Graph:
    """x -> relu dense (the identity) -> dense, whose weight for element 0 is given."""
    make = GraphMaker((1, 64))
    kept = make.op(
        "FULLY_CONNECTED",
        [make.x, make.constant(np.eye(64, dtype=np.float32), "eye")],
        {**DENSE, "fused_activation_function": "RELU"},
    )
    weights = make.random.normal(0, 1, (16, 64)).astype(np.float32)
    weights[:, 0] = weight_of_the_spike
    return make.graph(make.op("FULLY_CONNECTED", [kept, make.constant(weights, "w")], DENSE))


def samples(count: int = 40) -> list[Arrays]:
    """Element 0 is 30 times the others now and then."""
    random = np.random.default_rng(2)
    made = []
    for i in range(count):
        x = random.uniform(0, 1, (1, 64)).astype(np.float32)
        x[0, 0] = 30.0 if i % 20 == 3 else 0.5
        made.append({"x": x})
    return made


def hidden_high(graph: Graph) -> tuple[float, float]:
    calibration = collect(graph, samples(), CExecutor())
    ranges, _ = search_ranges(graph, decide(graph, calibration.ranges), calibration, CExecutor())
    name = graph.nodes[0].output.name
    return calibration.ranges.by_name[name].high, ranges.by_name[name].high


def test_spike_that_nothing_reads_is_clipped() -> None:
    before, after = hidden_high(network(0.0))
    assert after < 0.8 * before


def test_spike_that_carries_the_result_is_kept() -> None:
    before, after = hidden_high(network(1.0))
    assert after == before


def test_answer_is_never_clipped() -> None:
    graph = network(1.0)
    calibration = collect(graph, samples(), CExecutor())
    ranges, _ = search_ranges(graph, decide(graph, calibration.ranges), calibration, CExecutor())
    name = graph.outputs[0].name
    assert ranges.by_name[name] == calibration.ranges.by_name[name]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50))
@settings(deadline=None)
def test_candidates_are_never_wider_than_what_was_seen(values: list[float]) -> None:
    array = np.array(values, np.float32)
    found = Range(float(array.min()), float(array.max()))
    builder = HistogramBuilder()
    builder.add(array, found.low, found.high)
    candidates = candidates_of(builder.result(), found)
    assert all(found.low <= r.low and r.high <= found.high for r in candidates)


def test_error_of_an_array_with_itself_is_none() -> None:
    array: npt.NDArray[np.float32] = np.linspace(-3, 5, 100, dtype=np.float32)
    assert relative_error(array, array) == 0
    assert 0 < relative_error(through_int8(array, activation_quantization(Range(-3.0, 5.0))), array) < 1e-4

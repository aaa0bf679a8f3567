"""Statistics without the samples that judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from small_graphs import small_cnn

from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.ranges import Range
from converter.ir.statistics import pin_range
from converter.quantize.seen import without_held_out


def rows() -> list[dict[str, np.ndarray]]:  # type: ignore[type-arg]
    random = np.random.default_rng(4)
    graph = small_cnn()
    return [{"x": random.normal(0, 1 + i % 5, graph.inputs[0].shape).astype(np.float32)} for i in range(25)]


def test_ranges_are_those_of_the_samples_to_fit_on() -> None:
    graph, executor = small_cnn(), CExecutor()
    calibration = collect(graph, rows(), executor)
    assert len(calibration.fit) == 20 and len(calibration.held_out) == 5
    seen, alone = without_held_out(graph, calibration, executor), collect(graph, calibration.fit, executor)
    assert seen.ranges == alone.ranges != replace(calibration.ranges, samples=20)
    for name, found in alone.channels.items():
        assert np.array_equal(seen.channels[name].low, found.low), name
        assert np.array_equal(seen.channels[name].high, found.high), name


def test_prescribed_ranges_stay() -> None:
    graph, executor = small_cnn(), CExecutor()
    pinned = pin_range(collect(graph, rows(), executor), "x", Range(-50.0, 60.0))
    assert without_held_out(graph, pinned, executor).ranges.by_name["x"] == Range(-50.0, 60.0)

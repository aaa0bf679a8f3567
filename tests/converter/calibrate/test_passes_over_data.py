"""However the pass over the data is made, it finds the same: with workers, from the cache, and stopped early."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graphs import CONV, POOL, GraphMaker

from converter.calibrate import Cache, Effort, collect
from converter.calibrate.histogram import HistogramBuilder
from converter.calibrate.stopping import Settling
from converter.execute import CExecutor
from converter.ir.executor import Session
from converter.ir.graph import Graph
from converter.ir.ranges import Range
from converter.ir.statistics import Calibration

joblib = pytest.importorskip("joblib", reason="needs joblib")


def graph_of(size: int = 6) -> Graph:
    maker = GraphMaker([1, size, size, 2])
    y = maker.op("CONV_2D", [maker.x, maker.weights(3, 3, 3, 2), maker.weights(3, name="b")], dict(CONV))
    y = maker.op("AVERAGE_POOL_2D", [y], dict(POOL))
    return Graph(maker.nodes, maker.inputs, [y])


class Rows:
    """Samples by number, as many as wanted, that are made when they are read."""

    def __init__(self, count: int, size: int = 6, spread: bool = False) -> None:
        self.count, self.size, self.spread = count, size, spread

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for i in range(self.count):
            rows = np.random.default_rng(i).uniform(-1 - i % 7, 1, (1, self.size, self.size, 2))
            yield {"x": rows.astype(np.float32)}


class Counting(CExecutor):
    """Counts how often a graph is opened."""

    opened = 0

    def open(self, graph: Graph) -> Session:
        self.opened += 1
        return super().open(graph)


def same(a: Calibration, b: Calibration) -> None:
    assert a.ranges == b.ranges and a.manifest == b.manifest and a.warnings == b.warnings
    assert list(a.histograms) == list(b.histograms) and list(a.tap_means) == list(b.tap_means)
    for name, histogram in a.histograms.items():
        other = b.histograms[name]
        assert (histogram.first, histogram.width, histogram.zeros) == (other.first, other.width, other.zeros)
        np.testing.assert_array_equal(histogram.counts, other.counts)
    assert list(a.channels) == list(b.channels) and len(a.channels) == 3
    for name, channels in a.channels.items():
        np.testing.assert_array_equal(channels.low, b.channels[name].low)
        np.testing.assert_array_equal(channels.high, b.channels[name].high)
    for name, taps in a.tap_means.items():
        assert taps.means.tobytes() == b.tap_means[name].means.tobytes()
    assert len(a.fit) == len(b.fit) and len(a.held_out) == len(b.held_out)
    for one, two in zip(a.held_out, b.held_out, strict=True):
        np.testing.assert_equal(dict(one.inputs), dict(two.inputs))
        np.testing.assert_equal(dict(one.answers), dict(two.answers))


def test_any_number_of_workers_finds_the_same() -> None:
    graph = graph_of()
    alone = collect(graph, Rows(150), CExecutor())
    with joblib.parallel_config(backend="threading"):
        same(alone, collect(graph, Rows(150), CExecutor(), effort=Effort(workers=2)))
        same(alone, collect(graph, Rows(150), CExecutor(), effort=Effort(workers=3)))


def test_histograms_add_up_whatever_their_widths() -> None:
    random = np.random.default_rng(0)
    parts = [(random.normal(0, 10.0**i, 500) * (i != 2)).astype(np.float32) for i in (-3, 2, 0, 4, -1)]
    whole, merged = HistogramBuilder(), HistogramBuilder()
    for part in parts:
        one = HistogramBuilder()
        for builder in (whole, one):
            builder.add(part, float(part.min()), float(part.max()))
        merged.merge(one)
    a, b = whole.result(), merged.result()
    assert (a.first, a.width, a.zeros) == (b.first, b.width, b.zeros)
    np.testing.assert_array_equal(a.counts, b.counts)


def test_the_cache_gives_what_was_found_without_running_the_model(tmp_path: Path) -> None:
    graph, executor = graph_of(), Counting()
    effort = Effort(cache=Cache(tmp_path, "model"))
    first = collect(graph, Rows(30), executor, effort=effort)
    assert executor.opened == 1
    same(first, collect(graph, Rows(30), executor, effort=effort))
    assert executor.opened == 1
    collect(graph, Rows(29), executor, effort=effort)
    collect(graph, Rows(30), executor, effort=Effort(cache=Cache(tmp_path, "another model")))
    assert executor.opened == 3


@pytest.mark.parametrize("content", [b"", b"no archive", None], ids=["empty", "garbage", "cut"])
def test_a_broken_cache_entry_is_made_anew(content: bytes | None, tmp_path: Path) -> None:
    graph, executor = graph_of(), Counting()
    effort = Effort(cache=Cache(tmp_path, "model"))
    first = collect(graph, Rows(30), executor, effort=effort)
    (entry,) = tmp_path.rglob("*.npz")
    whole = entry.read_bytes()
    entry.write_bytes(whole[: len(whole) // 2] if content is None else content)
    same(first, collect(graph, Rows(30), executor, effort=effort))
    assert executor.opened == 2 and entry.read_bytes() == whole


def test_reading_stops_when_ranges_have_settled_but_only_where_that_is_fair() -> None:
    graph = graph_of()
    stopped = collect(graph, Rows(900, spread=True), CExecutor())
    assert stopped.ranges.samples in (256, 512, 768)
    assert len(stopped.held_out) == 20
    with joblib.parallel_config(backend="threading"):
        same(stopped, collect(graph, Rows(900, spread=True), CExecutor(), effort=Effort(workers=2)))
    assert collect(graph, Rows(300), CExecutor()).ranges.samples == 300
    assert collect(graph, Rows(400, spread=True), CExecutor(), limit=270).ranges.samples == 270


def test_ranges_have_settled_when_they_hardly_grew_in_the_last_quarter() -> None:
    def stop(growth: float, steady: int) -> int | None:
        settling, others = Settling(), {str(i): Range(0.0, 1.0) for i in range(steady)}
        for count in range(1, 2000):
            if settling.after(count, {**others, "x": Range(-1.0, min(count, 500) * growth)}):
                return count
        return None

    assert stop(0.0, 0) == stop(1e-4, 0) == 256
    assert stop(5e-4, 0) == 768  # by 2.8 % at 256, by 3.8 % at 512
    assert stop(5e-4, 9) == 256  # which is a tenth on average
    assert stop(1.0, 99) == 768  # by 25 %: too much for any


def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    graph, peaks = graph_of(size=32), []
    for count in (100, 300):
        tracemalloc.start()
        collect(graph, Rows(count, size=32), CExecutor())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]

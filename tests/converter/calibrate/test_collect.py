"""One pass over the data: true extremes, exact means, and a clear word about data that does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_graphs import GraphMaker, small_cnn

from converter.calibrate import collect
from converter.calibrate.selection import HELD_OUT_EVERY, MAX_FIT_BYTES, MAX_KEPT, Role, Selection
from converter.errors import UsageError
from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph
from converter.ir.taps import output_means

Array = npt.NDArray[Any]


def images(count: int, seed: int = 0) -> list[dict[str, Array]]:
    random = np.random.default_rng(seed)
    return [{"x": random.normal(0, 1 + i, (1, 8, 8, 3)).astype(np.float32)} for i in range(count)]


def test_ranges_are_the_extremes_over_all_samples() -> None:
    graph, samples = small_cnn(), images(7)
    ranges = collect(graph, samples, CExecutor()).ranges
    assert ranges.samples == 7
    assert ranges.by_name["x"].high == max(float(sample["x"].max()) for sample in samples)
    for value in graph.outputs:
        answers = [evaluate(CExecutor(), graph, sample)[0] for sample in samples]
        assert ranges.by_name[value.name].low == min(float(answer.min()) for answer in answers)


def test_histograms_count_every_element() -> None:
    graph = small_cnn()
    found = collect(graph, images(3), CExecutor())
    for value in graph.values():
        if not value.is_constant:
            assert found.histograms[value.name].total == 3 * value.elements


def test_tap_means_give_the_mean_output_of_a_layer() -> None:
    """Against the executor's own outputs: the last layer has no activation."""
    make = GraphMaker((1, 6, 6, 2))
    make.conv(make.x, 3, bias=False, stride_h=2)
    graph = make.graph(make.nodes[-1].output)
    samples = [{"x": make.random.normal(0, 1, (1, 6, 6, 2)).astype(np.float32)} for _ in range(4)]
    found = collect(graph, samples, CExecutor())
    assert len(found.fit) == 4
    weights = make.nodes[0].input(1).data
    assert weights is not None
    expected = output_means(make.nodes[0], weights.astype(np.float64), found.tap_means[graph.outputs[0].name].means)
    answers = np.concatenate([evaluate(CExecutor(), graph, sample)[0] for sample in samples])
    assert expected == pytest.approx(answers.astype(np.float64).mean(axis=(0, 1, 2)), abs=1e-6)


def test_data_is_read_once_and_memory_is_bounded() -> None:
    reads = 0

    def stream() -> Iterator[dict[str, Array]]:
        nonlocal reads
        for sample in images(1) * 300:
            reads += 1
            yield sample

    found = collect(small_cnn(), stream(), CExecutor())
    assert reads == found.ranges.samples == 300
    assert len(found.fit) + len(found.held_out) == MAX_KEPT


def test_limit_is_the_most_that_is_read() -> None:
    assert collect(small_cnn(), images(9), CExecutor(), limit=4).ranges.samples == 4


def test_progress_counts_samples() -> None:
    steps: list[tuple[int, int | None]] = []
    collect(small_cnn(), images(3), CExecutor(), progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_count_of_a_stream_is_used() -> None:
    class Stream:
        count = 200

        def __iter__(self) -> Iterator[dict[str, Array]]:
            yield from images(1) * 200

    totals: list[int | None] = []
    found = collect(small_cnn(), Stream(), CExecutor(), progress=lambda done, total: totals.append(total))
    assert set(totals) == {200}
    assert len(found.fit) + len(found.held_out) == MAX_KEPT


@pytest.mark.parametrize("total", [1, 4, 5, 99, 100, 101, 197, 1000])
def test_kept_samples_are_spread_and_every_fifth_is_held_out(total: int) -> None:
    selection = Selection.of(total, 100, 100)
    roles = [selection.role(i) for i in range(total)]
    kept = [i for i, role in enumerate(roles) if role is not Role.RANGES_ONLY]
    assert len(kept) == min(total, MAX_KEPT)
    assert roles.count(Role.HELD_OUT) == len(kept) // HELD_OUT_EVERY
    gaps = np.diff([*kept, total + kept[0]])
    assert gaps.max() - gaps.min() <= 1


def test_samples_that_take_much_memory_are_fitted_on_in_part() -> None:
    selection = Selection.of(200, 600_000, MAX_FIT_BYTES // 20)
    roles = [selection.role(i) for i in range(200)]
    assert roles.count(Role.HELD_OUT) == MAX_KEPT // HELD_OUT_EVERY
    assert roles.count(Role.FIT) == 20
    assert np.diff([i for i, role in enumerate(roles) if role is Role.FIT]).max() <= 16


def refused(graph: Graph, sample: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as error:
        collect(graph, [sample], CExecutor())
    assert error.value.exit_status == 2
    return str(error.value)


def test_wrong_name_names_both() -> None:
    message = refused(small_cnn(), {"image": np.zeros((1, 8, 8, 3), np.float32)})
    assert "'image'" in message
    assert "'x'" in message


def test_wrong_shape_tells_both_shapes() -> None:
    message = refused(small_cnn(), {"x": np.zeros((1, 3, 8, 8), np.float32)})
    assert "[1, 3, 8, 8]" in message
    assert "[1, 8, 8, 3]" in message


def test_wrong_type_is_refused() -> None:
    assert "complex64" in refused(small_cnn(), {"x": np.zeros((1, 8, 8, 3), np.complex64)})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_in_the_data_are_refused(bad: float) -> None:
    sample = images(1)[0]
    sample["x"][0, 1, 2, 0] = bad
    assert "NaN or infinity" in refused(small_cnn(), sample)


def test_overflow_inside_the_model_names_the_tensor() -> None:
    make = GraphMaker((1, 4))
    graph = make.graph(make.dense(make.dense(make.x, 4), 4))
    for node in graph.nodes:
        node.inputs[1] = graph.constant("huge", np.full((4, 4), 1e20, np.float32))
    message = refused(graph, {"x": np.array([[1, 2, 3, 4]], np.float32) * 1e7})
    assert "'t1'" in message
    assert "sample 0" in message


def test_no_sample_is_refused() -> None:
    with pytest.raises(UsageError, match="no sample"):
        collect(small_cnn(), [], CExecutor())


def test_what_only_looks_wrong_is_a_warning() -> None:
    flat = {"x": np.zeros((1, 8, 8, 3), np.float32)}
    raw = {"x": np.full((1, 8, 8, 3), 60_000.0, np.float32)}
    assert any("are constant" in text for text in collect(small_cnn(), [flat, flat, raw], CExecutor()).warnings)
    assert any("preprocessed" in text for text in collect(small_cnn(), [raw, flat], CExecutor()).warnings)
    assert any("only 2" in text for text in collect(small_cnn(), images(2), CExecutor()).warnings)
    assert not collect(small_cnn(), images(20), CExecutor()).warnings

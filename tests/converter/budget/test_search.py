"""The search for a mixture: what a unit is, what raising it gains, and which mixtures are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from small_graphs import GraphMaker, small_cnn

from converter.budget import Evaluator
from converter.budget.evaluation import Outputs
from converter.budget.outcome import precisions
from converter.budget.ranking import Ranking
from converter.budget.search import Candidate, Workshop, search
from converter.budget.units import Costs, Raise, key_of, units_of
from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.graph import Graph, Node, Value
from converter.ir.statistics import Arrays, Calibration
from converter.ir.types import DType
from converter.ledger import Answers, Splicer
from converter.options import Options
from converter.quantize import Quantized, quantize
from converter.quantize.evaluate import output_sqnr_db


def calibrated(graph: Graph) -> Calibration:
    random = np.random.default_rng(0)
    rows: list[Arrays] = [
        {v.name: random.normal(0, 1, v.shape).astype(np.float32) for v in graph.inputs} for _ in range(20)
    ]
    return replace(collect(graph, rows, CExecutor()), fit=())  # no corrections: a mixture differs by its mixture alone


def quantized_of(graph: Graph, calibration: Calibration, mixture: Mapping[str, str] | None = None) -> Quantized:
    return quantize(graph, calibration, Options(effort=0), CExecutor(), mixture=mixture)


def test_a_unit_is_a_value_and_the_operators_around_it() -> None:
    graph = small_cnn()
    found = [[node.op for node in unit.nodes] for unit in units_of(quantized_of(graph, calibrated(graph)))]
    assert ["CONV_2D", "DEPTHWISE_CONV_2D", "ADD"] in found  # the stem's output has two readers
    assert ["ADD", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED"] in found  # pooling and reshaping share its scale


def noise_db(wanted: Answers, found: Answers) -> float:
    (exact,), (other,) = wanted.values(), found.values()
    return float(10 * np.log10(np.sum(exact.astype(np.float64) ** 2) / np.sum((exact - other.astype(np.float64)) ** 2)))


@pytest.mark.parametrize("precision", ["int16", "float32"])
def test_a_spliced_unit_answers_like_the_mixture_that_is_built(precision: str) -> None:
    """In int16 its weights keep their rounding."""
    make = GraphMaker((1, 8, 8, 4))
    first = make.conv(make.x, 8)
    graph = make.graph(make.conv(make.conv(first, 8), 8))
    calibration, executor = calibrated(graph), CExecutor()
    made = quantized_of(graph, calibration)
    raises = [Raise(unit, precision, {key_of(node): precision for node in unit.nodes}, 0.0) for unit in units_of(made)]
    sample = calibration.held_out[0]
    with executor.open(graph) as session:
        session.run(sample.inputs)
        exact = {value: session.read(value) for value in graph.outputs}
    with Splicer(made, executor) as splicer:
        spliced = dict(splicer.run(sample.inputs, raises, graph.outputs))
    assert noise_db(exact, spliced[None]) == pytest.approx(
        output_sqnr_db(made.unmerged, calibration.held_out[:1], executor)
    )
    for i, raised in enumerate(raises):  # built, the answer itself may be in int8 once more
        built = quantized_of(graph, calibration, raised.mixture)
        wanted = output_sqnr_db(built.unmerged, calibration.held_out[:1], executor)
        assert noise_db(exact, spliced[i]) == pytest.approx(wanted, abs=0.6), raised.unit.name


def test_precision_costs_constants_activations_and_time() -> None:
    make = GraphMaker((1, 8, 8, 4))
    first = make.conv(make.x, 4)
    graph = make.graph(make.conv(first, 8))
    costs = Costs(graph)
    small, large = (costs(node, "int8", "float32") for node in graph.nodes)
    wide = costs(graph.nodes[1], "int8", "int16")
    assert 0 < small < large and 0 < wide < large
    assert wide + costs(graph.nodes[1], "int16", "float32") == pytest.approx(large)
    assert sum(costs(node, "int8", "int16") for node in graph.nodes) == pytest.approx(2, abs=0.2)  # weights stay int8


def test_what_has_an_int16_form_is_asked_of_the_list_of_operators() -> None:
    make = GraphMaker((1, 8, 8, 4))
    graph = make.graph(make.conv(make.x, 4))
    assert precisions(graph.nodes[0]) == ("int8", "int16", "float32")
    assert precisions(graph.nodes[0], "int16") == ("int16", "float32")
    greater = Node("GREATER", [make.x, make.x], [Value("g", (1, 8, 8, 4), DType.BOOL)], {})
    assert precisions(greater) == ("int8", "float32")


class Threshold:
    """Which of the first output's two channels is larger."""

    def __init__(self, rows: list[Arrays]) -> None:
        self._rows = rows

    def open(self, inputs: object) -> list[Arrays]:
        return self._rows

    def loss_alone(self, number: int, reference: Outputs, test: Outputs) -> float:
        a, b = next(iter(reference.values())), next(iter(test.values()))
        return float(np.mean((a[..., 0] > a[..., 1]) != (b[..., 0] > b[..., 1])))


def test_units_are_ranked_by_what_the_metric_asks_for() -> None:
    """The second output's error is ten times as large, but nobody asks for it."""
    make = GraphMaker((1, 6, 6, 4))
    judged, other = make.conv(make.x, 4), make.conv(make.x, 4)
    outputs = [make.conv(judged, 2), make.conv(other, 2)]
    weights = make.nodes[1].input(1).data
    assert weights is not None
    weights *= 10
    graph = make.graph(*outputs)
    random = np.random.default_rng(1)
    rows: list[Arrays] = [{"x": random.normal(0, 1, (1, 6, 6, 4)).astype(np.float32)} for _ in range(6)]
    made = quantized_of(graph, calibrated(graph))
    ranking = Ranking(Evaluator(graph, rows, Threshold(rows), CExecutor()), CExecutor())  # type: ignore[arg-type]
    raises = [Raise(u, "float32", {key_of(n): "float32" for n in u.nodes}, 0.0) for u in units_of(made)]
    gains = dict(zip((raised.unit.name for raised in raises), ranking.gains(made, raises), strict=True))
    assert gains[judged.name] > 0.05 and abs(gains[other.name]) < 0.01


@dataclass(frozen=True)
class Planted:
    """A judgement that only asks which operators are raised."""

    drop: float
    allowed: float = 1.0
    metric = unit = sentence = ""
    ref = test = 0.0
    samples, samples_needed = 1, None

    @property
    def drop_high(self) -> float:
        return self.drop

    @property
    def status(self) -> str:
        return "met" if self.drop <= self.allowed else "missed"


def planted_shop(
    graph: Graph, guilty: Mapping[str, str], most: int = 99, able: Sequence[str] = ("int8", "int16", "float32")
) -> Workshop:
    """The budget is met where all guilty operators have their precision; mixtures of more than `most` do not fit."""
    made = replace(quantized_of(graph, calibrated(graph)), kept_float=())

    def right(mixture: Mapping[str, str]) -> set[str]:
        better = {"int16": ("int16", "float32"), "float32": ("float32",)}
        return {name for name, wanted in guilty.items() if mixture.get(name) in better[wanted]}

    def full(mixture: Mapping[str, str]) -> Candidate:
        lost = float(len(guilty) - len(right(mixture))) * 2
        digest = repr(sorted(mixture.items())).encode()
        return Candidate(mixture, made, digest, 0, 0, Planted(lost), len(mixture) <= most)

    def gains(quantized: Quantized, raises: Sequence[Raise]) -> list[float]:
        return [0.1 * len(right(raised.mixture)) for raised in raises]

    return Workshop(full, lambda mixture, _: full(mixture), gains, lambda _: able, lambda: True)


@pytest.mark.parametrize("precision", ["int16", "float32"])
def test_only_what_is_guilty_is_raised(precision: str) -> None:
    graph = small_cnn()
    guilty = {key_of(graph.nodes[1]): precision, key_of(graph.nodes[3]): precision}
    found = search(planted_shop(graph, guilty))
    assert found.best.met and found.best.mixture == guilty
    assert found.trials[0].mixture == {} and len(found.trials) < 30


def test_int16_is_taken_where_it_does_and_float32_only_where_it_must() -> None:
    graph = small_cnn()
    guilty = {key_of(graph.nodes[0]): "int16", key_of(graph.nodes[2]): "float32", key_of(graph.nodes[3]): "int16"}
    found = search(planted_shop(graph, guilty))
    assert found.best.met and found.best.mixture == guilty


def test_a_dear_operator_that_is_not_needed_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ranked best, so blocks of the least useful do not reach it."""
    monkeypatch.setattr("converter.budget.search.MOST_LOWERED", 0)
    graph = small_cnn()
    dear, guilty = key_of(graph.nodes[0]), key_of(graph.nodes[1])
    shop = planted_shop(graph, {guilty: "int16"})
    found = search(replace(shop, gains=lambda _, raises: [100.0 * (dear in raised.mixture) for raised in raises]))
    assert any(dear in trial.mixture for trial in found.trials)
    assert found.best.met and guilty in found.best.mixture and dear not in found.best.mixture


def test_without_int16_forms_there_is_float32() -> None:
    graph = small_cnn()
    guilty = {key_of(graph.nodes[2]): "float32"}
    assert search(planted_shop(graph, guilty, able=("int8", "float32"))).best.mixture == guilty


def test_int8_is_kept_where_it_meets_the_budget() -> None:
    found = search(planted_shop(small_cnn(), {}))
    assert found.best.mixture == {} and len(found.trials) == 1


def test_mixtures_that_make_the_same_file_are_one_trial() -> None:
    graph = small_cnn()
    shop = planted_shop(graph, {key_of(graph.nodes[1]): "int16"})
    same = replace(shop, full=lambda mixture: replace(shop.full(mixture), digest=b"one of two" if mixture else b"int8"))
    same = replace(same, sketch=lambda mixture, _: same.full(mixture))
    found = search(same)
    assert [trial.digest for trial in found.trials] == [b"int8", b"one of two"]
    assert found.trials[-1].mixture == found.best.mixture


def test_limits_of_size_stop_the_search_with_the_best() -> None:
    graph = small_cnn()
    guilty = {key_of(node): "int16" for node in graph.nodes[:4]}
    found = search(planted_shop(graph, guilty, most=3))
    assert not found.best.met and found.best.fits and len(found.best.mixture) <= 3


def test_int8_that_does_not_fit_ends_at_once() -> None:
    found = search(planted_shop(small_cnn(), {}, most=-1))
    assert not found.best.fits and len(found.trials) == 1


def test_what_the_user_keeps_in_float32_is_no_unit() -> None:
    graph = small_cnn()
    options = Options(effort=0, keep_float=["conv_2d_2", "add*"])
    made = quantize(graph, calibrated(graph), options, CExecutor())
    assert [row.node.op for row in made.kept_float if "--keep-float" in row.reason] == ["CONV_2D", "ADD"]
    assert not {key_of(node) for unit in units_of(made) for node in unit.nodes} & {
        key_of(graph.nodes[2]),
        key_of(graph.nodes[3]),
    }

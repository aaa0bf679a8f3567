"""The search for a mixture: what a unit is, what raising it gains, and which mixtures are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from small_graphs import GraphMaker, small_cnn

from converter.budget.search import Candidate, Workshop, search
from converter.budget.splice import output_errors
from converter.budget.units import cost_of, key_of, units_of
from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.ir.statistics import Arrays, Calibration
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


def test_a_spliced_unit_has_the_error_of_the_mixture_that_is_built() -> None:
    graph = small_cnn()
    calibration = calibrated(graph)
    made = quantized_of(graph, calibration)
    units = units_of(made)
    plain, spliced = output_errors(made, units, calibration.held_out, CExecutor())
    assert -10 * np.log10(plain) == pytest.approx(output_sqnr_db(made.unmerged, calibration.held_out, CExecutor()))
    for unit, error in zip(units, spliced, strict=True):  # built, the answer itself may be in int8 once more
        mixture = {key_of(node): "float32" for node in unit.nodes}
        built = quantized_of(graph, calibration, mixture)
        wanted = output_sqnr_db(built.unmerged, calibration.held_out, CExecutor())
        assert -10 * np.log10(error) == pytest.approx(wanted, abs=0.5), unit.name


def test_float32_costs_the_bytes_and_the_work_of_its_layers() -> None:
    make = GraphMaker((1, 8, 8, 4))
    first = make.conv(make.x, 4)
    graph = make.graph(make.conv(first, 8))
    small, large = (cost_of((node,), graph, "float32") for node in graph.nodes)
    assert small < large and cost_of((graph.nodes[1],), graph, "int16") < large


@dataclass(frozen=True)
class Planted:
    """A judgement that only asks which operators are in float32."""

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


def planted_shop(graph: Graph, guilty: set[str], most: int = 99, showable: bool = True) -> Workshop:
    """The budget is met where all guilty operators are in float32; mixtures of more than `most` do not fit."""
    made = quantized_of(graph, calibrated(graph))

    def full(mixture: Mapping[str, str]) -> Candidate:
        lost = float(len(guilty - set(mixture))) * 2
        kept = replace(made, kept_float=())
        return Candidate(mixture, kept, 0, 0, Planted(lost), len(mixture) <= most)

    def errors(quantized: Quantized, units: object) -> tuple[float, list[float]]:
        return 1.0, [1.0 - 0.1 * len(guilty & {key_of(n) for n in unit.nodes}) for unit in units]  # type: ignore[attr-defined]

    return Workshop(full, lambda mixture, _: full(mixture), errors, lambda _: ("int8", "float32"), lambda: showable)


def test_only_what_is_guilty_is_left_in_float32() -> None:
    graph = small_cnn()
    guilty = {key_of(graph.nodes[1]), key_of(graph.nodes[3])}
    found = search(planted_shop(graph, guilty))
    assert found.best.met and set(found.best.mixture) == guilty
    assert found.trials[0].mixture == {} and len(found.trials) < 20


def test_int8_is_kept_where_it_meets_the_budget() -> None:
    found = search(planted_shop(small_cnn(), set()))
    assert found.best.mixture == {} and len(found.trials) == 1


def test_limits_of_size_stop_the_search_with_the_best() -> None:
    graph = small_cnn()
    guilty = {key_of(node) for node in graph.nodes[:4]}
    found = search(planted_shop(graph, guilty, most=3))
    assert not found.best.met and found.best.fits and len(found.best.mixture) <= 3


def test_int8_that_does_not_fit_ends_at_once() -> None:
    found = search(planted_shop(small_cnn(), set(), most=-1))
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

"""From a float graph to an int8 graph that answers alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_graphs import GraphMaker, small_cnn

from converter import backend
from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph
from converter.ir.statistics import Arrays, Calibration
from converter.ir.types import DType
from converter.options import Options
from converter.plan import plan_memory
from converter.quantize import Quantized, quantize
from converter.quantize.apply import apply
from converter.quantize.bias_correction import correct_biases
from converter.quantize.evaluate import PERFECT_DB, exact_sum, output_sqnr_db, sqnr_db
from converter.quantize.scheme import decide

Array = npt.NDArray[Any]


def samples_of(graph: Graph, count: int, seed: int = 0) -> list[Arrays]:
    random = np.random.default_rng(seed)
    return [{v.name: random.normal(0, 1, v.shape).astype(np.float32) for v in graph.inputs} for _ in range(count)]


def quantized_of(graph: Graph, **options: Any) -> tuple[Quantized, Calibration]:
    calibration = collect(graph, samples_of(graph, 60), CExecutor())
    return quantize(graph, calibration, Options(**options), CExecutor()), calibration


def test_small_network_keeps_its_answers() -> None:
    graph = small_cnn()
    made, _ = quantized_of(graph)
    wanted = np.concatenate([evaluate(CExecutor(), graph, sample)[0] for sample in samples_of(graph, 40, seed=9)])
    got = np.concatenate([evaluate(CExecutor(), made.graph, sample)[0] for sample in samples_of(graph, 40, seed=9)])
    assert sqnr_db(float((wanted**2).sum()), float(((wanted - got) ** 2).sum())) > 30
    assert not made.kept_float


def test_litert_gives_the_same_bytes() -> None:
    graph = small_cnn()
    made, _ = quantized_of(graph, io="int8")
    content = backend.write(made.graph, plan_memory(made.graph))
    litert = Interpreter(model_content=content)
    litert.allocate_tensors()
    random = np.random.default_rng(3)
    for _ in range(50):
        x = random.integers(-128, 128, (1, 8, 8, 3)).astype(np.int8)
        litert.set_tensor(litert.get_input_details()[0]["index"], x)
        litert.invoke()
        expected = litert.get_tensor(litert.get_output_details()[0]["index"])
        assert np.array_equal(evaluate(CExecutor(), made.graph, {"x": x})[0], expected)


@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_integer_borders_carry_the_same_numbers(io: str) -> None:
    graph = small_cnn()
    made, _ = quantized_of(graph, io=io)
    with_float, _ = quantized_of(graph)
    quantization, (source,) = made.graph.inputs[0].quantization, made.graph.inputs
    assert quantization is not None
    assert source.dtype is DType(io)
    limits = np.iinfo(io)
    out = made.graph.outputs[0].quantization
    assert out is not None
    for sample in samples_of(graph, 5, seed=4):
        codes = np.rint(sample["x"] / np.float32(quantization.scale)) + quantization.zero_point
        x = np.clip(codes, limits.min, limits.max).astype(io)
        got = evaluate(CExecutor(), made.graph, {"x": x})[0].astype(np.float64)
        expected = evaluate(CExecutor(), with_float.graph, sample)[0]
        assert (got - out.zero_point) * out.scale == pytest.approx(expected, abs=2.5 / 256)


def test_same_data_same_bytes() -> None:
    first, second = (backend.write(quantized_of(small_cnn())[0].graph) for _ in range(2))
    assert first == second


def test_bias_correction_makes_the_mean_output_right() -> None:
    """Weights that all round the same way: the layer's mean shifts, and the correction takes the shift back."""
    make = GraphMaker((1, 256))
    weights = np.full((4, 256), 0.3 / 127, np.float32)
    weights[:, 0] = 1.0
    dense = make.op(
        "FULLY_CONNECTED",
        [make.x, make.constant(weights, "w")],
        {"fused_activation_function": "NONE", "keep_num_dims": False},
    )
    graph = make.graph(dense)
    samples = [{"x": np.abs(sample["x"])} for sample in samples_of(graph, 40)]
    calibration = collect(graph, samples, CExecutor())
    plain, corrected = (apply(graph, decide(graph, calibration.ranges)) for _ in range(2))
    assert correct_biases(corrected, calibration, CExecutor()) == 1

    def mean_error(candidate: Graph) -> Array:
        errors = [
            evaluate(CExecutor(), candidate, inputs)[0] - evaluate(CExecutor(), graph, inputs)[0]
            for inputs in calibration.fit
        ]
        return np.abs(np.mean(errors, axis=0))

    assert mean_error(plain.graph).max() > 0.3
    assert mean_error(corrected.graph).max() < 0.02
    before, after = (output_sqnr_db(made, calibration.held_out, CExecutor()) for made in (plain, corrected))
    assert before is not None
    assert after is not None
    assert after > before + 6


def test_correction_that_does_not_help_is_rolled_back() -> None:
    """Held-out samples unlike those that the correction was fitted on."""
    graph = small_cnn()
    calibration = collect(graph, samples_of(graph, 30), CExecutor())
    odd = collect(graph, [{"x": sample["x"] * 0.05} for sample in samples_of(graph, 30, seed=7)], CExecutor())
    misled = Calibration(calibration.ranges, {}, odd.tap_means, calibration.fit, calibration.held_out)
    made = quantize(graph, misled, Options(effort=0), CExecutor())
    plain = apply(graph, decide(graph, misled.ranges))
    step = made.steps[-1]
    assert step.name == "bias correction"
    assert not step.accepted
    assert step.before_db is not None
    assert step.after_db is not None
    assert step.after_db < step.before_db
    assert backend.write(made.graph) == backend.write(plain.graph)


def test_origins_lead_back_to_the_source() -> None:
    graph = small_cnn()
    from converter.ir.types import Origin

    for value in graph.values():
        value.origin = Origin(f"source/{value.name}")
    made, _ = quantized_of(graph)
    carried = [value for value in made.graph.values() if value.origin is not None and not value.is_constant]
    assert sorted(value.origin.name for value in carried if value.origin) == sorted(
        f"source/{value.name}" for value in graph.values() if not value.is_constant
    )
    assert {value.dtype for value in carried} == {DType.INT8}


def test_exact_sum_is_the_rounded_sum_of_all_digits() -> None:
    values = np.random.default_rng(0).normal(0, 1, 200_000) * 10.0 ** np.arange(-100, 100).repeat(1000)
    assert exact_sum(values) == exact_sum(values[::-1]) == math.fsum(values.tolist())
    for few in ([], [0.0], [5e-324] * 3, [1.0, 2.0**-53, 2.0**-53], [1.7e308, -1e-320], [-2.5, 1e-310, 3.0]):
        assert exact_sum(np.array(few)) == math.fsum(few), few


def test_answers_that_are_not_finite_are_worst() -> None:
    assert sqnr_db(1.0, exact_sum(np.array([1.0, np.nan]))) == sqnr_db(1.0, math.inf) == -PERFECT_DB


def test_equal_outputs_are_perfect() -> None:
    assert sqnr_db(1.0, 0.0) == PERFECT_DB
    assert sqnr_db(100.0, 1.0) == pytest.approx(20.0)

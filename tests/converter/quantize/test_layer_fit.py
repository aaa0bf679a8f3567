"""Weight scales and codes that are fitted to what the layer sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import CONV, DENSE, GraphMaker

from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.executor import evaluate
from converter.ir.graph import Graph, OptionValue, Value
from converter.ir.statistics import Arrays
from converter.ir.weighted import filter_of
from converter.options import Options
from converter.quantize import quantize, quantize_weights
from converter.quantize.adaround import round_adaptively
from converter.quantize.apply import apply
from converter.quantize.layer_fit import fit_layers
from converter.quantize.layer_windows import layer_windows, spread_positions, unstack, weight_stack
from converter.quantize.scheme import decide
from converter.quantize.second_order import output_error, round_codes

Array = npt.NDArray[Any]


def correlated_samples(graph: Graph, count: int) -> list[Arrays]:
    """Inputs in which neighbouring elements are much alike, as those of trained networks are."""
    random = np.random.default_rng(11)
    made = []
    for _ in range(count):
        noise = random.normal(0, 1, graph.inputs[0].shape)
        made.append({"x": np.abs(np.cumsum(noise, axis=-1) + 0.2 * noise).astype(np.float32)})
    return made


def layer(op: str) -> Graph:
    if op == "FULLY_CONNECTED":
        make = GraphMaker((1, 48))
        return make.graph(make.op(op, [make.x, make.weights(24, 48)], DENSE))
    make = GraphMaker((1, 8, 8, 16))
    options: dict[str, OptionValue] = {**CONV, "depth_multiplier": 2} if op == "DEPTHWISE_CONV_2D" else CONV
    shape = (1, 3, 3, 32) if op == "DEPTHWISE_CONV_2D" else (12, 3, 3, 16)
    return make.graph(make.op(op, [make.x, make.weights(*shape)], options))


@pytest.mark.parametrize(("groups", "outputs", "taps"), [(1, 20, 48), (32, 2, 9), (2, 6, 130)])
def test_second_order_rounding_gains_on_inputs_it_has_not_seen(groups: int, outputs: int, taps: int) -> None:
    random = np.random.default_rng(4)
    noise = random.normal(0, 20, (groups, 4000, taps))
    x = np.rint(np.cumsum(noise, axis=2) / 3 + noise)
    fit, fresh = (rows.transpose(0, 2, 1) @ rows / rows.shape[1] for rows in (x[:, :3000], x[:, 3000:]))
    weights = random.normal(0, 30, (groups, outputs, taps)).clip(-127, 127)
    plain = output_error(weights, np.rint(weights), fresh)
    assert output_error(weights, round_codes(weights, fit), fresh).sum() < 0.85 * plain.sum()


@pytest.mark.parametrize(("groups", "outputs", "taps"), [(1, 20, 48), (32, 2, 9)])
def test_adaptive_rounding_takes_neighbours_that_lose_less(groups: int, outputs: int, taps: int) -> None:
    random = np.random.default_rng(4)
    noise = random.normal(0, 20, (groups, 2000, taps))
    x = np.rint(np.cumsum(noise, axis=2) / 3 + noise)
    moments = x.transpose(0, 2, 1) @ x / x.shape[1]
    weights = random.normal(0, 2, (groups, outputs, taps)).clip(-7, 7)
    nearest = np.rint(weights)
    codes = round_adaptively(weights, nearest, moments, 7)
    assert np.abs(codes - weights).max() < 1 and np.array_equal(codes, np.rint(codes))
    assert output_error(weights, codes, moments).sum() < 0.85 * output_error(weights, nearest, moments).sum()


def test_adaptive_rounding_is_tried_where_it_is_asked_for() -> None:
    graph = layer("FULLY_CONNECTED")
    calibration = collect(graph, correlated_samples(graph, 30), CExecutor())
    for asked in (False, True):
        made = quantize(graph, calibration, Options(effort=0, adaround=asked), CExecutor())
        assert ("adaptive rounding" in [step.name for step in made.steps]) == asked


@pytest.mark.parametrize(("effort", "kind"), [(1, "int4-weights"), (2, "int8-weights"), (2, "int4-weights")])
def test_four_bits_are_rounded_adaptively_at_effort_2(effort: int, kind: Any) -> None:
    graph = layer("FULLY_CONNECTED")
    calibration = collect(graph, correlated_samples(graph, 30), CExecutor())
    _, steps = quantize_weights(graph, kind, calibration, Options(quantize=kind, effort=effort), CExecutor())
    assert ("adaptive rounding" in [step.name for step in steps]) == (effort == 2 and kind == "int4-weights")


def test_shared_weights_stay_shared() -> None:
    make = GraphMaker((1, 12))
    weights = make.weights(12, 12)
    first = make.op("FULLY_CONNECTED", [make.x, weights], DENSE)
    second = make.op("FULLY_CONNECTED", [first, weights], DENSE)
    graph = make.graph(second)
    samples = [{"x": np.ones((1, 12), np.float32) * (i % 7)} for i in range(30)]
    calibration = collect(graph, samples, CExecutor())
    plain = apply(graph, decide(graph, calibration.ranges))
    assert len({id(layer.quantized.input(1)) for layer in plain.layers}) == 1
    codes = np.array(plain.layers[0].quantized.input(1).data)
    fitted, changed = fit_layers(plain, calibration, CExecutor(), rounding="second-order")
    assert changed == 0
    assert all(np.array_equal(codes, constant(layer.quantized.input(1))) for layer in fitted.layers)


@pytest.mark.parametrize("effort", [0, 1, 2])
def test_effort_says_which_steps_are_tried(effort: int) -> None:
    graph = layer("CONV_2D")
    calibration = collect(graph, correlated_samples(graph, 30), CExecutor())
    made = quantize(graph, calibration, Options(effort=effort), CExecutor())
    names = [step.name for step in made.steps]
    assert names[:2] == ["min-max ranges", "bias correction"]
    assert ("weight scales" in names) == (effort >= 1)
    assert ("second-order rounding" in names) == (effort == 2)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_windows_times_weights_is_the_convolution(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["plain", "grouped", "depthwise", "transposed"]))
    side = st.integers(1, 3)
    kernel = data.draw(side), data.draw(side)
    options: dict[str, OptionValue] = {
        **CONV,
        "padding": data.draw(st.sampled_from(["SAME", "VALID"])),
        "stride_h": data.draw(side),
        "stride_w": data.draw(side),
        "dilation_h_factor": data.draw(st.integers(1, 2)),
    }
    make = GraphMaker((2, 9, 7, 4), seed=data.draw(st.integers(0, 99)))
    if kind == "depthwise":
        options["depth_multiplier"] = 2
        value = make.op("DEPTHWISE_CONV_2D", [make.x, make.weights(1, *kernel, 8)], options)
    elif kind == "transposed":
        value = transposed(make, kernel, options)
    else:
        value = make.op("CONV_2D", [make.x, make.weights(6, *kernel, 2 if kind == "grouped" else 4)], options)
    graph = make.graph(value)
    x = make.random.normal(0, 1, (2, 9, 7, 4)).astype(np.float32)
    wanted = evaluate(CExecutor(), graph, {"x": x})[0].reshape(-1, value.shape[3])
    (node,) = graph.nodes
    stack = weight_stack(node, constant(filter_of(node)).astype(np.float64))
    seen = layer_windows(node, [x.astype(np.float64)], 1 << 20)
    found = np.concatenate(list(seen @ stack.transpose(0, 2, 1)), axis=1)
    assert found == pytest.approx(wanted, abs=1e-4)
    assert (unstack(node, stack) == constant(filter_of(node))).all()


@pytest.mark.parametrize("kind", ["dense", "plain", "depthwise"])
def test_windows_of_several_runs_are_those_of_each(kind: str) -> None:
    make = GraphMaker((3, 7, 5, 4) if kind != "dense" else (9, 4))
    if kind == "dense":
        node = make.op("FULLY_CONNECTED", [make.x, make.weights(5, 4)], DENSE)
    elif kind == "plain":
        node = make.op("CONV_2D", [make.x, make.weights(6, 3, 3, 4)], CONV)
    else:
        node = make.op("DEPTHWISE_CONV_2D", [make.x, make.weights(1, 3, 3, 4)], {**CONV, "depth_multiplier": 1})
    (layer,) = make.graph(node).nodes
    runs = [make.random.normal(0, 1, make.x.shape) for _ in range(4)]
    together = layer_windows(layer, runs, 5)
    assert (together == np.concatenate([layer_windows(layer, [run], 5) for run in runs], axis=1)).all()


def transposed(make: GraphMaker, kernel: tuple[int, int], options: dict[str, OptionValue]) -> Value:
    """TRANSPOSE_CONV with the shape that SAME (input times stride) or VALID (plus what the kernel adds) gives."""
    sides = []
    for size, taps, stride in ((9, kernel[0], options["stride_h"]), (7, kernel[1], options["stride_w"])):
        assert isinstance(stride, int)
        sides.append(size * stride if options["padding"] == "SAME" else (size - 1) * stride + taps)
    shape = make.constant(np.array([2, *sides, 6], np.int32), "shape")
    chosen = {name: options[name] for name in ("padding", "stride_h", "stride_w", "fused_activation_function")}
    return make.op("TRANSPOSE_CONV", [shape, make.weights(6, *kernel, 4), make.x], chosen)


@given(st.integers(1, 5000), st.integers(1, 300))
def test_positions_differ_and_reach_everywhere(total: int, wanted: int) -> None:
    positions = spread_positions(total, wanted)
    assert len(set(positions.tolist())) == min(total, wanted)
    assert 0 <= positions.min() <= positions.max() < total
    assert np.diff(positions, append=total).max() <= 2 * total / len(positions) + 1


def constant(value: Value) -> Array:
    assert value.data is not None
    return value.data

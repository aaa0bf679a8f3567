"""The ledger names the layer that was damaged on purpose, and what was done to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_graphs import CONV, PLAIN, GraphMaker, small_cnn

from converter.calibrate import collect
from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.ir.ranges import Range, Ranges
from converter.ir.statistics import Arrays, Calibration
from converter.ir.types import DType
from converter.ir.weighted import bias_of
from converter.ledger import LayerError, measure_layers
from converter.options import Options
from converter.quantize import quantize, why_not

OPTIONS = Options(effort=0)


def calibrated(graph: Graph) -> Calibration:
    random = np.random.default_rng(0)
    rows: list[Arrays] = [
        {v.name: random.normal(0, 1, v.shape).astype(np.float32) for v in graph.inputs} for _ in range(20)
    ]
    return collect(graph, rows, CExecutor())


def two_layers(widened: int | None = None) -> Graph:
    make = GraphMaker((1, 6, 6, 4))
    first = make.conv(make.x, 6)
    if widened is not None:
        weights = make.nodes[0].input(1).data
        assert weights is not None
        weights[widened] *= 60
    return make.graph(make.conv(first, 3))


def ledger(graph: Graph, calibration: Calibration) -> tuple[LayerError, ...]:
    made = quantize(graph, calibration, OPTIONS, CExecutor())
    return measure_layers(made, calibration, OPTIONS, CExecutor())


def test_every_layer_has_its_error() -> None:
    graph = small_cnn()
    rows = ledger(graph, calibrated(graph))
    assert [row.op for row in rows] == [
        "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD", "FULLY_CONNECTED", "SOFTMAX",
    ]  # fmt: skip
    assert all(20 < row.alone_db < 70 and row.cumulated_db <= row.alone_db + 3 for row in rows)


@pytest.mark.parametrize("io", ["float32", "int8", "uint8"])
def test_types_of_inputs_and_outputs_change_nothing(io: str) -> None:
    graph = two_layers()
    calibration, options = calibrated(graph), replace(OPTIONS, io=io)
    made = quantize(graph, calibration, options, CExecutor())
    assert measure_layers(made, calibration, options, CExecutor()) == ledger(graph, calibration)


def test_clipping() -> None:
    graph = two_layers()
    calibration = calibrated(graph)
    name = graph.nodes[0].output.name
    found = calibration.ranges.by_name[name]
    halved = Ranges({**calibration.ranges.by_name, name: Range(found.low / 3, found.high / 3)}, 20)
    first, second = ledger(graph, replace(calibration, ranges=halved))
    assert (first.cause, second.cause) == ("clipping", "rounding")
    assert first.flag == "--keep-float conv_2d_0 --keep-float conv_2d_1"  # the reader would clip what it is given
    assert first.alone_db < second.alone_db


def test_outlier_channel() -> None:
    graph = two_layers(widened=4)
    first, _ = ledger(graph, calibrated(graph))
    assert (first.cause, first.widest_channel, first.flag) == ("outlier channel", 4, "--effort 1")


def flags(graph: Graph, **options: Any) -> list[tuple[float, str]]:
    """Of the first layer: the share of weights, and the advice at each effort."""
    calibration = calibrated(graph)
    made = quantize(graph, calibration, OPTIONS, CExecutor())
    rows = [measure_layers(made, calibration, Options(effort=e, **options), CExecutor())[0] for e in (0, 1, 2)]
    return [(row.weights_share, row.flag) for row in rows]


def test_rounded_activations_want_int16_in_the_layer_and_in_what_reads_it() -> None:
    (share, first), *others = flags(two_layers())
    assert share < 0.4 and first == "--effort 1"
    assert [flag for _, flag in others] == ["--keep-int16 conv_2d_0 --keep-int16 conv_2d_1"] * 2


def test_without_an_int16_form_rounded_activations_want_float32() -> None:
    make = GraphMaker((1, 6, 6, 4))
    graph = make.graph(make.op("PRELU", [make.conv(make.x, 6), make.constant(np.full(6, 0.3, np.float32))]))
    assert why_not(graph.nodes[1], DType.INT16) is not None
    assert flags(graph)[2][1] == "--keep-float conv_2d_0 --keep-float prelu_1"


def test_rounded_weights_want_effort_then_float32() -> None:
    graph = two_layers()
    weights = graph.nodes[0].input(1).data
    assert weights is not None
    weights[:, 0, 0, 0] = 20  # sets the step of all others
    found = flags(graph)
    assert all(share > 0.6 for share, _ in found)
    assert [flag for _, flag in found] == ["--effort 1", "--effort 2", "--keep-float conv_2d_0"]


def test_bias() -> None:
    graph = two_layers()
    calibration = calibrated(graph)
    made = quantize(graph, calibration, OPTIONS, CExecutor())
    bias = bias_of(made.layers[0].quantized)
    assert bias is not None and bias.data is not None
    bias.data = bias.data + np.int32(2000)
    rows = measure_layers(made, calibration, OPTIONS, CExecutor())
    assert rows[0].cause == "bias" and rows[0].bias_share > 0.9 and rows[0].flag == "more calibration samples"


def test_a_flag_gains_what_it_says() -> None:
    """Int16 around the first layer, by the trial and by a conversion with it."""
    graph, executor, options = two_layers(), CExecutor(), Options(effort=1)
    calibration = calibrated(graph)
    made = quantize(graph, calibration, options, executor, only=())
    row = measure_layers(made, calibration, options, executor)[0]
    assert row.flag == "--keep-int16 conv_2d_0 --keep-int16 conv_2d_1" and row.flag_gain_db is not None
    followed = replace(options, keep_int16=("conv_2d_0", "conv_2d_1"))
    wide = quantize(graph, calibration, followed, executor, only=())
    assert made.output_db is not None and wide.output_db is not None
    assert row.flag_gain_db > 3 and abs(wide.output_db - made.output_db - row.flag_gain_db) < 1


def test_a_flag_that_gains_nothing_is_not_given() -> None:
    """The layer is rounded like others, but nearly nothing of it reaches the output."""
    make = GraphMaker((1, 6, 6, 4))
    first = make.conv(make.x, 6)
    faint = make.constant(np.full((6, 1, 1, 6), 1e-6, np.float32))
    hidden = make.op("CONV_2D", [first, faint], CONV)
    graph = make.graph(make.op("ADD", [hidden, make.conv(make.x, 6)], PLAIN))
    calibration, options = calibrated(graph), Options(effort=1)
    made = quantize(graph, calibration, options, CExecutor(), only=())
    rows = measure_layers(made, calibration, options, CExecutor())
    assert rows[0].cause == "rounding" and rows[0].flag == ""
    assert rows[0].flag_gain_db is not None and abs(rows[0].flag_gain_db) < 0.01
    assert rows[2].flag_gain_db is not None and rows[2].flag_gain_db > 1 and rows[2].flag

"""Weights in fewer bits under float32 activations: what is stored, how well, and that LiteRT computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_graphs import POOL, GraphMaker

import liteinterp
from converter import backend
from converter.frontends.tflite import load
from converter.ir.graph import Graph
from converter.ir.types import DType
from converter.options import Options
from converter.quantize import WEIGHT_TYPES, WeightType, store_weights
from converter.quantize.weight_scales import code_weights
from liteinterp.inspect import inspect

Array = npt.NDArray[Any]
SHAPE = (1, 9, 8, 16)


@pytest.fixture
def graph() -> Graph:
    """A convolution and a dense layer of more than 1024 weights, a depthwise one and a dense one of fewer."""
    maker = GraphMaker(SHAPE)
    x = maker.conv(maker.inputs[0], 32, fused_activation_function="RELU")
    x = maker.op("AVERAGE_POOL_2D", [maker.depthwise(x)], {**POOL, "filter_height": 9, "filter_width": 8})
    return maker.graph(maker.dense(maker.dense(maker.reshape(x, 1, 32), 40), 4))


def answer(engine: Any, x: Array) -> Array:
    engine.allocate_tensors()
    engine.set_tensor(engine.get_input_details()[0]["index"], x)
    engine.invoke()
    result: Array = engine.get_tensor(engine.get_output_details()[0]["index"])
    return result


@pytest.mark.parametrize(
    ("kind", "stored", "least_db"),
    [("dynamic", DType.INT8, 30), ("int8-weights", DType.INT8, 40), ("int4-weights", DType.INT4, 8),
     ("float16", DType.FLOAT16, 60)],
)  # fmt: skip
def test_large_weights_are_stored_in_the_type(graph: Graph, kind: WeightType, stored: DType, least_db: float) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert as oracle")
    before = backend.write(graph)
    made = store_weights(graph, lambda node: kind)
    assert [layer.constant.dtype for layer in made.layers] == [stored, stored]
    assert [row.node.op for row in made.kept] == ([] if kind == "float16" else ["DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
    assert made.after_bytes < made.before_bytes
    assert backend.write(graph) == before, "the float graph has changed"

    content, x = backend.write(made.graph), np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    ours = answer(liteinterp.Interpreter(model_content=content), x)
    reference = answer(litert.Interpreter(model_content=before), x)
    theirs = answer(litert.Interpreter(model_content=content), x)
    assert 10 * np.log10(np.sum(reference**2) / np.sum((ours - reference) ** 2)) > least_db
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("kind", WEIGHT_TYPES)
def test_the_file_can_be_read_again(graph: Graph, kind: WeightType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITEINTERP_FLOAT", "exact")  # float16 comes back as float32 constants, which may be packed
    content = backend.write(store_weights(graph, lambda node: kind).graph)
    x = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    again = answer(liteinterp.Interpreter(model_content=backend.write(load(content, Options()))), x)
    np.testing.assert_array_equal(again, answer(liteinterp.Interpreter(model_content=content), x))


def test_an_operator_may_be_left_out(graph: Graph) -> None:
    made = store_weights(graph, lambda node: "dynamic" if node.op == "CONV_2D" else None)
    assert [layer.node.op for layer in made.layers] == ["CONV_2D"] and not made.kept


def test_numbers_beyond_float16_stay(graph: Graph) -> None:
    weights = graph.nodes[0].input(1)
    assert weights.data is not None
    weights.data.flat[0] = 1e5
    made = store_weights(graph, lambda node: "float16")
    assert [layer.node.op for layer in made.layers] == ["FULLY_CONNECTED"]
    assert "holds numbers that float16 does not" in made.kept[0].reason


def test_four_bits_take_a_scale_below_the_largest_weight() -> None:
    """A Gaussian channel with its largest weight at 5 sigma: plain rounding loses 5 dB to the best scale."""
    rows = np.random.default_rng(0).standard_normal((3, 600)).astype(np.float32)
    rows[:, 0] = 5
    codes, scales = code_weights(rows, 0, 4)
    lost = np.sum((codes * np.array(scales)[:, None] - rows) ** 2)
    plain = np.sum((np.rint(rows / (5 / 7)) * (5 / 7) - rows) ** 2)
    assert np.abs(codes).max() == 7 and lost < plain / 1.5


def test_convert_says_what_it_stored(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(backend.write(graph))
    conversion = liteinterp.convert(path, quantize="int4-weights")
    report = conversion.report
    assert report.quantize == "int4-weights" and len(report.layers) == 2
    assert [row.op for row in report.kept_float] == ["DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    (micro,) = (row for row in report.runtimes if row.runtime == "TFLite Micro")
    assert micro.missing == ("DEQUANTIZE of int4",)
    conversion.save(path)
    assert inspect(path).runtimes[-1].detail == "lacks DEQUANTIZE of int4"
    assert "fewer than 1024" in report.kept_float[0].reason and "2 constants, " in report.to_text()


def test_operators_stay_float_by_name(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(backend.write(graph))
    report = liteinterp.convert(path, quantize="dynamic", keep_float=[graph.nodes[0].output.name]).report
    assert [row.op for row in report.layers] == ["FULLY_CONNECTED"]
    assert "--keep-float" in report.kept_float[0].reason and report.kept_float[0].op == "CONV_2D"


@pytest.mark.slow
def test_samples_choose_the_rounding(graph: Graph, tmp_path: Path) -> None:
    """On inputs with directions of unlike strength second-order rounding and corrected biases gain over plain codes."""
    random = np.random.default_rng(2)
    mixing = random.standard_normal((16, 16)) * np.geomspace(1, 0.02, 16)
    x = (random.standard_normal((40, *SHAPE[1:])) @ mixing + 0.5).astype(np.float32)
    path = tmp_path / "float.tflite"
    path.write_bytes(backend.write(graph))
    fitted = liteinterp.convert(path, quantize="int4-weights", calib={"x": x[:20]})
    plain = liteinterp.convert(path, quantize="int4-weights")

    def error(content: bytes) -> float:
        pairs = [[answer(liteinterp.Interpreter(model_content=f), row[None]) for f in (path.read_bytes(), content)]
                 for row in x[20:]]  # fmt: skip
        return float(np.mean([np.sum((a - b) ** 2) for a, b in pairs]))

    assert error(fitted.model) < error(plain.model) / 2
    assert [step.name for step in fitted.report.steps] == ["int4-weights", "bias correction", "second-order rounding"]

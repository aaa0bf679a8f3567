"""Trained models: the graph as read equals ONNX Runtime, on our runtime and as a file in LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from onnx_models import assert_close, random_inputs, run_graph, run_onnxruntime

from converter import backend, frontends
from converter.errors import UnsupportedError
from converter.options import Options

#: Engines differ from each other by up to 4e-5 on whole networks.
RELATIVE = 1e-4

MODELS = (
    *(f"bench/{name}.float.onnx" for name in ("ad", "ic", "kws", "mobilenetv2", "person", "strww", "vww")),
    *(f"models/{name}.onnx" for name in ("mlperf_kws_ds_cnn", "efficientnet_lite0", "ultraface_rfb320", "fastestdet")),
)


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_equals_onnxruntime(zoo: Path, name: str) -> None:
    graph = frontends.load(zoo / name, Options())
    inputs = random_inputs(graph)
    expected = run_onnxruntime(onnx.load(zoo / name), inputs)
    runner = Interpreter(model_content=backend.write(graph), num_threads=1).get_signature_runner()
    in_litert = runner(**inputs)
    for output, ours, wanted in zip(graph.output_names, run_graph(graph, inputs), expected, strict=True):
        assert_close(ours, wanted, RELATIVE)
        assert_close(in_litert[output], wanted, RELATIVE)


@pytest.mark.parametrize("name", ["kws", "vww"])
def test_quantized_models_are_refused_by_name(zoo: Path, name: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        frontends.load(zoo / f"bench/{name}.qdq.onnx", Options())
    model = onnx.load(zoo / f"bench/{name}.qdq.onnx")
    activations = {node.name for node in model.graph.node if node.op_type == "QuantizeLinear"}
    assert all(repr(node) in str(caught.value) for node in activations)


def test_reading_is_the_same_every_time(zoo: Path) -> None:
    path = zoo / "models/mlperf_kws_ds_cnn.onnx"
    first, second = (backend.write(frontends.load(path, Options())) for _ in range(2))
    assert np.array_equal(np.frombuffer(first, np.uint8), np.frombuffer(second, np.uint8))

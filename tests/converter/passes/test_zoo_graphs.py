"""Trained models compute the same after each pass, and keep transposes only where their inputs ask for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pass_checks import assert_close, origins, random_inputs, run_all, run_litert

from converter import frontends
from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.options import Options
from converter.passes import optimize

#: Transposes that must stay: one where the source's input has the channels first and more than one of them.
MODELS = {
    "models/mlperf_kws_ds_cnn.onnx": 0,
    "bench/kws.float.onnx": 0,
    "bench/ic.float.onnx": 1,
    "bench/ad.float.onnx": 0,
    "bench/vww.float.onnx": 1,
    "bench/person.float.onnx": 0,
    "bench/strww.float.onnx": 1,
    "models/mlperf_ic_resnet8.tflite": 0,
    "models/mobilenet_v1_0.25_224.tflite": 0,
    "models/blazeface_short.tflite": 0,
}


@pytest.mark.parametrize("name", MODELS)
def test_model_computes_the_same_after_each_pass(zoo: Path, name: str) -> None:
    graph = frontends.load(zoo / name, Options())
    inputs = random_inputs(graph)
    wanted = run_all(graph, inputs)
    sources = origins(graph, wanted)
    outputs = [value.name for value in graph.outputs]
    litert = run_litert(graph, inputs)

    def compare(pass_name: str, changed: Graph) -> None:
        found = run_all(changed, inputs)
        for output in outputs:
            assert_close(found[output], wanted[output], f"{output} after {pass_name}")
        for source, array in origins(changed, found).items():
            assert_close(array, sources[source], f"{source} after {pass_name}")

    optimize(graph, CExecutor(), after_pass=compare)
    for value, a, b in zip(outputs, run_litert(graph, inputs), litert, strict=True):
        assert_close(a, b, f"{value} in LiteRT")
    transposes = [i for i, node in enumerate(graph.nodes) if node.op == "TRANSPOSE"]
    assert len(transposes) == MODELS[name] and set(transposes) <= {0}
    assert not any(node.op in ("MUL", "RELU", "RELU6") and name.endswith(".onnx") for node in graph.nodes)

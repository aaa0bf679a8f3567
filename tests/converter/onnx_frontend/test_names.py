"""Names and provenance: interfaces keep theirs, and every value with an origin equals that tensor of the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import assert_close, check, make_model, operators, random_inputs, run_onnxruntime

from converter import frontends
from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.options import Options

RNG = np.random.default_rng(11)


def _convnet() -> onnx.ModelProto:
    """Every kind of value: permuted weights, padding, pooling, BatchNorm, aliases, two outputs."""
    weights = {
        "w1": RNG.standard_normal((4, 2, 3, 3)),
        "b1": RNG.standard_normal(4),
        "w2": RNG.standard_normal((4, 1, 3, 3)),
        "scale": RNG.standard_normal(4),
        "shift": RNG.standard_normal(4),
        "mean": RNG.standard_normal(4),
        "var": RNG.uniform(0.5, 1.5, 4),
        "w3": RNG.standard_normal((100, 5)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], strides=[2, 2], pads=[1, 1, 1, 1], name="first"),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], group=4, pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c2", "scale", "shift", "mean", "var"], ["n"]),
        helper.make_node("Identity", ["n"], ["features"]),
        helper.make_node("Relu", ["n"], ["r2"]),
        helper.make_node("AveragePool", ["r2"], ["p"], kernel_shape=[2, 2], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("MaxPool", ["p"], ["m"], kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("MatMul", ["f", "w3"], ["logits"]),
    ]
    constants = {name: array.astype(np.float32) for name, array in weights.items()}
    return make_model(nodes, {"x": (1, 2, 12, 12)}, ["logits", "features"], constants)


def assert_origins_hold(model: onnx.ModelProto, graph: Graph, relative: float = 1e-5) -> int:
    """Compare every value that names a source tensor with it; the number of computed ones."""
    initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    feeds = random_inputs(graph)
    tensors = [value.origin.name for value in graph.values() if value.origin is not None and not value.is_constant]
    names = [name for name in dict.fromkeys(tensors) if name not in feeds]
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    del exposed.graph.output[:]
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    source = {**initializers, **feeds, **dict(zip(names, run_onnxruntime(exposed, feeds), strict=True))}
    with CExecutor().open(graph) as session:
        session.run({value.name: feeds[name] for name, value in zip(graph.input_names, graph.inputs, strict=True)})
        for value in graph.values():
            if value.origin is None:
                continue
            expected = source[value.origin.name]
            if value.origin.permutation is not None:
                expected = expected.transpose(value.origin.permutation)
            assert_close(value.data if value.data is not None else session.read(value), expected, relative)
    return len(names)


def test_every_origin_is_true() -> None:
    model = _convnet()
    graph = check(model)
    assert assert_origins_hold(model, graph) >= 9
    permuted = {value.name: value.origin.permutation for value in graph.values() if value.origin is not None}
    assert permuted["c1_nhwc"] == (0, 2, 3, 1)
    assert permuted["c1"] is None


@pytest.mark.parametrize("name", ["models/mlperf_kws_ds_cnn.onnx", "bench/ic.float.onnx"])
def test_every_origin_is_true_in_trained_models(zoo: Path, name: str) -> None:
    model = onnx.load(zoo / name)
    graph = frontends.load(zoo / name, Options())
    assert assert_origins_hold(model, graph, 1e-4) >= 20


def test_interfaces_keep_names_and_order() -> None:
    graph = check(_convnet())
    assert graph.input_names == ["x"] == [value.name for value in graph.inputs]
    assert graph.output_names == ["logits", "features"] == [value.name for value in graph.outputs]


def test_values_bear_the_names_of_the_tensors_that_they_are() -> None:
    names = {value.name for value in check(_convnet()).values()}
    assert {"c1", "r1", "c2", "r2", "p", "m", "f", "b1", "w3_10"} <= names
    assert len({value.name for value in check(_convnet()).values()}) == len(list(check(_convnet()).values()))


def test_nodes_bear_the_names_of_the_nodes_that_they_are_part_of() -> None:
    graph = check(_convnet())
    assert {node.name for node in graph.nodes if node.op == "CONV_2D"} == {"first"}
    assert {node.name for node in graph.nodes if node.op == "RELU"} == {"Relu_0", "Relu_1"}


def test_names_that_we_derive_step_aside_for_those_of_the_model() -> None:
    weights = RNG.standard_normal((4, 2, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Relu", ["c"], ["c_nhwc"])]
    graph = check(make_model(nodes, {"x": (1, 2, 5, 5)}, ["c_nhwc"], {"w": weights}))
    assert graph.outputs[0].name == "c_nhwc"


def test_outputs_that_are_inputs_constants_or_each_other_are_copies() -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.float32([1, 2]))),
    ]
    graph = check(make_model(nodes, {"x": (2, 3)}, ["same", "a", "b", "k"]))
    assert [value.name for value in graph.outputs] == ["same", "a", "b", "k"]
    assert operators(graph) == ["RELU", "RESHAPE", "RESHAPE", "RESHAPE"]


def test_weights_used_twice_are_stored_once() -> None:
    weights = RNG.standard_normal((2, 2, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c", "w"], ["y"], pads=[1, 1, 1, 1]),
    ]
    graph = check(make_model(nodes, {"x": (1, 2, 5, 5)}, ["y"], {"w": weights}))
    first, second = (node for node in graph.nodes if node.op == "CONV_2D")
    assert first.input(1) is second.input(1)

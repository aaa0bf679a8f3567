"""The written file: what other readers find in it, byte for byte where the format leaves a choice."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_graphs import GraphMaker
from sweeps import build, cases_of

from converter import backend
from converter.backend.versions import min_runtime_version, version_of
from converter.backend.write import constant_bytes
from converter.errors import IRError
from converter.frontends.tflite import load
from converter.gen import tflite
from converter.gen.ops import OPS
from converter.ir.graph import Graph, Node, OptionValue, Value
from converter.ir.memory import MemoryPlan, Peak, Search
from converter.ir.types import DType, Origin, Quantization
from converter.options import Options


def graph_of_layers() -> Graph:
    make = GraphMaker((1, 8, 8, 3))
    hidden = make.conv(make.x, 5, fused_activation_function="RELU6")
    hidden.origin = Origin("conv/Relu6", (0, 2, 3, 1))
    graph = make.graph(make.reshape(hidden, 1, -1))
    graph.input_names, graph.output_names = ["image"], ["scores"]
    return graph


def stored(model: tflite.Model) -> dict[str, bytes]:
    """Metadata by name."""
    return {entry.name or "": data_of(model, entry.buffer) for entry in model.metadata}


def data_of(model: tflite.Model, index: int) -> bytes:
    data = model.buffers[index].data
    return b"" if data is None else data.tobytes()


@pytest.mark.parametrize("op", OPS)
def test_litert_prepares_every_case(op: str) -> None:
    """Type, shape, quantization and options of the output as LiteRT reads them."""
    checked = 0
    for case in cases_of(op):
        if case.litert_lacks:
            continue
        made = build(case)
        interpreter = Interpreter(model_content=made.content)
        interpreter.allocate_tensors()
        for details, value in zip(interpreter.get_output_details(), made.node.outputs, strict=True):
            assert details["dtype"] == value.dtype.numpy
            if value.quantization is not None:
                scale = pytest.approx(value.quantization.scale, rel=1e-7)
                assert details["quantization"] == (scale, value.quantization.zero_point)
        checked += 1
    assert checked


def test_signature_names_inputs_and_outputs() -> None:
    interpreter = Interpreter(model_content=backend.write(graph_of_layers()))
    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["image"], "outputs": ["scores"]}}


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert backend.write(graph_of_layers()) == backend.write(graph_of_layers())


def test_buffer_0_is_empty_and_equal_constants_share_one() -> None:
    make = GraphMaker((1, 4))
    ones = [make.constant(np.ones((1, 4), np.float32), f"ones{i}") for i in range(3)]
    other = make.constant(np.full((1, 4), 2, np.float32))
    value = make.x
    for constant in (*ones, other):
        value = make.op("ADD", [value, constant])
    model = tflite.read_model(backend.write(make.graph(value)))
    assert model.buffers[0].data is None
    used = {tensor.buffer for tensor in model.subgraphs[0].tensors}
    assert len(used) == 3  # none, ones, twos


def test_memory_plan_lists_every_tensor() -> None:
    graph = graph_of_layers()
    offsets = {"x": 0, "t0": 768, "t1": 768}
    plan = MemoryPlan(offsets, 2048, 2048, 2048, Peak("", ()), Search(1, 1, 2048, 0, 0, 0))
    model = tflite.read_model(backend.write(graph, plan))
    words = np.frombuffer(stored(model)["OfflineMemoryAllocation"], np.int32).tolist()
    names = [tensor.name or "" for tensor in model.subgraphs[0].tensors]
    assert words == [1, 1, len(names), *(plan.offsets.get(name, -1) for name in names)]


def test_provenance_points_from_tensors_to_the_source() -> None:
    model = tflite.read_model(backend.write(graph_of_layers()))
    (entry,) = json.loads(stored(model)["liteinterp.provenance"])
    assert entry["source"] == "conv/Relu6" and entry["permutation"] == [0, 2, 3, 1]
    assert model.subgraphs[0].tensors[entry["tensor"]].name == entry["name"] == "t0"


def test_metadata_of_source_and_caller_is_kept() -> None:
    graph = graph_of_layers()
    graph.metadata = {"TFLITE_METADATA": b"labels", "note": b"old"}
    model = tflite.read_model(backend.write(graph, metadata={"note": b"new"}))
    entries = stored(model)
    assert entries["TFLITE_METADATA"] == b"labels" and entries["note"] == b"new"
    assert entries["min_runtime_version"].rstrip(b"\0")


def test_operator_codes_are_listed_once() -> None:
    make = GraphMaker((1, 6, 6, 2))
    value = make.conv(make.conv(make.x, 2), 2)
    model = tflite.read_model(backend.write(make.graph(value)))
    (code,) = model.operator_codes
    assert code.builtin_code == code.deprecated_builtin_code == 3 and code.version == 1


def plain_node(op: str, dtype: DType, bias: bool = True, rank: int = 2, **options: OptionValue) -> Node:
    shape = (4,) * rank
    values = [Value("x", shape, dtype), Value("w", shape, dtype), Value("b", (4,), dtype)]
    return Node(op, list(values[: 3 if bias else 2]), [Value("y", shape, dtype)], options)


def grouped() -> Node:
    node = plain_node("CONV_2D", DType.FLOAT32, rank=4)
    node.input(1).shape = (4, 4, 4, 2)
    return node


def product(output_scale: float) -> Node:
    node = plain_node("MUL", DType.INT8)
    for value, scale in ((node.input(0), 0.5), (node.input(1), 0.5), (node.output, output_scale)):
        value.quantization = Quantization.per_tensor(scale, 0)
    return node


def per_channel_dense() -> Node:
    node = plain_node("FULLY_CONNECTED", DType.INT8)
    node.input(1).quantization = Quantization((0.5, 0.25, 0.5, 0.5), (0, 0, 0, 0))
    return node


@pytest.mark.parametrize(
    ("node", "version"),
    [
        (plain_node("FULLY_CONNECTED", DType.FLOAT32), 1),
        (plain_node("FULLY_CONNECTED", DType.INT8), 4),
        (plain_node("FULLY_CONNECTED", DType.INT8, keep_num_dims=True), 5),
        (plain_node("FULLY_CONNECTED", DType.FLOAT32, bias=False), 6),
        (plain_node("DEPTHWISE_CONV_2D", DType.FLOAT32, dilation_w_factor=2), 2),
        (plain_node("DEPTHWISE_CONV_2D", DType.INT8, dilation_w_factor=2), 3),
        (plain_node("DEQUANTIZE", DType.UINT8), 1),
        (plain_node("RELU", DType.UINT8), 2),
        (plain_node("RESHAPE", DType.INT64), 1),
        (per_channel_dense(), 12),
        (plain_node("CONV_2D", DType.INT8, rank=4), 3),
        (grouped(), 6),
        (product(0.5), 2),
        (product(0.25), 3),
        (plain_node("TRANSPOSE", DType.INT8), 2),
        (plain_node("TRANSPOSE", DType.INT8, rank=5), 4),
        (plain_node("TRANSPOSE", DType.INT16, rank=5), 5),
        (plain_node("TRANSPOSE", DType.FLOAT32, rank=6), 6),
        (plain_node("PAD", DType.INT8, rank=5), 4),
    ],
)
def test_versions(node: Node, version: int) -> None:
    assert version_of(node) == version


def test_the_oldest_runtime_follows_from_the_versions() -> None:
    assert min_runtime_version([]) == "2.3.0"
    assert min_runtime_version([plain_node("PAD", DType.INT8, rank=5), grouped(), product(0.5)]) == "2.9.0"
    assert min_runtime_version([per_channel_dense(), grouped()]) == "2.17.0"


def test_operands_left_out_at_the_end_are_not_written() -> None:
    make = GraphMaker((1, 4))
    dense = make.op("FULLY_CONNECTED", [make.x, make.weights(3, 4), None])
    model = tflite.read_model(backend.write(make.graph(dense)))
    inputs = model.subgraphs[0].operators[0].inputs
    assert inputs is not None and len(inputs) == 2


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_convolutions_without_bias_get_zeros_and_run_in_litert(op: str, dtype: str) -> None:
    case = next(c for c in cases_of(op) if "bias" not in c.shapes and c.types.inputs[0] == dtype)
    made = build(case)
    file_without = tflite.read_model(made.content).subgraphs[0].operators[0].inputs
    assert file_without is not None and len(file_without) == 2
    content = backend.write(load(made.content, Options()))
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], made.inputs[0])
    interpreter.invoke()
    graph = load(content, Options())
    bias = graph.nodes[0].input(2)
    assert bias.data is not None and not bias.data.any() and bias.shape == made.node.output.shape[-1:]


def test_the_depth_multiplier_follows_from_the_shapes() -> None:
    make = GraphMaker((1, 5, 5, 3))
    graph = make.graph(make.depthwise(make.x, multiplier=4))
    del graph.nodes[0].options["depth_multiplier"]
    assert load(backend.write(graph), Options()).nodes[0].options["depth_multiplier"] == 4


def test_float16_constants_behind_dequantize_run_in_litert() -> None:
    half = np.array([[0.5, -2.25, 65504.0, 6e-8]], np.float16)
    w = Value("w", half.shape, DType.FLOAT16, data=half)
    wide, x, y = Value("wide", half.shape), Value("x", half.shape), Value("y", half.shape)
    graph = Graph([Node("DEQUANTIZE", [w], [wide]), Node("ADD", [x, wide], [y])], [x], [y])
    interpreter = Interpreter(model_content=backend.write(graph))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros_like(half, np.float32))
    interpreter.invoke()
    result: Any = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(result, half.astype(np.float32))


def test_int4_is_packed_low_half_first() -> None:
    data = np.array([1, -2, 7], np.int8)
    assert constant_bytes(data, DType.INT4) == bytes([0xE1, 0x07])


def test_a_scalar_has_a_rank() -> None:
    """An empty shape without has_rank means an unknown rank."""
    x = Value("x", (1,), quantization=None)
    y = Value("y", ())
    graph = Graph([Node("SQUEEZE", [x], [y], {"squeeze_dims": (0,)})], [x], [y])
    tensors = tflite.read_model(backend.write(graph)).subgraphs[0].tensors
    assert [tensor.has_rank for tensor in tensors] == [False, True]


def test_a_broken_graph_is_not_written() -> None:
    graph = graph_of_layers()
    graph.nodes[0].output.quantization = Quantization.per_tensor(1.0, 0)
    with pytest.raises(IRError):
        backend.write(graph)

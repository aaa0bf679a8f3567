"""Reading .tflite files: what we wrote ourselves comes back, and features of files by others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from small_graphs import GraphMaker
from sweeps import build, cases_of

from converter import backend
from converter.errors import InvalidModelError, UnsupportedError, UsageError
from converter.frontends.tflite import load
from converter.gen import tflite
from converter.gen.ops import OPS
from converter.ir.compare import differences
from converter.ir.graph import Graph, Node, Value
from converter.ir.types import DType, Origin
from converter.options import Options


def two_layers() -> Graph:
    make = GraphMaker((1, 8, 8, 3))
    graph = make.graph(make.op("SOFTMAX", [make.dense(make.reshape(make.conv(make.x, 4), 1, -1), 5)], {"beta": 1.0}))
    graph.input_names, graph.output_names = ["image"], ["scores"]
    return graph


def edited(change: Callable[[tflite.Model], None]) -> bytes:
    """The file of `two_layers`, changed."""
    model = tflite.read_model(backend.write(two_layers()))
    change(model)
    return tflite.write_model(model)


def tensor(model: tflite.Model, name: str) -> tflite.Tensor:
    return next(t for t in model.subgraphs[0].tensors if t.name == name)


@pytest.mark.parametrize("op", OPS)
def test_one_operator_files_come_back_the_same(op: str) -> None:
    for case in cases_of(op):
        made = build(case)
        graph = load(made.content, Options())
        if made.node.op == "DEQUANTIZE" and made.node.input(0).is_constant:
            continue
        (node,) = graph.nodes
        assert node.op == op
        for found, wanted in zip(node.outputs, made.node.outputs, strict=True):
            assert (found.shape, found.quantization) == (wanted.shape, wanted.quantization), case.name
        for ours, theirs in zip(node.inputs, made.node.inputs, strict=True):
            assert ours is not None and theirs is not None
            assert (ours.shape, ours.dtype, ours.quantization) == (theirs.shape, theirs.dtype, theirs.quantization)
            if theirs.data is not None:
                np.testing.assert_array_equal(np.asarray(ours.data), theirs.data)
        assert backend.write(graph) == backend.write(load(backend.write(graph), Options())), case.name


def test_a_written_graph_comes_back_equal() -> None:
    graph = load(backend.write(two_layers()), Options())
    again = load(backend.write(graph), Options())
    assert not list(differences(graph, again))
    assert again.input_names == ["image"] and again.output_names == ["scores"]


def test_values_know_their_source() -> None:
    graph = load(backend.write(two_layers()), Options())
    assert all(value.origin == Origin(value.name) for value in graph.values())
    assert graph.nodes[0].name == "t0"


def test_names_fall_back_to_those_of_tensors() -> None:
    graph = load(edited(lambda model: model.signature_defs.clear()), Options())
    assert graph.input_names == ["x"] and graph.output_names == ["t3"]


def test_names_that_occur_twice_are_told_apart() -> None:
    def rename(model: tflite.Model) -> None:
        for t in model.subgraphs[0].tensors:
            t.name = "same" if t.name != "x" else None

    graph = load(edited(rename), Options())
    names = [value.name for value in graph.values()]
    assert len(set(names)) == len(names) and "tensor_0" in names and "same_1" in names


def test_stored_shapes_are_hints() -> None:
    def forget(model: tflite.Model) -> None:
        tensor(model, "t0").shape = np.array([9, 9], np.int32)

    assert load(edited(forget), Options()).nodes[0].output.shape == (1, 8, 8, 4)


def test_an_open_batch_becomes_1() -> None:
    def open_batch(model: tflite.Model) -> None:
        tensor(model, "x").shape_signature = np.array([-1, 8, 8, 3], np.int32)

    assert load(edited(open_batch), Options()).inputs[0].shape == (1, 8, 8, 3)


def open_height(model: tflite.Model) -> None:
    tensor(model, "x").shape_signature = np.array([-1, -1, 8, 3], np.int32)


def test_another_open_dimension_needs_input_shape() -> None:
    with pytest.raises(UsageError, match="--input-shape image="):
        load(edited(open_height), Options())
    graph = load(edited(open_height), Options(input_shape={"image": [1, 8, 8, 3]}))
    assert graph.inputs[0].shape == (1, 8, 8, 3)


def test_input_shape_gives_every_shape_anew() -> None:
    make = GraphMaker((1, 8, 8, 3))
    content = backend.write(make.graph(make.conv(make.x, 4, stride_h=2, stride_w=2)))
    graph = load(content, Options(input_shape={"x": [3, 11, 5, 3]}))
    assert graph.outputs[0].shape == (3, 6, 3, 4)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [({"nobody": [1]}, "no such input"), ({"image": [1, 8]}, "4 positive"), ({"image": [0, 8, 8, 3]}, "4 positive")],
)
def test_input_shapes_that_do_not_fit(shapes: dict[str, list[int]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(backend.write(two_layers()), Options(input_shape=shapes))


def test_float16_weights_become_float32() -> None:
    half = np.array([0.5, -2.25, 65504.0, 6e-8], np.float16)
    w = Value("w", (4,), DType.FLOAT16, data=half)
    wide, x, y = Value("wide", (4,)), Value("x", (4,)), Value("y", (4,))
    content = backend.write(Graph([Node("DEQUANTIZE", [w], [wide]), Node("ADD", [x, wide], [y])], [x], [y]))
    (node,) = load(content, Options()).nodes
    data = node.input(1).data
    assert data is not None and data.dtype == np.float32
    np.testing.assert_array_equal(data, half.astype(np.float32))


def test_metadata_is_kept_but_for_what_describes_the_old_file() -> None:
    graph = two_layers()
    graph.metadata["TFLITE_METADATA"] = b"labels"
    assert load(backend.write(graph), Options()).metadata == {"TFLITE_METADATA": b"labels"}


def test_old_files_name_operators_in_the_deprecated_field() -> None:
    def deprecate(model: tflite.Model) -> None:
        for code in model.operator_codes:
            code.builtin_code = 0

    assert load(edited(deprecate), Options()).nodes[0].op == "CONV_2D"


def test_bias_scales_of_a_vector_belong_to_its_only_dimension() -> None:
    """Files exist whose biases name the channel dimension of their weights."""
    case = next(case for case in cases_of("DEPTHWISE_CONV_2D") if "bias" in case.shapes and "int8" in case.types.inputs)
    model = tflite.read_model(build(case).content)
    bias = tensor(model, "bias").quantization
    assert bias is not None
    bias.quantized_dimension = 3
    loaded = load(tflite.write_model(model), Options()).nodes[0].input(2).quantization
    assert loaded is not None and loaded.axis == 0


# ---- refusals ----


def refused(change: Callable[[tflite.Model], None]) -> str:
    with pytest.raises(UnsupportedError) as caught:
        load(edited(change), Options())
    return str(caught.value)


def test_every_operator_that_is_missing_is_named() -> None:
    def foreign(model: tflite.Model) -> None:
        model.operator_codes[0] = tflite.OperatorCode(deprecated_builtin_code=32, custom_code="Fancy", builtin_code=32)
        model.operator_codes[1] = tflite.OperatorCode(builtin_code=130)
        model.operator_codes[2] = tflite.OperatorCode(builtin_code=119)
        model.operator_codes[3].version = 99

    text = refused(foreign)
    assert "operator 0 CUSTOM 't0': is the custom operator 'Fancy'" in text
    assert "operator 1 BROADCAST_TO 't1': is not supported. docs/ops.md" in text
    assert "operator 2 WHILE 't2': is control flow" in text
    assert "operator 3 SOFTMAX 't3': has version 99, versions up to 3" in text


def test_several_subgraphs() -> None:
    assert "the file has 2" in refused(lambda model: model.subgraphs.append(tflite.SubGraph()))


def test_element_types_name_what_is_supported() -> None:
    def quantize_weights(model: tflite.Model) -> None:
        for t in model.subgraphs[0].tensors:
            if t.name == "w":
                t.type = int(tflite.TensorType.UINT8)
                assert t.shape is not None
                t.buffer = len(model.buffers)
                model.buffers.append(tflite.Buffer(data=np.ones(int(np.prod(t.shape)), np.uint8)))

    text = refused(quantize_weights)
    assert "has element types float32 uint8 float32 -> float32" in text and "Supported are float32 float32" in text


def test_computed_weights() -> None:
    def compute(model: tflite.Model) -> None:
        tensor(model, "w").buffer = 0

    assert "operand filter ('w') is computed in the graph. It must be a constant" in refused(compute)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": int(tflite.TensorType.STRING)}, "element type STRING"),
        ({"type": 77}, "element type 77"),
        ({"sparsity": tflite.SparsityParameters()}, "sparse"),
        ({"external_buffer": 1}, "another file"),
        ({"quantization": tflite.QuantizationParameters(details=tflite.BlockwiseQuantization())}, "block-wise"),
    ],
)
def test_features_of_tensors(fields: dict[str, object], message: str) -> None:
    def change(model: tflite.Model) -> None:
        index = next(i for i, t in enumerate(model.subgraphs[0].tensors) if t.name == "w")
        model.subgraphs[0].tensors[index] = dataclasses.replace(model.subgraphs[0].tensors[index], **fields)  # type: ignore[arg-type]

    assert message in refused(change)


def no_version(model: tflite.Model) -> None:
    model.version = 2


def short_buffer(model: tflite.Model) -> None:
    model.buffers[tensor(model, "w").buffer].data = np.zeros(5, np.uint8)


def not_a_number(model: tflite.Model) -> None:
    weights = tensor(model, "w")
    assert weights.shape is not None
    data = np.zeros(int(np.prod(weights.shape)), np.float32)
    data[3] = np.nan
    data[5] = np.inf
    model.buffers[weights.buffer].data = data.view(np.uint8)


def foreign_options(model: tflite.Model) -> None:
    model.subgraphs[0].operators[0].builtin_options = tflite.PadOptions()


def unknown_options(model: tflite.Model) -> None:
    model.subgraphs[0].operators[0].builtin_options = tflite.Opaque(15)


def tensor_out_of_range(model: tflite.Model) -> None:
    model.subgraphs[0].operators[0].inputs = np.array([0, 99], np.int32)


def code_out_of_range(model: tflite.Model) -> None:
    model.subgraphs[0].operators[0].opcode_index = 9


def cycle(model: tflite.Model) -> None:
    operators = model.subgraphs[0].operators
    operators.reverse()


def bad_stride(model: tflite.Model) -> None:
    model.subgraphs[0].operators[0].builtin_options = tflite.Conv2DOptions(stride_w=-1, stride_h=1)


def unknown_padding(model: tflite.Model) -> None:
    model.subgraphs[0].operators[0].builtin_options = tflite.Conv2DOptions(padding=7, stride_w=1, stride_h=1)


def scales_and_zero_points(model: tflite.Model) -> None:
    scale, zero_point = np.ones(4, np.float32), np.zeros(3, np.int64)
    w = tensor(model, "shape")
    w.quantization = tflite.QuantizationParameters(scale=scale, zero_point=zero_point)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_version, "schema version 2"),
        (short_buffer, "needs 432 bytes, its buffer has 5"),
        (not_a_number, "'w': 2 of its 108 elements are NaN or infinite"),
        (foreign_options, "carries PadOptions, it needs Conv2DOptions"),
        (unknown_options, "carries ResizeBilinearOptions, it needs Conv2DOptions"),
        (tensor_out_of_range, "operator 0 CONV_2D: names tensor 99"),
        (code_out_of_range, "operator code 9 of"),
        (cycle, "before anything writes it|does not"),
        (bad_stride, "stride_w is -1"),
        (unknown_padding, "padding has the unknown value 7"),
        (scales_and_zero_points, "4 scales and 3 zero points"),
    ],
)
def test_files_that_contradict_themselves(change: Callable[[tflite.Model], None], message: str) -> None:
    with pytest.raises(InvalidModelError, match=message):
        load(edited(change), Options())


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x1c\0\0\0TFL3"])
def test_bytes_that_are_no_model(content: bytes) -> None:
    with pytest.raises(InvalidModelError, match="damaged or truncated"):
        load(content, Options())

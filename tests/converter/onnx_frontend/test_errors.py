"""What bad input gets: the right class, and a text that names the place, the finding and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model, one_node

from converter import frontends
from converter.errors import ConvertError, InvalidModelError, UnsupportedError, UsageError
from converter.options import Options

INTS = np.int64


def refused(model: Any, kind: type[ConvertError], *texts: str, options: Options | None = None) -> ConvertError:
    with pytest.raises(kind) as caught:
        frontends.load(model, options or Options())
    assert type(caught.value) is kind
    for text in texts:
        assert text in str(caught.value)
    return caught.value


def test_all_unsupported_nodes_come_in_one_error() -> None:
    nodes = [
        helper.make_node("Erf", ["x"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Pow", ["b", "exponent"], ["c"], name="second"),
        helper.make_node("Erf", ["c"], ["d"], name="third"),
        helper.make_node("FusedGelu", ["d"], ["y"], name="fourth", domain="com.example"),
    ]
    model = make_model(nodes, {"x": (2, 3)}, ["y"], {"exponent": np.float32(1.5)})
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    error = refused(model, UnsupportedError, "Erf 'first', 'third'", "Pow 'second'", "com.example.FusedGelu 'fourth'")
    assert len(error.blockers) == 3


def test_what_follows_an_unknown_shape_is_not_blamed() -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["a"], name="cause"),
        helper.make_node("Cast", ["a"], ["b"], to=1, name="innocent"),
        helper.make_node("Relu", ["b"], ["y"], name="innocent too"),
    ]
    error = refused(make_model(nodes, {"x": (2, 3)}, ["y"]), UnsupportedError, "NonZero 'cause'")
    assert "innocent" not in str(error)


def test_a_shape_that_depends_on_data() -> None:
    nodes = [
        helper.make_node("Cast", ["n"], ["wish"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["x", "wish"], ["y"], name="view"),
    ]
    model = make_model(nodes, {"x": (2, 3), "n": (1,)}, ["y"])
    refused(model, UnsupportedError, "Reshape 'view': the shape of 'y' depends on data")


@pytest.mark.parametrize(
    ("model", "texts"),
    [
        (one_node("Conv", {"x": (1, 2, 5), "w": (3, 2, 3)}), ["Conv 'node'", "'w'", "constant"]),
        (one_node("Conv", {"x": (1, 2, 5, 5, 5)}, {"w": np.ones((3, 2, 3, 3, 3), np.float32)}), ["3 spatial dim"]),
        (one_node("ArgMax", {"x": (2, 3)}, output_type=onnx.TensorProto.INT64, select_last_index=1), ["select_last"]),
        (one_node("Pow", {"a": (2, 3), "b": (2, 3)}), ["Pow 'node'", "exponent"]),
        (one_node("Pow", {"a": (2, 3)}, {"b": np.float32(1.5)}), ["an exponent of 1.5"]),
        (one_node("Div", {"a": (2, 3)}, {"b": np.float32([1, 0, 1])}), ["holds zeros"]),
        (one_node("Clip", {"x": (2, 3)}, {"a": np.float32(np.nan), "b": np.float32(1)}), ["range of [nan, 1]"]),
        (one_node("QuantizeLinear", {"x": (2, 3)}, {"s": np.float32(0.1)}), ["give the float model"]),
        (
            one_node("MaxPool", {"x": (1, 1, 9, 9)}, kernel_shape=[2, 2], dilations=[2, 2]),
            ["MaxPool 'node': a dilated window"],
        ),
        (one_node("Relu", {"x": (1,) * 7}), ["7 dimensions", "At most 6"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_forms_that_we_cannot_express(model: onnx.ModelProto, texts: list[str]) -> None:
    refused(model, UnsupportedError, *texts)


def test_other_arithmetic_than_float32() -> None:
    model = one_node("PRelu", {"a": (2, 3), "b": (2, 3)})
    for value in model.graph.input:
        value.type.tensor_type.elem_type = TensorProto.INT64
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    refused(model, UnsupportedError, "PRelu 'node'", "int64", "float32")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    refused(model, UnsupportedError, "float64", "Export the model in float32")


def test_second_outputs_that_are_read() -> None:
    node = helper.make_node("MaxPool", ["x"], ["y", "where"], name="pool", kernel_shape=[2, 2])
    model = make_model([node], {"x": (1, 1, 4, 4)}, ["y", "where"])
    model.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    refused(model, UnsupportedError, "MaxPool 'pool': a second output is read")


def test_batch_normalization_in_training() -> None:
    operands = ["scale", "bias", "mean", "var"]
    node = helper.make_node("BatchNormalization", ["x", *operands], ["y", "m", "v"], name="norm", training_mode=1)
    model = make_model([node], {"x": (2, 3)}, ["y"], {name: np.ones(3, np.float32) for name in operands})
    refused(model, UnsupportedError, "BatchNormalization 'norm': training mode", "inference mode")


def test_a_branch_decided_at_run_time() -> None:
    output = helper.make_tensor_value_info("o", TensorProto.FLOAT, [2])
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["o"])], "body", [], [output])
    nodes = [
        helper.make_node("Cast", ["x"], ["b"], to=TensorProto.BOOL),
        helper.make_node("ReduceMax", ["b"], ["c"], keepdims=0, name="any"),
        helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body, name="choice"),
    ]
    refused(make_model(nodes, {"x": (2,)}, ["y"], opset=20), UnsupportedError, "If 'choice'", "export with it fixed")


# Input shapes ------------------------------------------------------------------------------------------------------


def test_unknown_dimensions_are_all_listed_with_the_flag() -> None:
    nodes = [helper.make_node("Add", ["a", "b"], ["y"])]
    model = make_model(nodes, {"a": (1, "seq", None), "b": (1, "seq", 4)}, ["y"])
    refused(model, UsageError, "input 'a'", "--input-shape a=1,seq,D2", "input 'b'", "--input-shape b=1,seq,4")


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ({"z": (1, 3)}, "Its inputs are: x"),
        ({"x": (1, 3, 1)}, "the input has 2 dimensions: [N, 3]"),
        ({"x": (1, 4)}, "the model fixes the shape [N, 3]"),
        ({"x": (0, 3)}, "must be positive"),
    ],
)
def test_shapes_that_do_not_fit(shapes: dict[str, tuple[int, ...]], text: str) -> None:
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], {"x": ("N", 3)}, ["y"])
    refused(model, UsageError, text, options=Options(input_shape=shapes))


def test_a_given_shape_that_the_network_cannot_take() -> None:
    model = make_model([helper.make_node("MatMul", ["x", "w"], ["y"], name="dense")], {"x": ("N", "F")}, ["y"],
                       {"w": np.ones((3, 4), np.float32)})  # fmt: skip
    refused(model, UsageError, "MatMul 'dense'", "Check --input-shape", options=Options(input_shape={"x": (1, 5)}))


# Models that contradict themselves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(poison: float) -> None:
    nodes = [helper.make_node("Add", ["x", "good"], ["a"]), helper.make_node("Mul", ["a", "bad"], ["y"])]
    model = make_model(nodes, {"x": (2,)}, ["y"], {"good": np.ones(2, np.float32), "bad": np.float32([1, poison])})
    error = refused(model, InvalidModelError, "tensor 'bad'")
    assert "good" not in str(error)


def test_infinite_bounds_of_a_clip_are_fine() -> None:
    model = one_node("Clip", {"x": (2, 3)}, {"low": np.float32(0), "high": np.float32(np.inf)})
    assert frontends.load(model, Options()).nodes[0].op == "RELU"


def test_a_variance_below_zero() -> None:
    constants = {name: np.ones(3, np.float32) for name in ("scale", "bias", "mean")} | {"var": -np.ones(3, np.float32)}
    refused(one_node("BatchNormalization", {"x": (2, 3)}, constants), UnsupportedError, "BatchNormalization 'node'")


def test_a_tensor_that_nothing_produces() -> None:
    model = make_model([helper.make_node("Add", ["x", "ghost"], ["y"])], {"x": (2,)}, ["y"])
    refused(model, InvalidModelError, "ghost")


def test_shapes_that_do_not_fit_each_other() -> None:
    model = one_node("MatMul", {"x": (2, 5)}, {"w": np.ones((3, 4), np.float32)})
    refused(model, InvalidModelError, "MatMul 'node'", "do not fit")


def test_a_tensor_with_fewer_bytes_than_its_shape_asks() -> None:
    model = one_node("Add", {"x": (2, 3)}, {"w": np.ones(3, np.float32)})
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    refused(model, InvalidModelError, "w")


def test_external_data_that_is_missing(tmp_path: Path) -> None:
    model = one_node("Add", {"x": (2048,)}, {"w": np.ones(2048, np.float32)})
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    refused(path, InvalidModelError, "weights.bin", "next to the .onnx file")
    refused(onnx.load(path, load_external_data=False), InvalidModelError, "'w'", "path of the .onnx file")


def test_external_data_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    (tmp_path / "folder").mkdir()
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, "../secret")
    tensor.ClearField("raw_data")
    model = one_node("Add", {"x": (4,)}, {"w": np.ones(4, np.float32)})
    model.graph.initializer[0].CopyFrom(tensor)
    path = tmp_path / "folder" / "model.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, InvalidModelError, "external data")


def test_a_newer_opset_than_onnx_knows() -> None:
    model = one_node("Relu", {"x": (2,)})
    model.opset_import[0].version = 999
    refused(model, UnsupportedError, "opset 999", "Upgrade onnx")


# Found by damaging models ---------------------------------------------------------------------------------------------


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    data = one_node("Relu", {"x": (2, 3)}).SerializeToString()
    path = tmp_path / "model.onnx"
    path.write_bytes(data.replace(b"Relu", b"R\xfflu"))
    refused(path, InvalidModelError, "UTF-8")


def test_an_input_without_an_element_type() -> None:
    model = one_node("Relu", {"x": (2, 3)})
    model.graph.input[0].type.tensor_type.elem_type = 99
    refused(model, UnsupportedError, "input 'x'")


def test_pads_beyond_32_bits() -> None:
    model = one_node("Pad", {"x": (2, 3)}, {"p": np.array([2**40, 0, 0, 0], INTS)})
    refused(model, UnsupportedError, "Pad 'node'")


def test_a_bound_without_elements() -> None:
    model = one_node("Clip", {"x": (2, 3)}, {"low": np.zeros(0, np.float32)})
    refused(model, UnsupportedError, "Clip 'node': its min has 0 elements")


def test_an_output_that_is_listed_twice() -> None:
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], {"x": (2, 3)}, ["y", "y"])
    refused(model, InvalidModelError, "output 'y'", "listed twice")

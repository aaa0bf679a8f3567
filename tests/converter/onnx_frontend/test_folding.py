"""Static shapes, folded constants, inlined branches and functions, upgraded and old models."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import assert_close, check, make_model, operators, random_inputs, run_graph, run_onnxruntime

from converter import frontends
from converter.errors import UnsupportedError
from converter.frontends.onnx import constants
from converter.options import Options

INTS = np.int64


def test_a_view_of_a_computed_shape_becomes_one_reshape() -> None:
    """x.view(x.size(0), -1), as PyTorch exports it."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"], axis=0),
        helper.make_node("Unsqueeze", ["batch", "zeros"], ["first"]),
        helper.make_node("Concat", ["first", "rest"], ["wish"], axis=0),
        helper.make_node("Reshape", ["x", "wish"], ["y"]),
    ]
    numbers = {"zero": np.array(0, INTS), "zeros": np.array([0], INTS), "rest": np.array([-1], INTS)}
    assert operators(check(make_model(nodes, {"x": (2, 3, 4)}, ["y"], numbers))) == ["RESHAPE"]


def test_the_same_with_axes_as_attributes() -> None:
    """Folding heeds the opset: axes of Unsqueeze are an attribute before 13."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"], axis=0),
        helper.make_node("Unsqueeze", ["batch"], ["first"], axes=[0]),
        helper.make_node("Concat", ["first", "rest"], ["wish"], axis=0),
        helper.make_node("Reshape", ["x", "wish"], ["y"]),
    ]
    model = make_model(
        nodes, {"x": (2, 3, 4)}, ["y"], {"zero": np.array(0, INTS), "rest": np.array([-1], INTS)}, opset=9
    )
    assert operators(check(model)) == ["RESHAPE"]


def test_part_of_a_shape() -> None:
    nodes = [helper.make_node("Shape", ["x"], ["wish"], start=1), helper.make_node("Reshape", ["z", "wish"], ["y"])]
    assert operators(check(make_model(nodes, {"x": (2, 3, 4), "z": (12,)}, ["y"], opset=15))) == ["RESHAPE"]


@pytest.mark.parametrize("attribute", ["value", "value_float", "value_floats"])
def test_constants_as_nodes(attribute: str) -> None:
    value = {
        "value": numpy_helper.from_array(np.float32([2, 3, 4])),
        "value_float": 2.5,
        "value_floats": [1.0, 2.0, 3.0],
    }[attribute]
    nodes = [helper.make_node("Constant", [], ["c"], **{attribute: value}), helper.make_node("Mul", ["x", "c"], ["y"])]
    assert operators(check(make_model(nodes, {"x": (2, 3)}, ["y"]))) == ["MUL"]


def test_operators_without_a_mapping_fold_where_their_inputs_are_constants() -> None:
    nodes = [
        helper.make_node("Exp", ["w"], ["e"]),
        helper.make_node("Tile", ["e", "times"], ["t"]),
        helper.make_node("Add", ["x", "t"], ["y"]),
    ]
    weights = {"w": np.float32([0.5, 1.5]), "times": np.array([3], INTS)}
    graph = check(make_model(nodes, {"x": (2, 6)}, ["y"], weights))
    assert operators(graph) == ["ADD"]


def test_nodes_that_no_output_needs_do_not_matter() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Erf", ["x"], ["unread"])]
    assert operators(check(make_model(nodes, {"x": (2, 3)}, ["y"]))) == ["RELU"]


def test_random_numbers_are_no_constants() -> None:
    nodes = [
        helper.make_node("RandomNormal", [], ["r"], shape=[3], name="noise"),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ]
    with pytest.raises(UnsupportedError, match="RandomNormal 'noise'"):
        frontends.load(make_model(nodes, {"x": (2, 3)}, ["y"]), Options())


def test_a_constant_beyond_the_limit_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "MAX_FOLDED_ELEMENTS", 100)
    nodes = [helper.make_node("ConstantOfShape", ["n"], ["c"], name="big"), helper.make_node("Add", ["x", "c"], ["y"])]
    model = make_model(nodes, {"x": (1,)}, ["y"], {"n": np.array([101], INTS)})
    with pytest.raises(UnsupportedError, match="ConstantOfShape 'big'"):
        frontends.load(model, Options())


@pytest.mark.parametrize("taken", [True, False])
def test_a_branch_that_is_decided_is_inlined(taken: bool) -> None:
    def branch(op_type: str) -> onnx.GraphProto:
        output = helper.make_tensor_value_info(f"{op_type}_out", TensorProto.FLOAT, [2, 3])
        return helper.make_graph([helper.make_node(op_type, ["x"], [output.name])], op_type, [], [output])

    nodes = [
        helper.make_node("If", ["c"], ["i"], then_branch=branch("Relu"), else_branch=branch("Sigmoid")),
        helper.make_node("Add", ["i", "x"], ["y"]),
    ]
    graph = check(make_model(nodes, {"x": (2, 3)}, ["y"], {"c": np.array(taken)}))
    assert operators(graph) == ["RELU" if taken else "LOGISTIC", "ADD"]


def test_branches_may_share_names() -> None:
    def branch(factor: float) -> onnx.GraphProto:
        output = helper.make_tensor_value_info("out", TensorProto.FLOAT, [2, 3])
        nodes = [helper.make_node("Mul", ["x", "k"], ["t"]), helper.make_node("Relu", ["t"], ["out"])]
        constant = numpy_helper.from_array(np.array([factor], np.float32), "k")
        return helper.make_graph(nodes, "body", [], [output], [constant])

    nodes = [
        helper.make_node("If", ["c"], ["i"], then_branch=branch(2.0), else_branch=branch(3.0)),
        helper.make_node("If", ["c"], ["j"], then_branch=branch(-5.0), else_branch=branch(7.0)),
        helper.make_node("Add", ["i", "j"], ["y"]),
    ]
    check(make_model(nodes, {"x": (2, 3)}, ["y"], {"c": np.array(True)}))


def test_functions_of_the_model_are_inlined() -> None:
    double_relu = helper.make_function(
        "local",
        "DoubleRelu",
        ["a"],
        ["c"],
        [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Add", ["b", "b"], ["c"])],
        [helper.make_opsetid("", 17)],
    )
    model = make_model([helper.make_node("DoubleRelu", ["x"], ["y"], domain="local")], {"x": (2, 3)}, ["y"])
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.functions.append(double_relu)
    assert operators(check(model)) == ["RELU", "ADD"]


def test_initializers_may_be_listed_as_inputs() -> None:
    """IR version 3 asks for it."""
    weights = np.float32([1, 2, 3])
    model = make_model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": (2, 3)}, ["y"], {"w": weights}, 8, 3)
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3]))
    graph = check(model)
    assert graph.input_names == ["x"]


def test_an_older_opset_is_upgraded() -> None:
    """Before opset 7 broadcasting has to be asked for."""
    node = helper.make_node("Add", ["x", "w"], ["y"], broadcast=1)
    model = make_model([node], {"x": (2, 3, 4)}, ["y"], {"w": np.float32([1, 2, 3, 4])}, 6, 3)
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4]))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3, 4]))
    graph = frontends.load(model, Options())
    x = random_inputs(graph)["x"]
    assert_close(run_graph(graph, {"x": x})[0], x + np.float32([1, 2, 3, 4]))


def test_an_unknown_first_dimension_becomes_1_and_is_said(caplog: pytest.LogCaptureFixture) -> None:
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], {"x": ("N", 3)}, ["y"])
    with caplog.at_level(logging.WARNING):
        graph = check(model)
    assert graph.inputs[0].shape == (1, 3)
    assert "input 'x'" in caplog.text and "[N, 3]" in caplog.text


def test_a_given_shape_settles_a_symbol_for_all_inputs() -> None:
    nodes = [helper.make_node("Add", ["a", "b"], ["y"])]
    model = make_model(nodes, {"a": ("N", 3, "T"), "b": ("N", 3, "T")}, ["y"])
    graph = check(model, Options(input_shape={"b": (2, 3, 5)}))
    assert [value.shape for value in graph.inputs] == [(2, 3, 5)] * 2


def test_external_data_next_to_the_file(tmp_path: Path) -> None:
    weights = np.arange(2048, dtype=np.float32)
    model = make_model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": (2048,)}, ["y"], {"w": weights})
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert path.stat().st_size < 1024
    graph = frontends.load(path, Options())
    x = random_inputs(graph)["x"]
    assert_close(run_graph(graph, {"x": x})[0], run_onnxruntime(onnx.load(path), {"x": x})[0])

"""Slice, Split, Gather, Pad, Cast and Expand, against ONNX Runtime over the opsets that changed them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import OPSETS, check, make_model, one_node, operators

from converter import frontends
from converter.errors import ConvertError
from converter.options import Options

INTS = np.int64
FAR = 2**63 - 1


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(
    ("starts", "ends", "axes"),
    [([1, 0], [3, FAR], [0, 2]), ([-2], [-1], [1]), ([0, 0, 0], [FAR, FAR, FAR], None), ([-4], [2], [-1])],
)
def test_slice(opset: int, starts: list[int], ends: list[int], axes: list[int] | None) -> None:
    if opset < 10:
        axes = None if axes is None else [axis % 3 for axis in axes]
        given: dict[str, Any] = {} if axes is None else {"axes": axes}
        check(one_node("Slice", {"x": (4, 3, 5)}, opset=opset, starts=starts, ends=ends, **given))
    else:
        constants = {"starts": np.array(starts, INTS), "ends": np.array(ends, INTS)}
        if axes is not None:
            constants["axes"] = np.array(axes, INTS)
        check(one_node("Slice", {"x": (4, 3, 5)}, constants, opset))


@pytest.mark.parametrize(
    ("starts", "ends", "steps"),
    [([0, 1], [4, 5], [2, 3]), ([-1, 4], [-FAR, 0], [-1, -2]), ([3, -1], [0, -4], [-1, -1]), ([2, 0], [1, 5], [-3, 7])],
)
def test_slice_in_steps(starts: list[int], ends: list[int], steps: list[int]) -> None:
    numbers = {"starts": starts, "ends": ends, "axes": [0, 2], "steps": steps}
    check(one_node("Slice", {"x": (4, 3, 5)}, {name: np.array(values, INTS) for name, values in numbers.items()}))


def split_model(opset: int, sizes: list[int] | None, read: list[str], parts: int, axis: int) -> onnx.ModelProto:
    names = [f"y{i}" for i in range(parts)]
    attributes: dict[str, Any] = {"axis": axis}
    constants = {}
    if sizes is not None and opset >= 13:
        constants["sizes"] = np.array(sizes, INTS)
    elif sizes is not None:
        attributes["split"] = sizes
    elif opset >= 18:
        attributes["num_outputs"] = parts
    node = helper.make_node("Split", ["x", *constants], names, name="node", **attributes)
    return make_model([node], {"x": (2, 6, 3)}, read, constants, opset)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("sizes", [None, [1, 3, 2], [2, 2, 2]])
@pytest.mark.parametrize("read", [["y0", "y1", "y2"], ["y2", "y0"], ["y1"]])
def test_split(opset: int, sizes: list[int] | None, read: list[str]) -> None:
    graph = check(split_model(opset, sizes, read, 3, -2 if opset >= 11 else 1))
    assert operators(graph) == ["SLICE" if len(read) == 1 else "SPLIT_V" if sizes == [1, 3, 2] else "SPLIT"]


def test_split_with_a_smaller_last_part() -> None:
    check(split_model(18, None, ["y0", "y1", "y2", "y3"], 4, 1))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("indices", [[0, 2, 1, 2], [[1, 0], [2, 2]], 1, [2]])
def test_gather(opset: int, axis: int, indices: Any) -> None:
    check(one_node("Gather", {"x": (3, 4, 3)}, {"at": np.array(indices, INTS)}, opset, axis=axis))


def test_gather_from_the_end() -> None:
    check(one_node("Gather", {"x": (3, 4)}, {"at": np.array([-1, 0, -4], INTS)}, axis=-1))


def test_gather_by_computed_indices() -> None:
    nodes = [
        helper.make_node("Cast", ["i"], ["at"], to=TensorProto.INT64),
        helper.make_node("Gather", ["x", "at"], ["y"]),
    ]
    model = make_model(nodes, {"x": (5, 3), "i": (4,)}, ["y"])
    inputs = {"x": np.arange(15, dtype=np.float32).reshape(5, 3), "i": np.array([4, 0, 2.9, 1], np.float32)}
    assert operators(check(model, inputs=inputs)) == ["CAST", "GATHER"]


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("pads", [[0, 1, 2, 0, 2, 3], [1, 0, -2, 0, -1, 2], [-1, 0, 0, 0, -1, -2]])
@pytest.mark.parametrize("opset", OPSETS)
def test_pad_modes(opset: int, pads: list[int], mode: str) -> None:
    if opset < 11:
        given = {"value": 1.5} if mode == "constant" else {}
        check(one_node("Pad", {"x": (2, 4, 5)}, opset=opset, pads=pads, mode=mode, **given))
    else:
        constants: dict[str, Any] = {"pads": np.array(pads, INTS)}
        if mode == "constant":
            constants["value"] = np.float32(-2.5)
        check(one_node("Pad", {"x": (2, 4, 5)}, constants, opset, mode=mode))


def test_pad_wraps() -> None:
    check(one_node("Pad", {"x": (2, 4)}, {"pads": np.array([0, 3, 1, 2], INTS)}, 19, mode="wrap"))


@pytest.mark.parametrize(
    "types", [(TensorProto.INT32,), (TensorProto.INT64, TensorProto.INT8), (TensorProto.BOOL,), (TensorProto.UINT8,)]
)
def test_cast(types: tuple[int, ...]) -> None:
    names = ["x", *(f"c{i}" for i in range(len(types))), "y"]
    chain = zip(names, names[1:], (*types, TensorProto.FLOAT), strict=False)
    nodes = [helper.make_node("Cast", [source], [result], to=to) for source, result, to in chain]
    inputs = {"x": np.array([[0, 1, 2.75], [100, 0.5, 64]], np.float32)}
    check(make_model(nodes, {"x": (2, 3)}, ["y"]), inputs=inputs)


def test_cast_like_another_tensor() -> None:
    nodes = [
        helper.make_node("CastLike", ["x", "like"], ["c"]),
        helper.make_node("Cast", ["c"], ["y"], to=TensorProto.FLOAT),
    ]
    model = make_model(nodes, {"x": (2, 3)}, ["y"], {"like": np.zeros(1, np.int32)})
    assert operators(check(model)) == ["CAST", "CAST"]


@pytest.mark.parametrize("opset", [9, 13, 17])
@pytest.mark.parametrize(
    ("shape", "wish"),
    [((3, 1), (2, 3, 4)), ((1, 3, 1), (5, 3, 4)), ((2, 3), (1, 1)), ((3,), (1, 3)), ((), (2, 2))],
)
def test_expand(opset: int, shape: tuple[int, ...], wish: tuple[int, ...]) -> None:
    check(one_node("Expand", {"x": shape}, {"shape": np.array(wish, INTS)}, opset))


def test_arithmetic_on_shapes_is_folded() -> None:
    """Shape, its parts, ConstantOfShape, Range, Size and Concat over them leave constants behind."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], start=-2),
        helper.make_node("Size", ["x"], ["n"]),
        helper.make_node("Gather", ["s", "zero"], ["rows"], axis=0),
        helper.make_node("Unsqueeze", ["rows", "axes"], ["rows1"]),
        helper.make_node("Unsqueeze", ["n", "axes"], ["n1"]),
        helper.make_node("Div", ["n1", "rows1"], ["rest"]),
        helper.make_node("Concat", ["rest", "rows1"], ["wish"], axis=0),
        helper.make_node("Reshape", ["x", "wish"], ["r"]),
        helper.make_node("ConstantOfShape", ["wish"], ["zeros"]),
        helper.make_node("Range", ["zero", "rows", "one"], ["steps"]),
        helper.make_node("Cast", ["steps"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["zeros", "floats"], ["offsets"]),
        helper.make_node("Add", ["r", "offsets"], ["y"]),
    ]
    constants = {"zero": np.array(0, INTS), "one": np.array(1, INTS), "axes": np.array([0], INTS)}
    graph = check(make_model(nodes, {"x": (2, 3, 4)}, ["y"], constants))
    assert operators(graph) == ["RESHAPE", "ADD"]


REFUSED = {
    "step 0": one_node(
        "Slice", {"x": (4,)}, {n: np.array([v], INTS) for n, v in zip("seat", (0, 2, 0, 0), strict=True)}
    ),
    "index outside": one_node("Gather", {"x": (4,)}, {"at": np.array([4], INTS)}),
    "infinite padding": one_node("Pad", {"x": (4,)}, {"pads": np.array([1, 1], INTS), "value": np.float32(-np.inf)}),
    "reflection too far": one_node("Pad", {"x": (4,)}, {"pads": np.array([4, 0], INTS)}, mode="reflect"),
    "cast to float64": one_node("Cast", {"x": (4,)}, to=TensorProto.DOUBLE),
}


@pytest.mark.parametrize("model", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_expressed_is_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(ConvertError):
        frontends.load(model, Options())

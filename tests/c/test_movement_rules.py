"""Operators that move data, each broken in one way: refused while planning, or at the run where data decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from one_operator import one_operator_models
from tiny_models import INT32, ModelMaker

from liteinterp.gen.cdef import ffi

if TYPE_CHECKING:
    from .conftest import Core

BAD_MODEL, UNSUPPORTED, BAD_INPUT = -3, -4, -7


def with_values(model: str, operand: int, values: Any) -> ModelMaker:
    """A one-operator model with other elements in a constant operand."""
    maker = one_operator_models()[f"{model} int32"]
    tensor = maker.graph.tensors[maker.graph.operators[0].inputs[operand]]
    tensor.type = INT32
    array = np.asarray(values, np.int32)
    tensor.shape = np.asarray(array.shape, np.int32)
    maker.model.buffers[tensor.buffer].data = array.reshape(-1).view(np.uint8)
    return maker


def with_option(model: str, name: str, value: int) -> ModelMaker:
    maker = one_operator_models()[f"{model} int32"]
    setattr(maker.graph.operators[0].builtin_options, name, value)
    return maker


def with_shape(model: str, shape: list[int]) -> ModelMaker:
    maker = one_operator_models()[f"{model} int32"]
    maker.graph.tensors[maker.graph.inputs[0]].shape = np.asarray(shape, np.int32)
    return maker


def with_computed(model: str, operand: int) -> ModelMaker:
    """A constant operand becomes an input of the graph."""
    maker = one_operator_models()[f"{model} int32"]
    index = maker.graph.operators[0].inputs[operand]
    maker.graph.tensors[index].buffer = 0
    maker.graph.inputs = np.append(maker.graph.inputs, index).astype(np.int32)
    return maker


BROKEN: dict[str, tuple[str, int, ModelMaker]] = {
    "expand dims axis": ("AXIS_RANGE", BAD_MODEL, with_values("expand dims", 1, 3)),
    "expand dims two axes": ("OPERAND_SHAPE", BAD_MODEL, with_values("expand dims", 1, [0, 1])),
    "slice begin": ("OPERAND_VALUE", BAD_MODEL, with_values("slice", 1, [1, -1, 3])),
    "slice size": ("OPERAND_VALUE", BAD_MODEL, with_values("slice", 2, [4, 1, 1])),
    "slice size negative": ("OPERAND_VALUE", BAD_MODEL, with_values("slice", 2, [2, -2, 1])),
    "slice ranks": ("OPERAND_SHAPE", BAD_MODEL, with_values("slice", 1, [1, 0])),
    "slice rank of sizes": ("OPERAND_SHAPE", BAD_MODEL, with_values("slice", 2, [1, 1])),
    "slice computed": ("OPERAND_UNKNOWN", UNSUPPORTED, with_computed("slice", 1)),
    "stride 0": ("OPTION_STRIDE", BAD_MODEL, with_values("strided slice", 3, [1, 0, 1, 1])),
    "index outside": ("OPERAND_VALUE", BAD_MODEL, with_values("strided slice", 1, [0, 3, 5, 0])),
    "strides too short": ("OPERAND_SHAPE", BAD_MODEL, with_values("strided slice", 3, [1, 1])),
    "too many entries": ("OPERAND_SHAPE", BAD_MODEL, with_option("strided slice", "new_axis_mask", 0)),
    "two ellipses": ("OPTION_RANGE", BAD_MODEL, with_option("strided slice masks", "ellipsis_mask", 3)),
    "split count": ("OPTION_RANGE", BAD_MODEL, with_option("split", "num_splits", 3)),
    "split axis": ("AXIS_RANGE", BAD_MODEL, with_values("split", 0, 2)),
    "split two axes": ("OPERAND_SHAPE", BAD_MODEL, with_values("split", 0, [0, 1])),
    "split unequal": ("OPERAND_SHAPE", BAD_MODEL, with_shape("split", [3, 5])),
    "split v count": ("OPTION_RANGE", BAD_MODEL, with_option("split v", "num_splits", 2)),
    "split v sizes": ("OPERAND_SHAPE", BAD_MODEL, with_values("split v", 1, [3, 4])),
    "split v too much": ("OPERAND_VALUE", BAD_MODEL, with_values("split v", 1, [3, 5, -1])),
    "split v too little": ("OPERAND_VALUE", BAD_MODEL, with_values("split v", 1, [3, 2, 1])),
    "split v two open": ("OPERAND_VALUE", BAD_MODEL, with_values("split v", 1, [-1, -1, 1])),
    "pack count": ("OPTION_RANGE", BAD_MODEL, with_option("pack", "values_count", 2)),
    "pack axis": ("AXIS_RANGE", BAD_MODEL, with_option("pack", "axis", 3)),
    "pack shapes": ("OPERAND_SHAPE", BAD_MODEL, with_shape("pack", [2, 4])),
    "unpack count": ("OPTION_RANGE", BAD_MODEL, with_option("unpack", "num", 2)),
    "unpack shape": ("OPERAND_SHAPE", BAD_MODEL, with_shape("unpack", [2, 4])),
    "unpack axis": ("AXIS_RANGE", BAD_MODEL, with_option("unpack", "axis", -3)),
    "mirror too far": ("OPERAND_VALUE", BAD_MODEL, with_values("mirror pad", 1, [[3, 0], [0, 0]])),
    "mirror negative": ("OPERAND_VALUE", BAD_MODEL, with_values("mirror pad", 1, [[0, 0], [-1, 0]])),
    "mirror ranks": ("OPERAND_SHAPE", BAD_MODEL, with_values("mirror pad", 1, [[1, 0]])),
    "mirror mode": ("OPTION_RANGE", BAD_MODEL, with_option("mirror pad", "mode", 2)),
    "two values to pad with": ("OPERAND_SHAPE", BAD_MODEL, with_values("padv2", 2, [1, 2])),
    "gather axis": ("AXIS_RANGE", BAD_MODEL, with_option("gather", "axis", 3)),
    "gather batch": ("OPTION_RANGE", BAD_MODEL, with_option("gather batch", "batch_dims", 2)),
    "gather batch shapes": ("OPERAND_SHAPE", BAD_MODEL, with_shape("gather batch", [3, 4, 5])),
}


@pytest.mark.parametrize(("rule", "status", "maker"), list(BROKEN.values()), ids=list(BROKEN))
def test_a_broken_operator_is_refused(core: Core, rule: str, status: int, maker: ModelMaker) -> None:
    with pytest.raises(Exception) as caught:
        core.plan(maker.bytes())
    assert (caught.value.rule, caught.value.status) == (rule, status)  # type: ignore[attr-defined]


@pytest.mark.parametrize("index", [-1, 4, 2**31 - 1, -(2**31)])
def test_an_index_outside_stops_the_run(core: Core, index: int) -> None:
    net = core.open(one_operator_models()["gather computed int32"].bytes())
    at = net.lib.li_tensor_data(net.lib.li_input(net.net, 1))
    ffi.buffer(at, 24)[:] = np.array([0, 1, 2, index, 3, 0], np.int32).tobytes()
    assert net.lib.li_run(net.net) == BAD_INPUT
    fault = ffi.new("li_fault *")
    net.lib.li_last_fault(net.net, fault)
    assert core.rules[fault.rule] == "RUN_INDEX"
    assert (fault.needed, fault.had) == (4, index)


def test_a_constant_index_outside_stops_the_run(core: Core) -> None:
    net = core.open(with_values("gather", 1, [[1, 0, 9], [2, 2, 1]]).bytes())
    assert net.lib.li_run(net.net) == BAD_INPUT

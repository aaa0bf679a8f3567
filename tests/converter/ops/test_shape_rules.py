"""Shapes and costs: LiteRT computes the same shapes, and contradictions get a ValueError that says which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from sweeps import build, cases_of

from converter.gen.ops import OPS
from converter.ir.graph import Node, OptionValue, Value
from converter.ir.types import DType
from converter.ops.registry import infer_shapes, macs
from converter.ops.windows import same_padding

CONV: dict[str, OptionValue] = {"stride_h": 1, "stride_w": 1}
CORNERS = ("align_corners", "half_pixel_centers")
POOL: dict[str, OptionValue] = {"stride_h": 1, "stride_w": 1, "filter_height": 2, "filter_width": 2}


@pytest.mark.parametrize("op", OPS)
def test_shapes_of_the_sweep_are_those_of_litert(op: str) -> None:
    checked = 0
    for case in cases_of(op):
        if case.litert_lacks or case.types is not OPS[op].types[0]:
            continue
        made = build(case)
        interpreter = Interpreter(model_content=made.content)
        interpreter.allocate_tensors()
        shapes = [tuple(details["shape"]) for details in interpreter.get_output_details()]
        assert shapes == [value.shape for value in made.node.outputs], case.name
        checked += 1
    assert checked


def value(*shape: int) -> Value:
    return Value("v", shape)


def ints(*elements: Any) -> Value:
    data = np.array(elements, np.int32)
    return Value("c", data.shape, DType.INT32, data=data)


def filled(*shape: int) -> Value:
    return Value("w", shape, data=np.zeros(shape, np.float32))


def node(op: str, *inputs: Value | None, **options: OptionValue) -> Node:
    return Node(op, list(inputs), [Value("y", ())], options)


def transposed(output: tuple[int, ...], source: Value, **options: OptionValue) -> Node:
    strides: dict[str, OptionValue] = {"stride_h": 2, "stride_w": 2}
    return node("TRANSPOSE_CONV", ints(*output), filled(4, 3, 3, 3), source, **{**strides, **options})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (node("CONV_2D", value(5, 5, 3), filled(4, 3, 3, 3), **CONV), "input has rank 3"),
        (node("CONV_2D", value(1, 5, 5, 3), filled(4, 3, 3, 2), **CONV), "3 channels, which a filter of depth 2"),
        (node("CONV_2D", value(1, 5, 5, 4), filled(3, 3, 3, 2), **CONV), "shared by 2 groups"),
        (node("CONV_2D", value(1, 5, 5, 3), filled(4, 3, 3, 3), filled(3), **CONV), "bias has shape"),
        (node("CONV_2D", value(1, 5, 5, 3), filled(4, 3, 3, 3)), "stride_h is 0"),
        (node("CONV_2D", value(1, 2, 5, 3), filled(4, 3, 3, 3), padding="VALID", **CONV), "height is 2, smaller"),
        (node("DEPTHWISE_CONV_2D", value(1, 5, 5, 3), filled(2, 3, 3, 3), **CONV), "first dimension must be 1"),
        (node("DEPTHWISE_CONV_2D", value(1, 5, 5, 3), filled(1, 3, 3, 4), **CONV), "no multiple of the input's 3"),
        (transposed((1, 6, 6, 4), value(1, 3, 3, 5)), "input has 5 channels, the filter 3"),
        (transposed((1, 6, 6, 5), value(1, 3, 3, 3)), "must have batch 1 and 4 channels"),
        (transposed((1, 6, 7, 4), value(1, 3, 3, 3)), r"belongs to an input of \[3, 4\], not \[3, 3\]"),
        (transposed((1, 2, 7, 4), value(1, 1, 3, 3), padding="VALID"), "output height is 2, smaller"),
        (node("RESIZE_BILINEAR", value(1, 3, 3, 2), ints(0, 4)), "at least 1"),
        (node("RESIZE_BILINEAR", value(1, 3, 3, 2), ints(4)), "a height and a width"),
        (node("RESIZE_BILINEAR", value(1, 0, 3, 2), ints(4, 4)), "must have height and width"),
        (node("RESIZE_BILINEAR", value(1, 3, 3, 2), ints(4, 4), **dict.fromkeys(CORNERS, True)), "exclude each other"),
        (node("DEPTH_TO_SPACE", value(1, 3, 3, 6), block_size=2), "6 channels, which a block of 2 x 2"),
        (node("DEPTH_TO_SPACE", value(1, 3, 3, 6)), "block_size is 0"),
        (node("SPACE_TO_DEPTH", value(1, 4, 3, 6), block_size=2), "4 x 3, which a block of 2 x 2"),
        (node("SPACE_TO_BATCH_ND", value(4, 6), ints(2), ints((0, 0))), "rank 2"),
        (node("SPACE_TO_BATCH_ND", value(1, 4, 6), ints(0), ints((0, 0))), "1 elements of at least 1"),
        (node("SPACE_TO_BATCH_ND", value(1, 4, 6), ints(2, 2), ints((0, 0))), "1 elements of at least 1"),
        (node("SPACE_TO_BATCH_ND", value(1, 4, 6), ints(2), ints(0, 0)), r"must have shape \[1, 2\]"),
        (node("SPACE_TO_BATCH_ND", value(1, 4, 6), ints(2), ints((0, 1))), "blocks of .* do not divide"),
        (node("BATCH_TO_SPACE_ND", value(3, 4, 6), ints(2), ints((0, 1))), "3 images, which blocks"),
        (node("BATCH_TO_SPACE_ND", value(2, 2, 6), ints(2), ints((3, 2))), "leave nothing"),
        (node("FULLY_CONNECTED", value(2, 5), filled(4, 3)), "does not split into rows of 3"),
        (node("FULLY_CONNECTED", value(3, 2), filled(4, 3), keep_num_dims=True), "last dimension must be 3"),
        (node("FULLY_CONNECTED", value(2, 3), filled(4, 3), weights_format="SHUFFLED4x16INT8"), "must be DEFAULT"),
        (node("ADD", value(2, 3), value(2, 4)), "cannot be broadcast"),
        (node("MAX_POOL_2D", value(1, 1, 5, 3), padding="VALID", **POOL), "height is 1, smaller"),
        (node("MAX_POOL_2D", value(1, 5, 5, 3), stride_h=1, stride_w=1), "filter_height is 0"),
        (node("MEAN", value(2, 3), ints(2)), "axis 2 is outside"),
        (node("MEAN", value(2, 3), value(1)), "axes must be a constant"),
        (node("SOFTMAX", value()), "scalar"),
        (node("RESHAPE", value(2, 3), ints(4, -1)), "does not fit"),
        (node("RESHAPE", value(2, 3), ints(-1, -1)), "single -1"),
        (node("RESHAPE", value(2, 3), None, new_shape=(7,)), "does not fit"),
        (node("SQUEEZE", value(1, 3), squeeze_dims=(1,)), r"squeeze_dims \[1\]"),
        (node("TRANSPOSE", value(2, 3), ints(0, 0)), "no permutation"),
        (node("TRANSPOSE", value(2, 3), ints(0)), "no permutation"),
        (node("CONCATENATION", value(2, 3), value(3, 3), axis=1), "differ in more than dimension 1"),
        (node("CONCATENATION", value(2, 3), value(2, 3), axis=2), "axis 2 is outside"),
        (node("PAD", value(2, 3), ints((0, 1), (0, -1))), "must not be negative"),
        (node("PAD", value(2, 3), ints((0, 1))), "paddings have shape"),
    ],
    ids=lambda item: item.op if isinstance(item, Node) else "",
)
def test_contradictions_are_told(wrong: Node, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        infer_shapes(wrong)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (node("CONV_2D", value(2, 6, 6, 4), filled(8, 3, 3, 2), **CONV), 2 * 6 * 6 * 8 * 3 * 3 * 2),
        (node("DEPTHWISE_CONV_2D", value(1, 6, 6, 4), filled(1, 3, 3, 8), **CONV), 6 * 6 * 8 * 9),
        (transposed((2, 6, 5, 4), value(2, 3, 3, 3)), 2 * 3 * 3 * 3 * 9 * 4),
        (node("FULLY_CONNECTED", value(2, 5), filled(7, 5)), 70),
        (node("MUL", value(2, 1), value(3)), 6),
        (node("RELU", value(100)), 0),
    ],
    ids=lambda item: item.op if isinstance(item, Node) else "",
)
def test_multiply_accumulates(operator: Node, expected: int) -> None:
    assert macs(operator) == expected


def test_same_padding_puts_the_odd_element_last() -> None:
    assert same_padding(5, 2, 1) == (0, 1)
    assert same_padding(6, 3, 2) == (0, 1)
    assert same_padding(7, 3, 2) == (1, 1)
    assert same_padding(5, 3, 1, dilation=2) == (2, 2)
    assert same_padding(4, 1, 2) == (0, 0)

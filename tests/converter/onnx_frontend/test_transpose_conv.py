"""ConvTranspose against ONNX Runtime: every way of padding, output sizes, strides, groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import check, one_node, operators

from converter import frontends
from converter.errors import UnsupportedError
from converter.options import Options


def model_of(
    channels: int,
    outputs: int,
    kernel: tuple[int, ...],
    size: tuple[int, ...],
    groups: int = 1,
    bias: bool = True,
    **more: Any,
) -> Any:
    rng = np.random.default_rng(5)
    constants = {"w": rng.standard_normal((channels, outputs // groups, *kernel)).astype(np.float32)}
    if bias:
        constants["b"] = rng.standard_normal(outputs).astype(np.float32)
    return one_node("ConvTranspose", {"x": (2, channels, *size)}, constants, group=groups, **more)


@pytest.mark.parametrize("opset", [7, 11, 13, 17])
def test_every_opset(opset: int) -> None:
    check(model_of(3, 4, (4, 4), (5, 6), opset=opset, pads=[1, 1, 1, 1], strides=[2, 2]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_geometry(data: st.DataObject) -> None:
    kernel = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)), "kernel")
    strides = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)), "strides")
    size = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)), "size")
    extra = [data.draw(st.integers(0, stride - 1), "output_padding") for stride in strides]
    pads = [0, 0, 0, 0]
    for i in (0, 1):
        room = (size[i] - 1) * strides[i] + kernel[i] + extra[i] - 1
        pads[i] = data.draw(st.integers(0, min(room, 3)), "before")
        pads[i + 2] = data.draw(st.integers(0, min(room - pads[i], 3)), "after")
    groups = data.draw(st.sampled_from([1, 2, 4]), "groups")
    check(
        model_of(
            4, 4, kernel, size, groups, data.draw(st.booleans(), "bias"),
            strides=strides, pads=pads, output_padding=extra,
        )
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    size=st.integers(1, 5),
    less=st.integers(0, 2),
)
def test_output_shape(mode: str, kernel: int, stride: int, size: int, less: int) -> None:
    """The size of the result is given; ONNX works out the pads."""
    out = max((size - 1) * stride + kernel - less, size)  # ONNX has no smaller one
    check(model_of(2, 3, (kernel, kernel), (size, size), strides=[stride] * 2, output_shape=[out] * 2, auto_pad=mode))


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_auto_pad(mode: str, kernel: int, stride: int) -> None:
    check(model_of(2, 3, (kernel, kernel), (4, 5), strides=[stride] * 2, auto_pad=mode))


@pytest.mark.parametrize(("kernel", "pad", "extra"), [(4, 1, 0), (2, 0, 0)])
def test_pytorchs_upsampling_is_one_operator(kernel: int, pad: int, extra: int) -> None:
    graph = check(model_of(3, 4, (kernel,) * 2, (5, 6), pads=[pad] * 4, strides=[2, 2], output_padding=[extra] * 2))
    assert operators(graph) == ["TRANSPOSE", "TRANSPOSE_CONV", "TRANSPOSE"]


def test_pads_that_are_no_same_are_cut_off() -> None:
    """3x3, stride 2, pads 1, output padding 1: a 4x4 window would do, but takes 16 taps instead of 9."""
    graph = check(model_of(3, 4, (3, 3), (5, 6), pads=[1] * 4, strides=[2, 2], output_padding=[1, 1]))
    assert operators(graph) == ["TRANSPOSE", "TRANSPOSE_CONV", "SLICE", "TRANSPOSE"]


def test_a_few_zeros_make_same_fit() -> None:
    graph = check(model_of(3, 4, (11, 11), (6, 6), pads=[5] * 4, strides=[2, 2], output_padding=[1, 1]))
    assert operators(graph) == ["TRANSPOSE", "TRANSPOSE_CONV", "TRANSPOSE"]
    assert graph.nodes[1].input(1).shape == (4, 12, 12, 3)


@pytest.mark.parametrize("pads", [[0, 0], [1, 1], [2, 0]])
def test_one_dimension(pads: list[int]) -> None:
    check(model_of(3, 4, (4,), (5,), pads=pads, strides=[2]))


def test_dilation() -> None:
    check(model_of(3, 4, (3, 2), (5, 4), dilations=[2, 3], strides=[2, 1]))


def test_many_groups_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="512 groups"):
        frontends.load(model_of(512, 512, (4, 4), (2, 2), 512, strides=[2, 2]), Options())

"""Resize and Upsample against ONNX Runtime: every mode that our operators express, and the refusal of the others."""

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

TRANSFORMATIONS = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]
ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]


def resized(
    shape: tuple[int, ...],
    scales: list[float] | None = None,
    sizes: list[int] | None = None,
    opset: int = 13,
    **more: Any,
) -> Any:
    """A model of one Resize, by scales or by sizes."""
    constants: dict[str, Any] = {"roi": np.zeros(0, np.float32)}
    constants["scales"] = np.array(scales if scales is not None else [], np.float32)
    if sizes is not None:
        constants["sizes"] = np.array(sizes, np.int64)
    if opset < 11:
        del constants["roi"]
    return one_node("Resize", {"x": shape}, constants, opset, **more)


@settings(max_examples=150, deadline=None)
@given(
    transformation=st.sampled_from(TRANSFORMATIONS),
    rounding=st.sampled_from(ROUNDINGS),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    out=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_nearest_to_a_size(transformation: str, rounding: str, size: tuple[int, int], out: tuple[int, int]) -> None:
    check(
        resized(
            (2, 3, *size),
            sizes=[2, 3, *out],
            mode="nearest",
            coordinate_transformation_mode=transformation,
            nearest_mode=rounding,
        )
    )


@settings(max_examples=100, deadline=None)
@given(
    transformation=st.sampled_from(TRANSFORMATIONS),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    out=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_linear_to_a_size(transformation: str, size: tuple[int, int], out: tuple[int, int]) -> None:
    check(resized((1, 3, *size), sizes=[1, 3, *out], mode="linear", coordinate_transformation_mode=transformation))


@settings(max_examples=80, deadline=None)
@given(
    mode=st.sampled_from(["nearest", "linear"]),
    transformation=st.sampled_from(TRANSFORMATIONS),
    scales=st.tuples(st.sampled_from([0.5, 1.0, 1.5, 2.0, 2.7, 3.0]), st.sampled_from([0.4, 1.0, 2.0, 4.0])),
    size=st.tuples(st.integers(2, 9), st.integers(3, 9)),
)
def test_scales(mode: str, transformation: str, scales: tuple[float, float], size: tuple[int, int]) -> None:
    """A scale that does not come out at whole elements moves every position: exact, or refused by name."""
    model = resized((1, 2, *size), [1.0, 1.0, *scales], mode=mode, coordinate_transformation_mode=transformation)
    try:
        frontends.load(model, Options())
    except UnsupportedError as error:
        assert mode == "linear" and "by scales of" in str(error)
    else:
        check(model)


@pytest.mark.parametrize("opset", [10, 11, 13, 18, 19, 21])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_every_opset(opset: int, mode: str) -> None:
    check(resized((1, 3, 4, 5), [1.0, 1.0, 2.0, 3.0], opset=opset, mode=mode))


@pytest.mark.parametrize("opset", [7, 9])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample(opset: int, mode: str) -> None:
    scales = [1.0, 1.0, 2.0, 3.0]
    if opset == 7:
        check(one_node("Upsample", {"x": (1, 3, 4, 5)}, opset=7, scales=scales, mode=mode))
    else:
        check(one_node("Upsample", {"x": (1, 3, 4, 5)}, {"scales": np.array(scales, np.float32)}, 9, mode=mode))


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
def test_some_axes_and_aspect_ratios(mode: str, policy: str) -> None:
    model = resized((1, 3, 4, 4), sizes=[8, 12], opset=18, mode=mode, axes=[2, 3], keep_aspect_ratio_policy=policy)
    check(model)


@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 4, 6)])
def test_one_dimension(shape: tuple[int, ...]) -> None:
    check(resized(shape, [1.0, 1.0, 2.0], mode="nearest"))


def test_height_and_width_in_the_middle_need_no_transpose() -> None:
    graph = check(resized((1, 4, 5, 3), [1.0, 2.0, 2.0, 1.0], mode="nearest"))
    assert "TRANSPOSE" not in operators(graph)


def test_whole_factors_are_one_operator() -> None:
    """What most exporters write comes to the oldest options, which every runtime has."""
    graph = check(resized((1, 3, 4, 5), [1.0, 1.0, 2.0, 2.0], mode="nearest"))
    assert operators(graph) == ["TRANSPOSE", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE"]
    assert not any(graph.nodes[1].options.values())


def test_nothing_to_resize_is_no_operator() -> None:
    assert len(check(resized((1, 3, 4, 5), [1.0, 1.0, 1.0, 1.0], mode="linear")).nodes) == 1


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"mode": "cubic"}, "mode 'cubic'"),
        ({"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}, "tf_crop_and_resize"),
    ],
)
def test_other_modes_are_refused_by_name(attributes: dict[str, str], named: str) -> None:
    with pytest.raises(UnsupportedError, match=named):
        frontends.load(resized((1, 3, 4, 5), [1.0, 1.0, 2.0, 2.0], **attributes), Options())


def test_antialias_is_refused_where_it_acts() -> None:
    check(resized((1, 3, 4, 5), [1.0, 1.0, 2.0, 2.0], opset=18, mode="linear", antialias=1))
    with pytest.raises(UnsupportedError, match="antialias"):
        frontends.load(resized((1, 3, 4, 6), [1.0, 1.0, 0.5, 0.5], opset=18, mode="linear", antialias=1), Options())


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"dimensions \[0\] of 4"):
        frontends.load(resized((1, 3, 4, 5), [2.0, 1.0, 1.0, 1.0], mode="nearest"), Options())

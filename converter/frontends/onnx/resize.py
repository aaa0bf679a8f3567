"""Resize and Upsample to RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR.

Options are found by comparing where each output element comes from (`resize_positions.py`), so every combination of
modes that comes to the same is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...ir.graph import Value
from .builder import Builder
from .constants import MAX_POSITIONS
from .errors import Refusal
from .graph import OnnxNode
from .images import from_image, image_origin, to_image
from .registry import onnx_operator
from .resize_positions import (
    BILINEAR,
    NEAREST,
    ROUNDINGS,
    TRANSFORMATIONS,
    Axis,
    Corners,
    bilinear_positions,
    nearest_indices,
    onnx_indices,
    onnx_positions,
)

#: Largest difference, in elements, between where ONNX and RESIZE_BILINEAR read.
_CLOSE = 1e-4
_NOT_RESIZED = Axis(1, 1, 1.0)


@dataclass(frozen=True)
class _Modes:
    """How a node resizes."""

    mode: str
    transformation: str
    nearest: str


@onnx_operator("Upsample")
def upsample(node: OnnxNode, build: Builder) -> None:
    """Scales are an attribute, since opset 9 an input."""
    given = _vector(node, 1, "scales") if node.opset >= 9 else node.attributes.numbers("scales")
    axes = _scaled(node, given, range(node.input(0).rank))
    _resize(node, build, axes, _Modes(node.attributes.text("mode", "nearest"), "asymmetric", "simple"))


@onnx_operator("Resize")
def resize(node: OnnxNode, build: Builder) -> None:
    """Scales or sizes, of all dimensions or (since opset 18) of some. Before opset 11 it is Upsample."""
    if node.opset < 11:
        upsample(node, build)
        return
    attributes = node.attributes
    rank = node.input(0).rank
    given = attributes.integers("axes") or tuple(range(rank))
    if any(not -rank <= axis < rank for axis in given):
        raise Refusal(f"axes {list(given)}", f"They have to lie in [-{rank}, {rank})")
    named = [axis % rank for axis in given]
    sizes, scales = _vector(node, 3, "sizes"), _vector(node, 2, "scales")
    if sizes is not None and sizes.size:
        axes = _sized(node, sizes, named)
    else:
        axes = _scaled(node, scales, named)
    if attributes.integer("antialias", 0) and any(axis.scale < 1 for axis in axes):
        raise Refusal("antialias while it shrinks", "Export with antialias=False, or pool before")
    transformation = attributes.text("coordinate_transformation_mode", "half_pixel")
    nearest = attributes.text("nearest_mode", "round_prefer_floor")
    _resize(node, build, axes, _Modes(attributes.text("mode", "nearest"), transformation, nearest))


def _vector(node: OnnxNode, i: int, role: str) -> npt.NDArray[Any] | None:
    """A constant list of numbers."""
    data = node.constant(i, role)
    if data is not None and (data.ndim != 1 or data.dtype.kind not in "fiu"):
        raise Refusal(f"its {role} are {data.dtype} of shape {list(data.shape)}", "They have to be a list of numbers")
    return data


def _scaled(
    node: OnnxNode, scales: Sequence[float] | npt.NDArray[np.float32] | None, named: Sequence[int]
) -> list[Axis]:
    source, result = node.input(0), node.output
    if scales is None or len(scales) != len(named):
        raise Refusal(f"no scale for each of {len(named)} dimensions", "The model needs to give them")
    found = {axis: float(np.float32(scale)) for axis, scale in zip(named, scales, strict=True)}
    return [Axis(source.dims[i], result.dims[i], found.get(i, 1.0)) for i in range(source.rank)]


def _sized(node: OnnxNode, sizes: npt.NDArray[np.int64], named: Sequence[int]) -> list[Axis]:
    source, result = node.input(0), node.output
    if len(sizes) != len(named):
        raise Refusal(f"{len(sizes)} sizes for {len(named)} dimensions", "Check the model")
    if 0 in source.dims:
        raise Refusal(f"an input of shape {list(source.dims)}", "It has to have elements")
    found = {axis: np.float32(size) / np.float32(source.dims[axis]) for axis, size in zip(named, sizes, strict=True)}
    policy = node.attributes.text("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        found = dict.fromkeys(found, (min if policy == "not_larger" else max)(found.values()))
    return [Axis(source.dims[i], result.dims[i], float(found.get(i, 1.0))) for i in range(source.rank)]


def _resize(node: OnnxNode, build: Builder, axes: Sequence[Axis], modes: _Modes) -> None:
    source, result = node.input(0), node.output
    if any(min(axis.size, axis.out) < 1 or not 0 < axis.scale < math.inf for axis in axes):
        wanted = f"shape {list(source.dims)} to {list(result.dims)} by {[axis.scale for axis in axes]}"
        raise Refusal(wanted, "Sizes and scales have to be positive")
    resized = [i for i, axis in enumerate(axes) if axis.is_resized]
    if not resized:
        build.bind(result, build.value(source))
    elif source.rank == 4 and set(resized) <= {1, 2} and 1 in resized:  # height and width lie where operators have them
        found = _resized(build, build.value(source), (axes[1], axes[2]), modes, result.name)
        build.reshape(found, result.dims, to=result)
    elif source.rank in (3, 4) and min(resized) >= 2:
        height = axes[2] if source.rank == 4 else _NOT_RESIZED
        found = _resized(build, to_image(build, source), (height, axes[-1]), modes, result.name)
        found.origin = image_origin(result)
        from_image(build, found, result)
    else:
        raise Refusal(
            f"dimensions {resized} of {source.rank} are resized",
            "The one or two behind batch and channels can be, or the two in the middle of four",
        )


def _resized(build: Builder, image: Value, axes: tuple[Axis, Axis], modes: _Modes, name: str) -> Value:
    """An NHWC image with another height and width."""
    if max(axis.out for axis in axes) > MAX_POSITIONS:
        raise Refusal(f"an output of {[axis.out for axis in axes]}", "Check the model: no memory holds it")
    if modes.transformation not in TRANSFORMATIONS:
        known = ", ".join(TRANSFORMATIONS)
        raise Refusal(f"coordinate_transformation_mode {modes.transformation!r}", f"Supported are {known}")
    if modes.mode == "nearest":
        if modes.nearest not in ROUNDINGS:
            raise Refusal(f"nearest_mode {modes.nearest!r}", f"Supported are {', '.join(ROUNDINGS)}")
        wanted = [onnx_indices(axis, modes.transformation, modes.nearest) for axis in axes]
        steps = _steps(axes, NEAREST, lambda i, c: bool((nearest_indices(axes[i], c) == wanted[i]).all()))
        if steps is None:
            return _gathered(build, image, axes, wanted, name)
        return _emitted(build, image, "RESIZE_NEAREST_NEIGHBOR", steps, name)
    if modes.mode in ("linear", "bilinear"):
        at = [onnx_positions(axis, modes.transformation) for axis in axes]
        steps = _steps(axes, BILINEAR, lambda i, c: _is_close(bilinear_positions(axes[i], c), at[i]))
        if steps is None:
            raise Refusal(
                f"mode 'linear' from {[axis.size for axis in axes]} to {[axis.out for axis in axes]} by scales of "
                f"{[round(axis.scale, 6) for axis in axes]} ({modes.transformation})",
                "Give sizes instead of scales, or scales that come out at whole elements",
            )
        return _emitted(build, image, "RESIZE_BILINEAR", steps, name)
    raise Refusal(f"mode {modes.mode!r}", "Supported are nearest and linear")


def _is_close(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> bool:
    return float(np.abs(a - b).max(initial=0.0)) < _CLOSE


@dataclass(frozen=True)
class _Step:
    """One resizing operator: the size that it gives, and its options."""

    height: int
    width: int
    corners: Corners


def _steps(
    axes: tuple[Axis, Axis], options: Sequence[Corners], fits: Callable[[int, Corners], bool]
) -> list[_Step] | None:
    """One operator where both dimensions have options in common, else one for each; None where neither will do."""
    rows, columns = axes
    fitting = [[corners for corners in options if fits(i, corners)] for i in (0, 1)]
    if shared := [corners for corners in fitting[0] if corners in fitting[1]]:
        return [_Step(rows.out, columns.out, shared[0])]
    if not all(fitting):
        return None
    return [_Step(rows.out, columns.size, fitting[0][0]), _Step(rows.out, columns.out, fitting[1][0])]


def _emitted(build: Builder, image: Value, op: str, steps: Sequence[_Step], name: str) -> Value:
    for step in steps:
        size = build.indices(f"{name}_size", (step.height, step.width))
        options = {
            "align_corners": step.corners.align_corners,
            "half_pixel_centers": step.corners.half_pixel_centers,
        }
        image = build.emit(op, [image, size], options, name=f"{name}_nhwc")
    return image


def _gathered(
    build: Builder, image: Value, axes: Sequence[Axis], wanted: Sequence[npt.NDArray[np.int64]], name: str
) -> Value:
    """Rows, then columns, by their numbers: what no option of RESIZE_NEAREST_NEIGHBOR gives."""
    for i, axis in enumerate(axes):
        if axis.is_resized:
            operand = build.indices(f"{name}_indices", wanted[i])
            image = build.emit("GATHER", [image, operand], {"axis": 1 + i, "batch_dims": 0}, name=f"{name}_nhwc")
    return image

"""Where the elements of a resized dimension come from: as ONNX says it, and as the resizing operators do it.

Both in float32, so that an operator is chosen by comparing numbers. ONNX: specification of Resize, with the order of
operations and the clamping of ONNX Runtime. Operators: docs/NUMERICS.md, "Resizing".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

_NONE, _HALF = np.float32(0), np.float32(0.5)


@dataclass(frozen=True)
class Axis:
    """One dimension: sizes in elements, and the scale that ONNX computes with, which out / size need not be."""

    size: int
    out: int
    scale: float

    @property
    def is_resized(self) -> bool:
        return self.size != self.out or self.scale != 1.0

    @property
    def outputs(self) -> Positions:
        return np.arange(self.out, dtype=np.float32)


@dataclass(frozen=True)
class Corners:
    """The options of the resizing operators."""

    align_corners: bool
    half_pixel_centers: bool


#: Options in the order in which they are tried: what most runtimes run comes first. All leave a dimension that keeps
#: its size as it is; both at once, which RESIZE_NEAREST_NEIGHBOR takes, would shift it.
BILINEAR = (Corners(False, True), Corners(True, False), Corners(False, False))
NEAREST = (Corners(False, False), Corners(False, True), Corners(True, False))


def _half_pixel(axis: Axis) -> Positions:
    return np.asarray(_divided(axis, _HALF) - _HALF, np.float32)


def _half_pixel_symmetric(axis: Axis) -> Positions:
    adjustment = np.float32(axis.out) / (np.float32(axis.scale) * np.float32(axis.size))
    offset = np.float32(axis.size) / 2 * (1 - adjustment)
    return np.asarray(offset + _divided(axis, _HALF) - _HALF, np.float32)


def _pytorch_half_pixel(axis: Axis) -> Positions:
    return _half_pixel(axis) if axis.out > 1 else np.zeros(1, np.float32)


def _align_corners(axis: Axis) -> Positions:
    if axis.out == 1:
        return np.zeros(1, np.float32)
    return np.asarray(axis.outputs * np.float32(axis.size - 1) / np.float32(axis.out - 1), np.float32)


def _divided(axis: Axis, shift: np.float32) -> Positions:
    return np.asarray((axis.outputs + shift) / np.float32(axis.scale), np.float32)


def _asymmetric(axis: Axis) -> Positions:
    """Exact where the scale is the quotient of the sizes: ONNX Runtime rounds halves of such positions as halves."""
    if np.float32(axis.out) / np.float32(axis.size) == np.float32(axis.scale):
        return (np.arange(axis.out) * axis.size / axis.out).astype(np.float32)
    return _divided(axis, _NONE)


def _tf_half_pixel_for_nn(axis: Axis) -> Positions:
    return _divided(axis, _HALF)


#: ONNX's coordinate_transformation_mode.
TRANSFORMATIONS: Mapping[str, Callable[[Axis], Positions]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": _asymmetric,
    "tf_half_pixel_for_nn": _tf_half_pixel_for_nn,
}

#: ONNX's nearest_mode; "simple" is that of the versions before it had one.
ROUNDINGS: Mapping[str, Callable[[Positions, Axis], Positions]] = {
    "round_prefer_floor": lambda at, axis: np.ceil(at - _HALF),
    "round_prefer_ceil": lambda at, axis: np.floor(at + _HALF),
    "floor": lambda at, axis: np.floor(at),
    "ceil": lambda at, axis: np.ceil(at),
    "simple": lambda at, axis: np.ceil(at) if axis.scale < 1 else np.floor(at),
}


def onnx_positions(axis: Axis, transformation: str) -> Positions:
    """Where linear interpolation reads, within the input."""
    return np.clip(TRANSFORMATIONS[transformation](axis), 0, axis.size - 1).astype(np.float32)


def onnx_indices(axis: Axis, transformation: str, rounding: str) -> Indices:
    """Which elements the nearest mode copies."""
    at = TRANSFORMATIONS[transformation](axis).astype(np.float32)
    return np.clip(ROUNDINGS[rounding](at, axis), 0, axis.size - 1).astype(np.int64)


def bilinear_positions(axis: Axis, corners: Corners) -> Positions:
    """Where RESIZE_BILINEAR reads."""
    scale = _operator_scale(axis, corners)
    at = axis.outputs * scale
    if corners.half_pixel_centers:
        at = at + (_HALF * scale - _HALF)
    return np.clip(at, 0, axis.size - 1).astype(np.float32)


def nearest_indices(axis: Axis, corners: Corners) -> Indices:
    """Which elements RESIZE_NEAREST_NEIGHBOR copies."""
    at = (axis.outputs + (_HALF if corners.half_pixel_centers else _NONE)) * _operator_scale(axis, corners)
    whole = np.floor(at + _HALF) if corners.align_corners else np.floor(at)
    return np.asarray(np.clip(whole, 0, axis.size - 1), np.int64)


def _operator_scale(axis: Axis, corners: Corners) -> np.float32:
    less = 1 if corners.align_corners and axis.out > 1 else 0
    scale: np.float32 = np.float32(axis.size - less) / np.float32(axis.out - less)
    return scale

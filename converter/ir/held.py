"""Real numbers and the codes that hold them: what an array of a value's element type stands for, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .graph import Value


def reals(value: Value, array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The real numbers that an array stands for; an array without quantization stands for itself."""
    numbers = array.astype(np.float64)
    quantization = value.quantization
    if quantization is None:
        return numbers
    if quantization.is_per_tensor:
        return (numbers - quantization.zero_point) * quantization.scale
    shape = [-1 if axis == quantization.axis else 1 for axis in range(numbers.ndim)]
    scales, zero_points = np.array(quantization.scales), np.array(quantization.zero_points)
    scaled: npt.NDArray[np.float64] = (numbers - zero_points.reshape(shape)) * scales.reshape(shape)
    return scaled


def codes(value: Value, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """How a value holds real numbers: the nearest codes, ties to even, saturating; or the numbers in its own type."""
    quantization, numpy_type = value.quantization, value.dtype.numpy
    if quantization is None:
        return numbers.astype(numpy_type)
    low, high = _limits(value)
    rounded = np.rint(numbers.astype(np.float64) / quantization.scale) + quantization.zero_point
    held: npt.NDArray[Any] = np.clip(rounded, low, high).astype(numpy_type)
    return held


def reach(value: Value) -> tuple[float, float]:
    """The real numbers of the smallest and of the largest code; infinite without quantization."""
    quantization = value.quantization
    if quantization is None:
        return -np.inf, np.inf
    low, high = ((code - quantization.zero_point) * quantization.scale for code in _limits(value))
    return low, high


def _limits(value: Value) -> tuple[int, int]:
    """The smallest and the largest code of an integer type."""
    bits = 8 * value.dtype.numpy.itemsize
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if value.dtype.numpy.kind == "i" else (0, (1 << bits) - 1)

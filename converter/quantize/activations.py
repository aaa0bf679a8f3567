"""int8 quantization of activations: asymmetric, one scale per tensor, zero exactly representable.

    scale = fl32((high - low) / 255)        zero_point = clamp(round(-128 - low / scale), -128, 127)

with low <= 0 <= high, so that padding and ReLU's zero lose nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..ir.ranges import Range
from ..ir.types import Quantization

INT8_MIN, INT8_MAX = -128, 127
INT16_MAX = 32767
#: Scales below this are raised to it: products of two scales stay normal float32 numbers.
SMALLEST_SCALE = 2.0**-60


def activation_quantization(found: Range) -> Quantization:
    """Scale and zero point for a range. A tensor that is 0 everywhere gets the range [0, 1]."""
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    if low == high:
        high = 1.0
    scale = float(np.float32(max((high - low) / 255.0, SMALLEST_SCALE)))
    zero_point = int(np.clip(np.rint(INT8_MIN - low / scale), INT8_MIN, INT8_MAX))
    return Quantization.per_tensor(scale, zero_point)


def wide_quantization(found: Range) -> Quantization:
    """int16: symmetric, zero point 0. A tensor that is 0 everywhere gets the range [-1, 1]."""
    largest = max(abs(found.low), abs(found.high)) or 1.0
    return Quantization.per_tensor(float(np.float32(max(largest / INT16_MAX, SMALLEST_SCALE))), 0)


def representable(quantization: Quantization) -> Range:
    """The real values of the smallest and the largest code."""
    scale, zero_point = quantization.scale, quantization.zero_point
    return Range((INT8_MIN - zero_point) * scale, (INT8_MAX - zero_point) * scale)


def quantize_wide(array: npt.NDArray[np.floating], quantization: Quantization) -> npt.NDArray[np.int16]:
    """The nearest int16 codes, ties to even, saturating."""
    codes = np.rint(array.astype(np.float64) / quantization.scale)
    clipped: npt.NDArray[np.int16] = np.clip(codes, -INT16_MAX, INT16_MAX).astype(np.int16)
    return clipped


def quantize_array(array: npt.NDArray[np.floating], quantization: Quantization) -> npt.NDArray[np.int8]:
    """The nearest codes, ties to even, saturating."""
    codes = np.rint(array.astype(np.float64) / quantization.scale) + quantization.zero_point
    clipped: npt.NDArray[np.int8] = np.clip(codes, INT8_MIN, INT8_MAX).astype(np.int8)
    return clipped

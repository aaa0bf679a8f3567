"""Element types of the file format and the numpy types that hold one element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

INT4 = 17

#: TensorType code -> numpy type. int4 is held in an int8; types without an entry cannot be shown as numbers.
NUMPY_TYPES: Mapping[int, np.dtype[Any]] = {
    0: np.dtype(np.float32),
    1: np.dtype(np.float16),
    2: np.dtype(np.int32),
    3: np.dtype(np.uint8),
    4: np.dtype(np.int64),
    5: np.dtype(np.bytes_),
    6: np.dtype(np.bool_),
    7: np.dtype(np.int16),
    8: np.dtype(np.complex64),
    9: np.dtype(np.int8),
    10: np.dtype(np.float64),
    11: np.dtype(np.complex128),
    12: np.dtype(np.uint64),
    15: np.dtype(np.uint32),
    16: np.dtype(np.uint16),
    INT4: np.dtype(np.int8),
}


def unpack_int4(packed: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """Two signed 4-bit elements to a byte, the first in the low half; a copy with one element per int8."""
    pairs = np.stack([packed << 4, packed], axis=-1).view(np.int8) >> 4
    return np.ascontiguousarray(pairs.reshape(-1)[: int(np.prod(shape, dtype=np.int64))].reshape(shape))


def quantized(real: npt.NDArray[Any], scale: float, zero_point: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Real numbers as integers: round(real / scale) + zero_point, to nearest even, clamped to the type."""
    limits = np.iinfo(dtype)
    steps = np.rint(real.astype(np.float32) / np.float32(scale)) + np.float32(zero_point)
    clamped: npt.NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
    return clamped


def dequantized(stored: npt.NDArray[Any], scale: float, zero_point: int) -> npt.NDArray[np.float32]:
    """Integers as the real numbers that they stand for: (stored - zero_point) * scale."""
    real: npt.NDArray[np.float32] = ((stored.astype(np.int64) - zero_point) * float(np.float32(scale))).astype(
        np.float32
    )
    return real

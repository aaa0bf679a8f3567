"""Element types and quantization of values."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Shape = tuple[int, ...]


class DType(enum.Enum):
    """Element types, named as in the wire format. `INT4` is packed two to a byte in files, one to an int8 here."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    BOOL = "bool"
    INT4 = "int4"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy type that holds one element."""
        return np.dtype("int8" if self is DType.INT4 else self.value)

    @property
    def is_float(self) -> bool:
        return self in (DType.FLOAT32, DType.FLOAT16)

    @classmethod
    def of(cls, array: npt.NDArray[np.generic]) -> DType:
        """The element type of an array. Raises ValueError for types that the wire format lacks."""
        return cls(array.dtype.name)


@dataclass(frozen=True)
class Quantization:
    """real = scale * (integer - zero_point), per tensor (one scale) or per element of dimension `axis`.

    Scales are float32 values held as Python floats; `zero_points` has as many entries as `scales`.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    def __post_init__(self) -> None:
        if not self.scales or len(self.scales) != len(self.zero_points):
            raise ValueError("Quantization needs as many zero points as scales, at least one")

    @classmethod
    def per_tensor(cls, scale: float, zero_point: int) -> Quantization:
        return cls((float(np.float32(scale)),), (int(zero_point),))

    @property
    def is_per_tensor(self) -> bool:
        return len(self.scales) == 1

    @property
    def scale(self) -> float:
        """The only scale. Raises ValueError when there is one per channel."""
        (scale,) = self.scales
        return scale

    @property
    def zero_point(self) -> int:
        (zero_point,) = self.zero_points
        return zero_point


@dataclass(frozen=True)
class Origin:
    """Where a value comes from: the source model's tensor that it equals (in float arithmetic).

    `permutation` p means value = transpose(source tensor, p), None that the axes are in the source's order. `gains` are
    of channels, the value's last axis: each is 2^(gain / 8) times as large as in the source; None: as large.
    """

    name: str
    permutation: tuple[int, ...] | None = None
    gains: tuple[int, ...] | None = None


def gain_factors(gains: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """2^(gain / 8), made of square roots and products alone, which are the same on every machine."""
    half = math.sqrt(2.0)
    quarter = math.sqrt(half)
    parts = np.array([1.0, math.sqrt(quarter)])
    parts = np.concatenate([parts, parts * quarter])
    parts = np.concatenate([parts, parts * half])
    factors: npt.NDArray[np.float64] = np.ldexp(parts[gains % 8], (gains // 8).astype(np.int32))
    return factors

"""Makes one sample's array fit a model input, and refuses what only looks as if it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import UsageError

Array = npt.NDArray[Any]
Note = Callable[[str], None]


@dataclass(frozen=True)
class InputSpec:
    """What a model input takes: exact shape, batch dimension included, and element type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    #: real = scale·(stored - zero_point) for an integer input; None where it has no quantization.
    scale: float | None = None
    zero_point: int = 0

    def __str__(self) -> str:
        return f"input {self.name!r} ({self.dtype.name} {_dims(self.shape)})"


def fit(array: Any, spec: InputSpec, where: str, note: Note) -> Array:
    """The array with the input's exact shape and type, contiguous. Raises UsageError.

    Cases, in this order: 1 the shape itself; 2 the shape without its batch dimension of 1; 3 dimensions of 1 left out
    or added; 4 an image with the channels first instead of last, or the other way round.
    """
    data = np.asarray(array)
    shaped = reshape(data, spec.shape, spec.name, note)
    if shaped is None:
        raise UsageError(
            f"{where}: {spec} cannot take an array of shape {_dims(data.shape)}. Give one sample of shape "
            f"{_dims(spec.shape[1:] if spec.shape[:1] == (1,) else spec.shape)} in the model's own layout."
        )
    typed = _cast(shaped, spec, where, note)
    if typed.dtype.kind == "f" and not np.isfinite(typed).all():
        raise UsageError(f"{where}: the data of {spec} holds NaN or infinite numbers. Remove or replace this sample.")
    return np.ascontiguousarray(typed).reshape(spec.shape)


def fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether `fit` would take an array of this shape."""
    return reshape(np.empty(shape, np.bool_), wanted, "", lambda text: None) is not None


def reshape(data: Array, wanted: tuple[int, ...], name: str, note: Note) -> Array | None:
    """`data` in the wanted shape, or None; the cases are those of `fit`."""
    if data.shape == wanted:
        return data
    if data.size != int(np.prod(wanted, dtype=np.int64)):
        return None
    if wanted[:1] == (1,) and data.shape == wanted[1:]:
        return data[np.newaxis]
    if _squeezed(data.shape) == _squeezed(wanted):
        return data.reshape(wanted)
    return _move_channels(data, wanted, name, note)


def _move_channels(data: Array, wanted: tuple[int, ...], name: str, note: Note) -> Array | None:
    """Case 4: rows and columns keep their order, the channel dimension changes its side; only if one way fits."""
    image = data[0] if data.ndim == 4 and data.shape[0] == 1 else data
    target = wanted[1:] if len(wanted) == 4 and wanted[0] == 1 else wanted
    if image.ndim != 3 or len(target) != 3:
        return None
    ways = {"channels last to channels first": (2, 0, 1), "channels first to channels last": (1, 2, 0)}
    found = [(way, axes) for way, axes in ways.items() if tuple(image.shape[i] for i in axes) == target]
    if len(found) != 1:
        return None
    way, axes = found[0]
    note(f"input {name!r}: samples of shape {_dims(image.shape)} are transposed from {way} to fit {_dims(target)}")
    moved: Array = image.transpose(axes).reshape(wanted)
    return moved


def _cast(data: Array, spec: InputSpec, where: str, note: Note) -> Array:
    if data.dtype == spec.dtype:
        return data
    if spec.dtype.kind == "f" and data.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return data.astype(spec.dtype)
    if spec.dtype.kind == "f" and data.dtype.kind in "iub":
        note(
            f"input {spec.name!r}: the data is {data.dtype.name}, its numbers are taken as they are, not scaled; if "
            "the model expects another range, 0 to 1 say, prepare the data that way"
        )
        return data.astype(spec.dtype)
    if spec.dtype.kind in "iu" and data.dtype.kind in "iub":
        limits = np.iinfo(spec.dtype)
        if data.size and (data.min() < limits.min or data.max() > limits.max):
            raise UsageError(
                f"{where}: the data of {spec} reaches from {data.min()} to {data.max()}, outside {spec.dtype.name}."
            )
        return data.astype(spec.dtype)
    if spec.dtype.kind in "iu" and data.dtype.kind == "f":
        scale = f" with scale {spec.scale:.9g} and zero point {spec.zero_point}" if spec.scale is not None else ""
        raise UsageError(
            f"{where}: the data is {data.dtype.name}, but {spec} takes integers. Quantize the data{scale}, or use the "
            "float model."
        )
    if spec.dtype.kind == "b" and data.dtype.kind in "iu" and (not data.size or (data.max() <= 1 and data.min() >= 0)):
        return data.astype(spec.dtype)
    raise UsageError(f"{where}: the data is {data.dtype.name}, but {spec} takes {spec.dtype.name}.")


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _dims(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) if shape else "scalar"

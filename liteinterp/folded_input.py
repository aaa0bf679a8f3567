"""The metadata entry `liteinterp.folded_input`: an input takes bytes where the source takes normalised numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .fitting import InputSpec
from .model_file import ModelFile

ENTRY = "liteinterp.folded_input"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FoldedInput:
    """x = factor·byte + summand, along `axis` of the source's input (docs/FORMAT.md)."""

    name: str
    factors: tuple[float, ...]
    summands: tuple[float, ...]
    axis: int

    def stored(self, x: Array, spec: InputSpec) -> Array:
        """The nearest bytes to normalised numbers, as the file's input holds them: byte, or byte - 128."""
        pixels = (x.astype(np.float64) - self._wide(self.summands, x.ndim)) / self._wide(self.factors, x.ndim)
        limits = np.iinfo(spec.dtype)
        return np.asarray(np.clip(np.rint(pixels) + limits.min, limits.min, limits.max).astype(spec.dtype))

    def _wide(self, numbers: Sequence[float], rank: int) -> npt.NDArray[np.float64]:
        array = np.array(numbers)
        return array.reshape([-1 if i == self.axis else 1 for i in range(rank)]) if array.size > 1 else array


def read_folded_input(file: ModelFile | None) -> FoldedInput | None:
    """None for a file without the entry, or with one that is malformed."""
    text = None if file is None else file.metadata(ENTRY)
    if text is None:
        return None
    try:
        entry = json.loads(text)
        factors, summands = tuple(map(float, entry["factors"])), tuple(map(float, entry["summands"]))
        return FoldedInput(str(entry["input"]), factors, summands, int(entry["axis"]))
    except (ValueError, KeyError, TypeError):
        return None

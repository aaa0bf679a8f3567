"""Is the data what the model takes? Every sample is checked before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import Blocker, UsageError
from ..ir.graph import Graph
from ..ir.statistics import Arrays
from ..ir.types import DType
from .manifest import ManifestBuilder

STAGE = "calibrate"
#: Float inputs above this are raw sensor or pixel values more often than normalised ones; only a warning hangs on it.
LARGE_VALUE = 1e4
#: Nothing measured is larger: such data is uninitialised memory, or of another type than its file says.
IMPLAUSIBLE_VALUE = 1e8


#: What happens to an input's numbers after they were checked.
Prepare = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


class CheckedSamples:
    """Iterates over samples as arrays by Value name, in the graph's shapes and types; raises UsageError otherwise.

    Each sample maps the source's input names to arrays with the batch dimension. `warnings` fills while iterating.
    `prepare` changes inputs, by their source names, after they were checked and listed in the manifest.
    """

    def __init__(
        self,
        graph: Graph,
        samples: Iterable[Mapping[str, npt.ArrayLike]],
        limit: int | None = None,
        prepare: Mapping[str, Prepare] | None = None,
    ) -> None:
        self._graph = graph
        self._prepare = prepare or {}
        self._samples = samples
        self._limit = limit
        names = graph.input_names or [value.name for value in graph.inputs]
        self._inputs = dict(zip(names, graph.inputs, strict=True))
        self._spread = dict.fromkeys(self._inputs, (np.inf, -np.inf))
        self._constant = dict.fromkeys(self._inputs, 0)
        self.manifest = ManifestBuilder(bool(getattr(samples, "random", False)))
        self.count = 0

    def __iter__(self) -> Iterator[Arrays]:
        for sample in self._samples:
            if self._limit is not None and self.count >= self._limit:
                break
            arrays = self._check(sample)
            self.manifest.add({name: arrays[value.name] for name, value in self._inputs.items()})
            self.count += 1
            for name, change in self._prepare.items():
                arrays[self._inputs[name].name] = change(arrays[self._inputs[name].name])
            yield arrays
        if self.count == 0:
            raise UsageError.at(STAGE, "calibration data", "holds no sample", "Give at least one, better 100 or more")
        spreads = [(low, high) for low, high in self._spread.values() if low <= high]
        if spreads and all(low == high for low, high in spreads):
            numbers = ", ".join(f"{low:g}" for low, _ in spreads)
            raise UsageError.at(
                STAGE,
                "calibration data",
                f"is {numbers} everywhere in all {self.count} samples",
                "Ranges found with it would say nothing: give samples of what the model will see",
            )

    def warnings(self) -> tuple[str, ...]:
        """What looks wrong, but may be meant."""
        found = []
        if self.count < 8:
            found.append(f"only {self.count} calibration samples: ranges may be too narrow; 100 or more are usual")
        if self.manifest.repeated:
            found.append(f"{self.manifest.repeated} of {self.count} calibration samples are the same as others")
        for name, (low, high) in self._spread.items():
            if low == high:
                found.append(f"input {name!r} is {low:g} everywhere in the calibration data")
            elif self._constant[name] > 1:
                found.append(f"input {name!r}: {self._constant[name]} of {self.count} calibration samples are constant")
            if max(abs(low), abs(high)) > LARGE_VALUE:
                found.append(f"input {name!r} ranges over [{low:g}, {high:g}]: is it preprocessed as in training?")
        return tuple(found)

    def _check(self, sample: Mapping[str, npt.ArrayLike]) -> dict[str, npt.NDArray[Any]]:
        blockers = [
            Blocker(f"sample {self.count}", f"has no array for input {name!r}", f"It has {_names(sample)}")
            for name in self._inputs
            if name not in sample
        ]
        blockers += [
            Blocker(
                f"sample {self.count}", f"names {name!r}, which is no input", f"The inputs are {_names(self._inputs)}"
            )
            for name in sample
            if name not in self._inputs
        ]
        if blockers:
            raise UsageError(STAGE, blockers)
        arrays: dict[str, npt.NDArray[Any]] = {}
        for name, value in self._inputs.items():
            array = np.asarray(sample[name])
            found = self._fit(name, array)
            if isinstance(found, Blocker):
                blockers.append(found)
            else:
                arrays[value.name] = found
        if blockers:
            raise UsageError(STAGE, blockers)
        return arrays

    def _fit(self, name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any] | Blocker:
        value = self._inputs[name]
        where = f"sample {self.count}, input {name!r}"
        if array.shape != value.shape:
            return Blocker(where, f"has shape {list(array.shape)}, the model takes {list(value.shape)}")
        wanted = value.dtype.numpy
        if value.dtype is DType.FLOAT32:
            if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
                return Blocker(where, f"holds {array.dtype}, the model takes float32")
            if array.size == 0:
                return Blocker(where, "is empty")
            array = np.ascontiguousarray(array, dtype=np.float32)
            low, high = float(array.min()), float(array.max())
            if not (np.isfinite(low) and np.isfinite(high)):
                return Blocker(where, "holds NaN or infinity", "Remove the sample or repair the preprocessing")
            if max(abs(low), abs(high)) > IMPLAUSIBLE_VALUE:
                remedy = f"Numbers beyond {IMPLAUSIBLE_VALUE:g} are no measurement: check how the data was written"
                return Blocker(where, f"ranges over [{low:g}, {high:g}]", remedy)
            self._constant[name] += array.size > 1 and low == high
            before = self._spread[name]
            self._spread[name] = (min(before[0], low), max(before[1], high))
        elif array.dtype != wanted:
            if not np.can_cast(array.dtype, wanted, casting="same_kind"):
                return Blocker(where, f"holds {array.dtype}, the model takes {wanted}")
            array = array.astype(wanted)
        return np.ascontiguousarray(array).reshape(value.shape)  # which makes a vector of a scalar


def _names(mapping: Mapping[str, object]) -> str:
    return ", ".join(repr(name) for name in mapping) or "none"

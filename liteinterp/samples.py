"""Sample data: what a `SRC` names becomes dicts of arrays that fit the model's inputs.

A `SRC` is a file `.npz` (keys are input names, axis 0 is samples) or one array of it (`file.npz:key`), a `.npy`, a
folder of those, of images or of `.wav` files, a list of files (`.txt`), `py:module:callable`, or `random:`. From Python
it may also be a dict of arrays or an iterable of dicts. Arrays are in the layout of the model's inputs; images are
brought to it. Files are read sample by sample. docs/DATA.md is the user's page.
"""

from __future__ import annotations

import copy
import itertools
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from .errors import UsageError
from .fitting import InputSpec, fit
from .preprocessing import PRESETS, Preprocessing, preprocessing
from .sample_rows import RandomRows, Source, row_reader
from .sources import open_source

log = logging.getLogger("liteinterp")

Array = npt.NDArray[Any]
Sample = dict[str, Array]
SourceLike = str | Sequence[str] | Mapping[str, Any] | Iterable[Any]

#: Multiples of it, less their whole parts, fill [0, 1) more evenly than those of any other number.
_GOLDEN = 0.6180339887498949

__all__ = ["PRESETS", "InputSpec", "Preprocessing", "Sample", "Samples", "open_samples", "preprocessing"]


class Samples:
    """Re-iterable stream of samples: input name -> array of exactly the input's shape and type.

    Iterating raises UsageError for a sample that does not fit, naming input, sample and remedy. `notes` says what was
    done to make the data fit; each note is also logged once.
    """

    def __init__(self, source: Source, inputs: Sequence[InputSpec], limit: int | None, title: str) -> None:
        self.inputs = tuple(inputs)
        self.title = title
        self.notes: list[str] = []
        self._source = source
        self._limit = limit
        #: Number of samples, where it is known before reading them.
        self.count = source.count if limit is None or source.count is None else min(limit, source.count)
        #: Whether the samples are random numbers.
        self.random = isinstance(source, RandomRows)
        #: Whether samples come in an order in which any number of the first ones stands for all.
        self.spread = False
        self._first = next(iter(self), None)
        if self._first is None:
            raise UsageError(f"{title} holds no sample")

    def __iter__(self) -> Iterator[Sample]:
        for number, row in self._rows():
            yield {spec.name: fit(row[spec.name], spec, self._where(number), self._note) for spec in self._known(row)}

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Array]]]:
        """Numbers and rows, in order or evenly spread."""
        reader = row_reader(self._source) if self.spread else None
        if reader is None or self.count is None:
            yield from enumerate(itertools.islice(self._source.rows(), self._limit))
            return
        step = max(1, int(self.count * _GOLDEN))
        while math.gcd(step, self.count) > 1:
            step += 1
        for i in range(self.count):
            number = i * step % self.count
            yield number, reader(number)

    def evenly(self, more_than: int) -> Samples:
        """These samples; where there are more than that and any can be read, each prefix of them spread over all."""
        if self.count is None or self.count <= more_than or row_reader(self._source) is None:
            return self
        other = copy.copy(self)
        other.spread = True
        return other

    def _known(self, row: Mapping[str, Array]) -> tuple[InputSpec, ...]:
        missing = [spec.name for spec in self.inputs if spec.name not in row]
        if missing:
            raise UsageError(f"{self.title} has no data for input {missing[0]!r}: it has {', '.join(map(repr, row))}")
        return self.inputs

    def _where(self, number: int) -> str:
        return f"{self.title}, sample {number}"

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            log.warning("%s", text)


def open_samples(src: Any, inputs: Sequence[InputSpec], limit: int | None = None, preprocess: Any = None) -> Samples:
    """Samples from any `SRC`. `limit` is the largest number to read, `preprocess` what `preprocessing` takes: the name
    of a preset, a mapping of options, or a Preprocessing.

    The first sample is read and checked here, so that bad data is found before work starts. Raises UsageError.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"the number of samples must be at least 1, not {limit}")
    if isinstance(src, Samples):
        return src
    source, title = open_source(src, inputs, log.warning, preprocessing(preprocess))
    return Samples(source, inputs, limit, title)


class Watched:
    """Samples that report each pass: `step(number, count)` is called after every sample. Re-iterable as they are."""

    def __init__(self, samples: Iterable[Sample], step: Callable[[int, int | None], None]) -> None:
        self._samples = samples
        self._step = step
        self.count: int | None = getattr(samples, "count", None)

    def __iter__(self) -> Iterator[Sample]:
        for number, sample in enumerate(self._samples, 1):
            yield sample
            self._step(number, self.count)

"""Rows of samples before they are fitted: the same for every kind of source, read one by one, again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .array_files import ArrayFile
from .errors import UsageError
from .fitting import InputSpec, reshape
from .preprocessing import Preprocessing
from .user_code import told_as_usage_error

Array = npt.NDArray[Any]
Row = Mapping[str, Any]


class Source(Protocol):
    """Samples before they are fitted."""

    @property
    def count(self) -> int | None:
        """Number of samples where it is known."""

    def rows(self) -> Iterator[Row]:
        """One mapping of input name to array per sample, from the start. A `row(index)` beside it reads one sample."""


@dataclass(frozen=True)
class ArrayRows:
    """Arrays whose axis 0 is samples."""

    arrays: Mapping[str, Array]

    @property
    def count(self) -> int:
        return len(next(iter(self.arrays.values())))

    def rows(self) -> Iterator[Row]:
        return (self.row(i) for i in range(self.count))

    def row(self, index: int) -> Row:
        """One sample by its number."""
        return {name: array[index] for name, array in self.arrays.items()}


@dataclass(frozen=True)
class FileRows:
    """Files that are read row by row; True where axis 0 is samples, False where the file is one sample."""

    files: Mapping[str, tuple[ArrayFile, bool]]

    @property
    def count(self) -> int:
        counts = {name: file.shape[0] if many else 1 for name, (file, many) in self.files.items()}
        return equal_counts(counts, next(iter(self.files.values()))[0].title)

    def rows(self) -> Iterator[Row]:
        names = list(self.files)
        readers = [file.rows() if many else iter([file.whole()]) for file, many in self.files.values()]
        for _ in range(self.count):
            yield {name: next(reader) for name, reader in zip(names, readers, strict=True)}


@dataclass(frozen=True)
class ChainedRows:
    """One source after the other."""

    sources: Sequence[Source]

    @property
    def count(self) -> int | None:
        counts = [source.count for source in self.sources]
        return None if None in counts else sum(count for count in counts if count is not None)

    def rows(self) -> Iterator[Row]:
        for source in self.sources:
            yield from source.rows()


@dataclass(frozen=True)
class ZippedRows:
    """One source for each input."""

    sources: Mapping[str, Source]

    @property
    def count(self) -> int | None:
        known = {name: source.count for name, source in self.sources.items() if source.count is not None}
        return equal_counts(known, "the data") if known else None

    def rows(self) -> Iterator[Row]:
        streams = [source.rows() for source in self.sources.values()]
        for parts in zip(*streams, strict=False):
            yield {name: part[name] for name, part in zip(self.sources, parts, strict=True)}


@dataclass(frozen=True)
class IterableRows:
    """What a call gives, or an iterable in memory: dicts, arrays in the order of inputs, or single arrays."""

    make: Callable[[], Iterable[Any]]
    inputs: Sequence[InputSpec]
    title: str
    count: int | None = None

    def rows(self) -> Iterator[Row]:
        with told_as_usage_error(self.title):
            for item in self.make():
                yield self._row(item)

    def _row(self, item: Any) -> Row:
        if isinstance(item, Mapping):
            return item
        if isinstance(item, list | tuple) and len(item) == len(self.inputs):
            return {spec.name: part for spec, part in zip(self.inputs, item, strict=True)}
        if isinstance(item, np.ndarray) and len(self.inputs) == 1:
            return {self.inputs[0].name: item}
        raise UsageError(
            f"{self.title} gives a {type(item).__name__}; each sample must be a dict of input name to array, or the "
            f"arrays in the order of the inputs ({names_of(self.inputs)})"
        )


@dataclass(frozen=True)
class RandomRows:
    """Uniform numbers: [-1, 1) for floats, the whole range for 8-bit integers, 0 or 1 for others."""

    inputs: Sequence[InputSpec]
    count: int

    def rows(self) -> Iterator[Row]:
        generator = np.random.Generator(np.random.PCG64(0))
        for _ in range(self.count):
            yield {spec.name: self._draw(generator, spec) for spec in self.inputs}

    @staticmethod
    def _draw(generator: np.random.Generator, spec: InputSpec) -> Array:
        if spec.dtype.kind == "f":
            return generator.uniform(-1.0, 1.0, spec.shape).astype(spec.dtype)
        if spec.dtype.itemsize == 1 and spec.dtype.kind in "iu":
            limits = np.iinfo(spec.dtype)
            return generator.integers(limits.min, limits.max + 1, spec.shape).astype(spec.dtype)
        return generator.integers(0, 2, spec.shape).astype(spec.dtype)


@dataclass(frozen=True)
class NormalisedRows:
    """Arrays with mean, deviation and scale applied; what does not fit the input is left for `fit` to refuse."""

    source: Source
    spec: InputSpec
    how: Preprocessing

    @property
    def count(self) -> int | None:
        return self.source.count

    def rows(self) -> Iterator[Row]:
        return (self.applied(row) for row in self.source.rows())

    def applied(self, row: Row) -> Row:
        """One sample. A key that is missing stays missing."""
        if self.spec.name not in row:
            return row
        given = np.asarray(row[self.spec.name])
        shaped = reshape(given, self.spec.shape, self.spec.name, lambda text: None)
        if shaped is None or given.dtype.kind not in "fiub":
            return row
        return {**row, self.spec.name: self.how.normalise(shaped, self.spec)}


def row_reader(source: Source) -> Callable[[int], Row] | None:
    """How to read one sample by its number; None for sources that can only be read from the start."""
    if isinstance(source, NormalisedRows):
        inner = row_reader(source.source)
        return None if inner is None else lambda i: source.applied(inner(i))
    if isinstance(source, ChainedRows):
        readers = [row_reader(part) for part in source.sources]
        known = [reader for reader in readers if reader is not None]
        if len(known) < len(readers) or source.count is None:
            return None
        counts = [part.count or 0 for part in source.sources]
        places = [(reader, i) for reader, count in zip(known, counts, strict=True) for i in range(count)]
        return lambda i: places[i][0](places[i][1])
    found: Callable[[int], Row] | None = getattr(source, "row", None)
    return found


def equal_counts(counts: Mapping[str, int], title: str) -> int:
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{name!r} {count}" for name, count in counts.items())
        raise UsageError(f"{title}: the inputs have different numbers of samples: {text}")
    return next(iter(counts.values()))


def names_of(inputs: Iterable[InputSpec]) -> str:
    return ", ".join(repr(spec.name) for spec in inputs)

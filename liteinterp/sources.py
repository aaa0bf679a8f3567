"""Recognises what a `SRC` is. Each kind becomes a `Source`: rows that can be read again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .array_files import ArrayFile, NpyFile, NpzMember, npz_members
from .errors import UsageError
from .fitting import InputSpec, fits
from .user_code import load_user_object, told_as_usage_error

Array = npt.NDArray[Any]
Row = Mapping[str, Any]
Note = Callable[[str], None]

_ACCEPTED = (
    "a SRC is an .npz file (keys are input names, axis 0 is samples), file.npz:key, an .npy file, a folder of those, "
    "py:module:callable, or random:"
)
_RANDOM_COUNT = 32
#: The key that numpy.savez gives an array that was passed without one.
UNNAMED = "arr_0"


class Source(Protocol):
    """Samples before they are fitted."""

    @property
    def count(self) -> int | None:
        """Number of samples where it is known."""

    def rows(self) -> Iterator[Row]:
        """One mapping of input name to array per sample, from the start."""


def open_source(src: Any, inputs: Sequence[InputSpec], note: Note) -> tuple[Source, str]:
    """The source and a short name for messages. Raises UsageError for what is none of the kinds."""
    if isinstance(src, os.PathLike):
        src = os.fspath(src)
    if isinstance(src, str):
        return _from_parts([src], inputs, note)
    if isinstance(src, Sequence) and src and all(isinstance(part, str) for part in src):
        return _from_parts(list(src), inputs, note)
    if isinstance(src, Mapping):
        if src and all(isinstance(part, str | os.PathLike) for part in src.values()):
            return _from_parts([f"{name}={os.fspath(part)}" for name, part in src.items()], inputs, note)
        return _from_arrays(src, inputs, "the data", note), "the data"
    if isinstance(src, np.ndarray):
        only = _only_input(inputs, "an array without a name")
        return _from_arrays({only.name: src}, inputs, "the array", note), "the array"
    return _from_object(src, inputs, "the data", note), "the data"


def _from_text(src: str, inputs: Sequence[InputSpec], note: Note) -> Source:
    if src.startswith("random:"):
        return _random(src, inputs, note)
    if src.startswith("py:"):
        with told_as_usage_error(src):
            return _from_object(load_user_object(src[3:]), inputs, src, note)
    path, key = Path(src), None
    if not path.exists() and ":" in src:
        head, _, key = src.rpartition(":")
        path = Path(head)
    if path.is_dir():
        return _folder(path, inputs, note)
    if not path.is_file():
        raise UsageError(f"no data at {src!r}: {_ACCEPTED}")
    if path.suffix == ".npz":
        return FileRows(_npz(path, key, inputs, note))
    if path.suffix == ".npy":
        return FileRows({_only_input(inputs, str(path)).name: (_split(NpyFile(path), inputs[0]))})
    raise UsageError(f"cannot tell what {src!r} is: {_ACCEPTED}")


def _from_parts(parts: Sequence[str], inputs: Sequence[InputSpec], note: Note) -> tuple[Source, str]:
    """`NAME=SRC` for each input, or a single SRC for all."""
    specs = {spec.name: spec for spec in inputs}
    named = {name: src for name, equals, src in (part.partition("=") for part in parts) if equals and name in specs}
    if len(named) == len(parts):
        missing = [name for name in specs if name not in named]
        if missing:
            raise UsageError(f"no data for input {missing[0]!r}: give {missing[0]}=SRC as well")
        sources = {name: _from_text(src, [specs[name]], note) for name, src in named.items()}
        return ZippedRows(sources), ", ".join(parts)
    if len(parts) == 1:
        name, equals, _ = parts[0].partition("=")
        if equals and not Path(parts[0]).exists() and "/" not in name and not name.startswith(("py:", "random:")):
            raise UsageError(f"{parts[0]!r} names the input {name!r}, but the model's inputs are {_names(inputs)}")
        return _from_text(parts[0], inputs, note), parts[0]
    odd = next(part for part in parts if part.partition("=")[0] not in named)
    raise UsageError(f"several sources must each be NAME=SRC with the name of an input ({_names(inputs)}), not {odd!r}")


# --- arrays in memory ---


@dataclass(frozen=True)
class ArrayRows:
    """Arrays whose axis 0 is samples."""

    arrays: Mapping[str, Array]

    @property
    def count(self) -> int:
        return len(next(iter(self.arrays.values())))

    def rows(self) -> Iterator[Row]:
        for i in range(self.count):
            yield {name: array[i] for name, array in self.arrays.items()}


def _from_arrays(arrays: Mapping[str, Any], inputs: Sequence[InputSpec], title: str, note: Note) -> Source:
    held = {str(name): np.asarray(array) for name, array in arrays.items()}
    chosen = _choose({name: array.shape for name, array in held.items()}, inputs, title, note)
    split = {}
    for spec in inputs:
        array = held[chosen[spec.name]]
        split[spec.name] = array if _has_sample_axis(array.shape, spec) else array[np.newaxis]
    _equal_counts({name: len(array) for name, array in split.items()}, title)
    return ArrayRows(split)


# --- files ---


@dataclass(frozen=True)
class FileRows:
    """Files that are read row by row; True where axis 0 is samples, False where the file is one sample."""

    files: Mapping[str, tuple[ArrayFile, bool]]

    @property
    def count(self) -> int:
        counts = {name: file.shape[0] if many else 1 for name, (file, many) in self.files.items()}
        return _equal_counts(counts, next(iter(self.files.values()))[0].title)

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
        return _equal_counts(known, "the data") if known else None

    def rows(self) -> Iterator[Row]:
        streams = [source.rows() for source in self.sources.values()]
        for parts in zip(*streams, strict=False):
            yield {name: part[name] for name, part in zip(self.sources, parts, strict=True)}


def _npz(path: Path, key: str | None, inputs: Sequence[InputSpec], note: Note) -> dict[str, tuple[ArrayFile, bool]]:
    members = npz_members(path)
    if key is not None:
        only = _only_input(inputs, f"{path}:{key}")
        if key not in members:
            raise UsageError(f"{path} has no array {key!r}: it has {_shapes(_shapes_of(members))}")
        return {only.name: _split(members[key], only)}
    chosen = _choose(_shapes_of(members), inputs, str(path), note)
    return {spec.name: _split(members[chosen[spec.name]], spec) for spec in inputs}


def _folder(path: Path, inputs: Sequence[InputSpec], note: Note) -> Source:
    files = sorted(file for file in path.iterdir() if file.suffix in (".npz", ".npy"))
    if not files:
        raise UsageError(f"the folder {path} holds no .npz or .npy file: {_ACCEPTED}")
    return ChainedRows([_from_text(str(file), inputs, note) for file in files])


def _shapes_of(members: Mapping[str, NpzMember]) -> dict[str, tuple[int, ...]]:
    return {name: member.shape for name, member in members.items()}


def _split(file: ArrayFile, spec: InputSpec) -> tuple[ArrayFile, bool]:
    return file, _has_sample_axis(file.shape, spec)


# --- code and random numbers ---


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
            f"arrays in the order of the inputs ({_names(self.inputs)})"
        )


def _from_object(made: Any, inputs: Sequence[InputSpec], title: str, note: Note) -> Source:
    """A callable, an object with ONNX Runtime's `get_next`, a mapping of arrays, or any iterable."""
    if callable(made) and (isinstance(made, type) or not hasattr(made, "get_next")):
        first = made()
        if isinstance(first, Mapping | np.ndarray) or hasattr(first, "get_next"):
            return _from_object(first, inputs, title, note)
        return IterableRows(made, inputs, title)
    if isinstance(made, Mapping):
        return _from_arrays(made, inputs, title, note)
    if isinstance(made, np.ndarray):
        return _from_arrays({_only_input(inputs, title).name: made}, inputs, title, note)
    if hasattr(made, "get_next"):
        made = list(iter(made.get_next, None))
    if not isinstance(made, Iterable):
        raise UsageError(f"cannot read samples from a {type(made).__name__}: {_ACCEPTED}")
    if isinstance(made, Iterator):
        made = list(made)
    return IterableRows(lambda: made, inputs, title, len(made) if hasattr(made, "__len__") else None)


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


def _random(src: str, inputs: Sequence[InputSpec], note: Note) -> Source:
    count = src.removeprefix("random:") or str(_RANDOM_COUNT)
    if not count.isdecimal() or not int(count):
        raise UsageError(f"{src!r}: after random: there may only be the number of samples, as in random:64")
    note("RANDOM DATA: the samples are random numbers, so ranges and figures say nothing about real inputs")
    return RandomRows(inputs, int(count))


# --- which array is which input ---


def _choose(
    shapes: Mapping[str, tuple[int, ...]], inputs: Sequence[InputSpec], title: str, note: Note
) -> dict[str, str]:
    """Input name -> key in the data. Keys are input names; a single input also takes the only array without a name."""
    if all(spec.name in shapes for spec in inputs):
        return {spec.name: spec.name for spec in inputs}
    if len(inputs) == 1 and set(shapes) == {UNNAMED}:
        note(f"{title}: its only array is taken for the model's only input {inputs[0].name!r}")
        return {inputs[0].name: UNNAMED}
    missing = next(spec for spec in inputs if spec.name not in shapes)
    raise UsageError(
        f"{title} has no array for {missing}; it has {_shapes(shapes)}. Name the arrays as the inputs, or point to "
        f"one: {missing.name}=FILE.npz:KEY."
    )


def _has_sample_axis(shape: tuple[int, ...], spec: InputSpec) -> bool:
    """Axis 0 is samples, unless the array fits only as it is: then it is one sample."""
    return bool(shape) and (fits(shape[1:], spec.shape) or not fits(shape, spec.shape))


def _equal_counts(counts: Mapping[str, int], title: str) -> int:
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{name!r} {count}" for name, count in counts.items())
        raise UsageError(f"{title}: the inputs have different numbers of samples: {text}")
    return next(iter(counts.values()))


def _only_input(inputs: Sequence[InputSpec], what: str) -> InputSpec:
    if len(inputs) != 1:
        raise UsageError(f"{what} gives one array, but the model has {len(inputs)} inputs: give NAME=SRC for each of "
                         f"{_names(inputs)}")  # fmt: skip
    return inputs[0]


def _names(inputs: Iterable[InputSpec]) -> str:
    return ", ".join(repr(spec.name) for spec in inputs)


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name!r} ({'×'.join(map(str, shape)) or 'scalar'})" for name, shape in shapes.items())

"""Recognises what a `SRC` is. Each kind becomes a `Source`: rows that can be read again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .array_files import ArrayFile, NpyFile, NpzMember, npz_members
from .errors import UsageError
from .file_lists import LISTS, files_in, files_of_list, kind_of
from .fitting import InputSpec, fits
from .image_files import image_rows
from .preprocessing import Preprocessing
from .sample_rows import (
    ArrayRows,
    ChainedRows,
    FileRows,
    IterableRows,
    NormalisedRows,
    RandomRows,
    Source,
    ZippedRows,
    equal_counts,
    names_of,
)
from .user_code import load_user_object, told_as_usage_error
from .wave_files import wave_rows

Array = npt.NDArray[Any]
Note = Callable[[str], None]

_ACCEPTED = (
    "a SRC is an .npz file (keys are input names, axis 0 is samples), file.npz:key, an .npy file, a folder of those, "
    "of images or of .wav files, a list of files (.txt), py:module:callable, or random:"
)
_RANDOM_COUNT = 32
#: The key that numpy.savez gives an array that was passed without one.
UNNAMED = "arr_0"


@dataclass(frozen=True)
class Reading:
    """How sources are opened: who is told what was done, and what happens to the numbers."""

    note: Note
    how: Preprocessing = field(default_factory=Preprocessing)
    #: Whether arrays are normalised too: where the model has one input, it is clear which is meant.
    arrays: bool = True

    def normalised(self, source: Source, inputs: Sequence[InputSpec]) -> Source:
        """A source of arrays, normalised where that was asked for."""
        if not self.how.normalises:
            return source
        if not self.arrays:
            self.note("mean, std and scale are not applied to arrays of a model with several inputs")
            return source
        return NormalisedRows(source, inputs[0], self.how)


def open_source(
    src: Any, inputs: Sequence[InputSpec], note: Note, how: Preprocessing | None = None
) -> tuple[Source, str]:
    """The source and a short name for messages. Raises UsageError for what is none of the kinds."""
    reading = Reading(note, how or Preprocessing(), len(inputs) == 1)
    if isinstance(src, os.PathLike):
        src = os.fspath(src)
    if isinstance(src, str):
        return _from_parts([src], inputs, reading)
    if isinstance(src, Sequence) and src and all(isinstance(part, str) for part in src):
        return _from_parts(list(src), inputs, reading)
    if isinstance(src, Mapping):
        if src and all(isinstance(part, str | os.PathLike) for part in src.values()):
            return _from_parts([f"{name}={os.fspath(part)}" for name, part in src.items()], inputs, reading)
        return reading.normalised(_from_arrays(src, inputs, "the data", note), inputs), "the data"
    if isinstance(src, np.ndarray):
        only = _only_input(inputs, "an array without a name")
        return reading.normalised(_from_arrays({only.name: src}, inputs, "the array", note), inputs), "the array"
    return reading.normalised(_from_object(src, inputs, "the data", note), inputs), "the data"


def _from_text(src: str, inputs: Sequence[InputSpec], reading: Reading) -> Source:
    if src.startswith("random:"):
        return _random(src, inputs, reading.note)
    if src.startswith("py:"):
        with told_as_usage_error(src):
            return reading.normalised(_from_object(load_user_object(src[3:]), inputs, src, reading.note), inputs)
    path, key = Path(src), None
    if not path.exists() and ":" in src:
        head, _, key = src.rpartition(":")
        path = Path(head)
    if path.is_dir():
        return _files(*files_in(path), inputs, reading)
    if not path.is_file():
        raise UsageError(f"no data at {src!r}: {_ACCEPTED}")
    if path.suffix.lower() in LISTS:
        return _list(path, inputs, reading)
    if path.suffix == ".npz":
        return reading.normalised(FileRows(_npz(path, key, inputs, reading.note)), inputs)
    if path.suffix == ".npy":
        only = _only_input(inputs, str(path))
        return reading.normalised(FileRows({only.name: _split(NpyFile(path), only)}), inputs)
    kind = kind_of(path)
    if kind is not None:
        return _files(kind, [path], inputs, reading)
    raise UsageError(f"cannot tell what {src!r} is: {_ACCEPTED}")


def _from_parts(parts: Sequence[str], inputs: Sequence[InputSpec], reading: Reading) -> tuple[Source, str]:
    """`NAME=SRC` for each input, or a single SRC for all."""
    specs = {spec.name: spec for spec in inputs}
    named = {name: src for name, equals, src in (part.partition("=") for part in parts) if equals and name in specs}
    if len(named) == len(parts):
        missing = [name for name in specs if name not in named]
        if missing:
            raise UsageError(f"no data for input {missing[0]!r}: give {missing[0]}=SRC as well")
        sources = {name: _from_text(src, [specs[name]], reading) for name, src in named.items()}
        return ZippedRows(sources), ", ".join(parts)
    if len(parts) == 1:
        name, equals, _ = parts[0].partition("=")
        if equals and not Path(parts[0]).exists() and "/" not in name and not name.startswith(("py:", "random:")):
            raise UsageError(f"{parts[0]!r} names the input {name!r}, but the model's inputs are {names_of(inputs)}")
        return _from_text(parts[0], inputs, reading), parts[0]
    odd = next(part for part in parts if part.partition("=")[0] not in named)
    raise UsageError(
        f"several sources must each be NAME=SRC with the name of an input ({names_of(inputs)}), not {odd!r}"
    )


# --- arrays in memory ---


def _from_arrays(arrays: Mapping[str, Any], inputs: Sequence[InputSpec], title: str, note: Note) -> Source:
    held = {str(name): np.asarray(array) for name, array in arrays.items()}
    chosen = _choose({name: array.shape for name, array in held.items()}, inputs, title, note)
    split = {}
    for spec in inputs:
        array = held[chosen[spec.name]]
        split[spec.name] = array if _has_sample_axis(array.shape, spec) else array[np.newaxis]
    equal_counts({name: len(array) for name, array in split.items()}, title)
    return ArrayRows(split)


# --- files ---


def _npz(path: Path, key: str | None, inputs: Sequence[InputSpec], note: Note) -> dict[str, tuple[ArrayFile, bool]]:
    members = npz_members(path)
    if key is not None:
        only = _only_input(inputs, f"{path}:{key}")
        if key not in members:
            raise UsageError(f"{path} has no array {key!r}: it has {_shapes(_shapes_of(members))}")
        return {only.name: _split(members[key], only)}
    chosen = _choose(_shapes_of(members), inputs, str(path), note)
    return {spec.name: _split(members[chosen[spec.name]], spec) for spec in inputs}


def _files(kind: str, files: Sequence[Path], inputs: Sequence[InputSpec], reading: Reading) -> Source:
    """Files of one kind, in the given order."""
    if kind == "images":
        return image_rows(files, _only_input(inputs, str(files[0])), reading.how)
    if kind == "sounds":
        return wave_rows(files, _only_input(inputs, str(files[0])), reading.how)
    return ChainedRows([_from_text(str(file), inputs, reading) for file in files])


def _list(path: Path, inputs: Sequence[InputSpec], reading: Reading) -> Source:
    """A list file: for each input, the files of its column."""
    rows = files_of_list(path, inputs, reading.note)
    sources: dict[str, Source] = {}
    for spec in inputs:
        files = [row[spec.name] for row in rows]
        kinds = {kind_of(file) for file in files}
        if len(kinds) > 1:
            raise UsageError(f"the list {path} has files of several kinds for input {spec.name!r}: {_sorted(kinds)}")
        sources[spec.name] = _files(str(kinds.pop()), files, [spec], reading)
    return sources[inputs[0].name] if len(inputs) == 1 else ZippedRows(sources)


def _shapes_of(members: Mapping[str, NpzMember]) -> dict[str, tuple[int, ...]]:
    return {name: member.shape for name, member in members.items()}


def _split(file: ArrayFile, spec: InputSpec) -> tuple[ArrayFile, bool]:
    return file, _has_sample_axis(file.shape, spec)


# --- code and random numbers ---


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


def _only_input(inputs: Sequence[InputSpec], what: str) -> InputSpec:
    if len(inputs) != 1:
        raise UsageError(f"{what} gives one array, but the model has {len(inputs)} inputs: give NAME=SRC for each of "
                         f"{names_of(inputs)}")  # fmt: skip
    return inputs[0]


def _sorted(kinds: Iterable[str | None]) -> str:
    return ", ".join(sorted(str(kind) for kind in kinds))


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name!r} ({'×'.join(map(str, shape)) or 'scalar'})" for name, shape in shapes.items())

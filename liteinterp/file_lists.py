"""Which files a folder or a list file names, in an order that is the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from . import image_files
from .errors import UsageError
from .fitting import InputSpec

Note = Callable[[str], None]

ARRAYS = (".npz", ".npy")
SOUNDS = (".wav",)
LISTS = (".txt", ".lst", ".list")
_KINDS = {"arrays": ARRAYS, "images": image_files.SUFFIXES, "sounds": SOUNDS}


def kind_of(path: Path) -> str | None:
    """arrays, images or sounds by the file's suffix; None for any other."""
    suffix = path.suffix.lower()
    return next((kind for kind, suffixes in _KINDS.items() if suffix in suffixes), None)


def files_in(folder: Path) -> tuple[str, list[Path]]:
    """The kind and the files of a folder and those below it, in the order of their paths' characters.

    Hidden files and files of no kind are left out. Raises UsageError when there is nothing, or more than one kind.
    """
    found: dict[str, list[Path]] = {}
    try:
        for path in folder.rglob("*"):
            kind = kind_of(path)
            if kind is not None and path.is_file() and not _is_hidden(path.relative_to(folder)):
                found.setdefault(kind, []).append(path)
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error}") from error
    if not found:
        raise UsageError(
            f"the folder {folder} holds no .npz or .npy file, no image ({', '.join(image_files.SUFFIXES)}) and no .wav"
        )
    if len(found) > 1:
        counts = ", ".join(f"{len(files)} {kind}" for kind, files in sorted(found.items()))
        raise UsageError(f"the folder {folder} holds {counts}: put one kind into a folder, or write a list file")
    ((kind, files),) = found.items()
    return kind, sorted(files, key=lambda path: path.relative_to(folder).parts)


def files_of_list(path: Path, inputs: Sequence[InputSpec], note: Note) -> list[dict[str, Path]]:
    """The files of each line of a list file, by input: one column an input, in their order or as `NAME=FILE`.

    Paths are relative to the list. Lines that are empty or begin with # are left out; a number behind the only file of
    a line is taken for its label and not used. Raises UsageError, naming list and line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the list {path}: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            rows.append(_row(text, path.parent, inputs, f"{path}, line {number}", note))
    if not rows:
        raise UsageError(f"the list {path} names no file")
    return rows


def _row(text: str, folder: Path, inputs: Sequence[InputSpec], where: str, note: Note) -> dict[str, Path]:
    names = [spec.name for spec in inputs]
    columns = [text] if len(inputs) == 1 and (folder / text).is_file() else text.split("\t" if "\t" in text else None)
    if len(inputs) == 1 and len(columns) == 2 and columns[1].lstrip("-").isdecimal():
        note("the numbers in the list's second column are taken for labels and not used")
        columns = columns[:1]
    if len(columns) != len(inputs):
        raise UsageError(f"{where}: there are {len(columns)} columns for {len(inputs)} inputs ({', '.join(names)})")
    row = {}
    for name, column in zip(names, columns, strict=True):
        head, equals, file = column.partition("=")
        if equals and head in names:
            name, column = head, file.removeprefix(":")
        if name in row:
            raise UsageError(f"{where}: input {name!r} has two files")
        row[name] = folder / column
        if not row[name].is_file():
            raise UsageError(f"{where}: there is no file {row[name]}")
        if kind_of(row[name]) is None:
            raise UsageError(f"{where}: {row[name]} is no .npz, .npy, image or .wav")
    return row


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)

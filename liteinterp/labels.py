"""Class labels for `--labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .array_files import NpyFile, npz_members
from .errors import UsageError

_KEYS = ("labels", "label", "y")


def load_labels(source: Any) -> npt.NDArray[np.int64]:
    """One class index per sample, from an array, an `.npy`, an `.npz` (key labels, label or y; or `file.npz:key`), or a
    text file with one number a line. Raises UsageError."""
    array = _read(source) if isinstance(source, str | Path) else np.asarray(source)
    array = np.squeeze(array) if array.ndim > 1 else array
    if array.ndim != 1 or not array.size:
        raise UsageError(f"labels must be one class index per sample, not an array of shape {array.shape}")
    if array.dtype.kind not in "iuf" or not np.array_equal(array, np.rint(array)):
        raise UsageError("labels must be whole numbers: the index of the right class")
    return array.astype(np.int64)


def load_targets(source: Any) -> Any:
    """What the user's own metric judges by: an array of any shape, axis 0 is samples, from the files of `load_labels`;
    a list or array from Python stays as it is. Raises UsageError."""
    return _read(source) if isinstance(source, str | Path) else source


def _read(source: str | Path) -> npt.NDArray[Any]:
    path, key = Path(source), None
    if not path.exists() and ":" in str(source):
        head, _, key = str(source).rpartition(":")
        path = Path(head)
    if not path.is_file():
        raise UsageError(f"no labels at {str(source)!r}")
    if path.suffix == ".npy":
        return NpyFile(path).whole()
    if path.suffix != ".npz":
        return _text(path)
    members = npz_members(path)
    found = [name for name in ([key] if key else _KEYS) if name in members]
    if not found and key is None and len(members) == 1:
        found = list(members)
    if not found:
        raise UsageError(f"{path} has no array {key or ' or '.join(_KEYS)!r}; it has {', '.join(members)}")
    return members[found[0]].whole()


def _text(path: Path) -> npt.NDArray[Any]:
    try:
        return np.array([int(line) for line in path.read_text("utf-8").split()], np.int64)
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} must hold one class index a line: {error}") from error

"""`.npy` and `.npz` files read row by row, so that memory does not grow with the number of samples."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from .errors import UsageError

Array = npt.NDArray[Any]


class ArrayFile(Protocol):
    """One array in a file."""

    shape: tuple[int, ...]
    title: str

    def rows(self) -> Iterator[Array]:
        """The elements of axis 0, one by one."""

    def whole(self) -> Array:
        """All of it."""


class NpyFile:
    """A `.npy` file, mapped into memory. Raises UsageError when it is none, or holds Python objects."""

    def __init__(self, path: Path) -> None:
        self.title = str(path)
        self._path = path
        self.shape: tuple[int, ...] = self._map().shape

    def _map(self) -> Array:
        with _readable(self.title):
            array = np.load(self._path, mmap_mode="r", allow_pickle=False)
            if not isinstance(array, np.ndarray):
                raise ValueError("it holds no single array")
            return array

    def rows(self) -> Iterator[Array]:
        yield from (np.array(row) for row in self._map())

    def whole(self) -> Array:
        return np.array(self._map())


class NpzMember:
    """One array of an `.npz` file, unpacked as it is read."""

    def __init__(self, path: Path, key: str) -> None:
        self.title = f"{path}:{key}"
        self._path = path
        self._member = f"{key}.npy"
        with self._opened() as (_, shape, _, _):
            self.shape = shape

    @contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], tuple[int, ...], bool, np.dtype[Any]]]:
        with _readable(self.title), zipfile.ZipFile(self._path) as archive, archive.open(self._member) as file:
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            version = np.lib.format.read_magic(file)
            if version not in read:
                raise ValueError(f"its format version {version} is not known")
            shape, fortran, dtype = read[version](file)
            if dtype.hasobject:
                raise ValueError("it holds Python objects")
            yield file, shape, fortran, dtype

    def rows(self) -> Iterator[Array]:
        with self._opened() as (file, shape, fortran, dtype):
            if fortran or dtype.itemsize == 0:
                yield from self.whole()
                return
            size = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
            for _ in range(shape[0]):
                data = file.read(size)
                if len(data) != size:
                    raise ValueError("it ends early")
                yield np.frombuffer(data, dtype).reshape(shape[1:])

    def whole(self) -> Array:
        with _readable(self.title), np.load(self._path, allow_pickle=False) as archive:
            return np.asarray(archive[self._member.removesuffix(".npy")])


def npz_members(path: Path) -> dict[str, NpzMember]:
    """The arrays of an `.npz` file by key. Raises UsageError when it is none."""
    with _readable(str(path)), zipfile.ZipFile(path) as archive:
        keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    if not keys:
        raise UsageError(f"{path} holds no array")
    return {key: NpzMember(path, key) for key in keys}


@contextmanager
def _readable(title: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"cannot read {title}: {error}") from error

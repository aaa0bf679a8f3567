"""Files written whole or not at all, and paths that cannot be written found before work starts."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from .errors import UsageError

if TYPE_CHECKING:
    import mmap
    from pathlib import Path

#: Files from this size on are mapped, smaller ones read: a mapping holds a file descriptor.
MAP_FROM_BYTES = 1 << 18


def check_writable(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can be written there. Raises UsageError; leaves nothing behind."""
    import tempfile
    from pathlib import Path

    target = Path(path)
    folder = target.parent
    if target.is_dir():
        raise UsageError(f"cannot write {target}: it is a folder")
    if not folder.is_dir():
        raise UsageError(f"cannot write {target}: the folder {folder} does not exist")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write beside, flush to disk, rename. Whatever interrupts it, `path` holds its old content or the new one.

    Raises UsageError when the system refuses.
    """
    from pathlib import Path

    target = Path(path)
    part = target.parent / f".{target.name}.{os.getpid()}.part"
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
        raise


def read_model_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a model file. Raises UsageError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"Could not open {os.fspath(path)!r}: {error.strerror or error}") from error


def map_model(path: str | os.PathLike[str]) -> bytes | mmap.mmap:
    """The content of a model file, read-only, in place where the system maps it; whoever may write the file must not
    while it is in use. Raises UsageError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size >= MAP_FROM_BYTES:
                import mmap

                with contextlib.suppress(OSError, ValueError):
                    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return file.read()
    except OSError as error:
        raise UsageError(f"Could not open {os.fspath(path)!r}: {error.strerror or error}") from error

"""Writing files completely or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .errors import UsageError

STAGE = "output"


def check_writable(path: Path) -> None:
    """Whether a file can be made at `path`, without making it. Raises UsageError."""
    if path.is_dir():
        raise UsageError.at(STAGE, str(path), "is a folder", "Name a file in it")
    folder = path.parent
    if not folder.is_dir():
        raise UsageError.at(STAGE, str(path), f"the folder {str(folder)!r} does not exist", "Make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError.at(STAGE, str(path), f"the folder {str(folder)!r} cannot be written")


def write_whole(path: Path, content: bytes) -> None:
    """Write beside, flush to the disk, rename: readers see the old file or the whole new one. Raises UsageError."""
    check_writable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UsageError.at(STAGE, str(path), error.strerror or str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)

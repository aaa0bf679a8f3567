"""Finds and opens the C library: exports `ffi` and `lib`, and nothing of them leaves `net.py`.

`LITEINTERP_LIBRARY` names another build (a sanitizer build, say). Otherwise the library lies beside this package; an
editable install spreads the package over several directories, so every entry of its path is searched.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import liteinterp

from .gen.cdef import ABI_VERSION
from .gen.cdef import ffi as _ffi

_FILE_NAMES = {"darwin": "libliteinterp.dylib", "win32": "liteinterp.dll"}
_FILE_NAME = _FILE_NAMES.get(sys.platform, "libliteinterp.so")


def _find() -> str:
    """The library's path, without pathlib, which costs milliseconds. Raises ImportError that says where it was looked
    for."""
    chosen = os.environ.get("LITEINTERP_LIBRARY")
    if chosen:
        if not os.path.isfile(chosen):
            raise ImportError(f"LITEINTERP_LIBRARY names {chosen!r}, where no file is")
        return os.path.realpath(chosen)
    for folder in liteinterp.__path__:
        path = os.path.join(folder, _FILE_NAME)
        if os.path.isfile(path):
            return path
    looked = ", ".join(liteinterp.__path__)
    raise ImportError(
        f"liteinterp's C library {_FILE_NAME} was not found in {looked}. Install the package (pip install .), or build "
        "it with `cmake -S csrc -B build && cmake --build build` and set LITEINTERP_LIBRARY to the file."
    )


def _open() -> Any:
    path = _find()
    try:
        library = _ffi.dlopen(path)
    except OSError as error:
        raise ImportError(f"liteinterp's C library {path} cannot be loaded: {error}") from error
    found = int(library.li_abi_version())
    if found != ABI_VERSION:
        raise ImportError(
            f"liteinterp's C library {path} has interface version {found}, this package expects {ABI_VERSION}: "
            "they come from different builds. Install the package again, or correct LITEINTERP_LIBRARY."
        )
    return library


ffi: Any = _ffi
lib: Any = _open()

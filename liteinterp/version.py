"""The version, from the installed package; straight from a checkout from the header that the package takes it from."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path


def _find() -> str:
    header = Path(__file__).resolve().parents[1] / "csrc" / "include" / "liteinterp.h"
    if header.is_file():
        return ".".join(re.findall(r"#define LI_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header.read_text("utf-8")))
    return importlib.metadata.version("liteinterp")


__version__ = _find()

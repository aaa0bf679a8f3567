# SPDX-License-Identifier: Apache-2.0
"""Joins the C runtime into two files, ``liteinterp.c`` and ``liteinterp.h``, for projects that copy sources.

    python csrc/amalgamate.py build/

Only the standard library is used, so that a device project can run it too. Own headers are put in where they are first
included, ``.inc`` files (lists, templates) at every place that includes them; system headers stay as they are.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

CSRC = Path(__file__).resolve().parent
PUBLIC = CSRC / "include" / "liteinterp.h"
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"\s*$')
_SPDX = "/* SPDX-License-Identifier: Apache-2.0 */"


def sources() -> list[Path]:
    """The library's sources in the order of ``sources.txt``."""
    lines = (CSRC / "sources.txt").read_text().splitlines()
    return [CSRC / line for line in lines if line and not line.startswith("#")]


def _resolve(name: str, includer: Path) -> Path:
    for folder in (includer.parent, CSRC / "include", CSRC / "src"):
        path = (folder / name).resolve()
        if path.is_file():
            return path
    raise FileNotFoundError(f'{includer}: #include "{name}" names no file of csrc/')


def _expand(path: Path, seen: set[Path], out: list[str]) -> None:
    """Appends the lines of ``path`` to ``out`` with own includes replaced; ``seen``: headers already put in."""
    for line in path.read_text().splitlines():
        if line == _SPDX:
            continue
        match = _INCLUDE.match(line)
        if match is None:
            out.append(line)
            continue
        target = _resolve(match.group(1), path)
        if target == PUBLIC:
            if PUBLIC not in seen:
                out.append('#include "liteinterp.h"')
            seen.add(PUBLIC)
        elif target.suffix == ".inc" or target not in seen:
            if target.suffix != ".inc":
                seen.add(target)
            _expand(target, seen, out)


def amalgamate() -> str:
    """The text of ``liteinterp.c``."""
    out = [_SPDX, "/* liteinterp in one file, made by csrc/amalgamate.py. Edit the sources, not this. */"]
    seen: set[Path] = set()
    for path in sources():
        out += ["", f"/* ---- {path.relative_to(CSRC).as_posix()} ---- */", ""]
        _expand(path, seen, out)
    return "\n".join(out) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Writes both files into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where to write liteinterp.c and liteinterp.h")
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "liteinterp.c").write_text(amalgamate())
    (folder / "liteinterp.h").write_text(PUBLIC.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())

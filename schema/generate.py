"""Writes every generated file from tflite.fbs, ops.toml, the marked region of liteinterp.h and the templates.

    python schema/generate.py            write what is stale
    python schema/generate.py --check    write nothing; exit 1 and name each stale file
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import emit_c
import fbs
import oplist

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Output:
    """A generated file. `is_current` compares what is there with what would be written."""

    path: str
    text: str
    is_current: Callable[[str], bool]


def outputs() -> list[Output]:
    """Every generated file with its text."""
    schema = fbs.parse((ROOT / "schema" / "tflite.fbs").read_text(encoding="utf-8"))
    ops = oplist.load(ROOT / "schema" / "ops.toml", schema)
    texts = {
        "csrc/gen/li_schema.h": emit_c.schema_header(schema, ops),
        "csrc/gen/li_tables.inc": emit_c.tables_inc(schema, ops),
        "csrc/gen/li_operations.inc": emit_c.operations_inc(schema, ops),
    }
    return [Output(path, text, text.__eq__) for path, text in texts.items()]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    check = parser.parse_args(arguments).check
    stale: list[str] = []
    for output in outputs():
        path = ROOT / output.path
        if path.exists() and output.is_current(path.read_text(encoding="utf-8")):
            continue
        stale.append(output.path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(output.text, encoding="utf-8")
    for name in stale:
        print(f"stale: {name}; run python schema/generate.py" if check else f"wrote {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

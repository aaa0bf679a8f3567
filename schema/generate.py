"""Writes every generated file from tflite.fbs, ops.toml, the marked regions of the headers and the templates.

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
import emit_cdef
import emit_docs
import emit_oplist
import emit_python
import fbs
import oplist

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Output:
    """A generated file. `is_current` judges the text that is there; `text` makes the one that belongs there."""

    path: str
    text: Callable[[], str]
    is_current: Callable[[str], bool]


def _plain(path: str, text: str) -> Output:
    return Output(path, lambda: text, text.__eq__)


def outputs() -> list[Output]:
    """Every generated file."""
    schema = fbs.parse((ROOT / "schema" / "tflite.fbs").read_text(encoding="utf-8"))
    ops = oplist.load(ROOT / "schema" / "ops.toml", schema)
    headers = ("liteinterp.h", "liteinterp_threads.h")
    header = "".join((ROOT / "csrc" / "include" / name).read_text(encoding="utf-8") for name in headers)
    return [
        _plain("csrc/gen/li_schema.h", emit_c.schema_header(schema, ops, emit_cdef.abi_version(header))),
        _plain("csrc/gen/li_tables.inc", emit_c.tables_inc(schema, ops)),
        _plain("csrc/gen/li_operations.inc", emit_c.operations_inc(schema, ops)),
        _plain("converter/gen/ops.py", emit_oplist.converter_ops_module(schema, ops)),
        _plain("converter/gen/tflite.py", emit_python.tflite_module(schema, ops, writer=True)),
        _plain("liteinterp/gen/ops.py", emit_oplist.runtime_ops_module(schema, ops)),
        _plain("liteinterp/gen/tflite.py", emit_python.tflite_module(schema, ops, writer=False)),
        _plain("docs/ops.md", emit_docs.ops_page(schema, ops)),
        Output(
            "liteinterp/gen/cdef.py",
            lambda: emit_cdef.cdef_module(header),
            lambda existing: emit_cdef.is_current(existing, header),
        ),
    ]


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
            path.write_text(output.text(), encoding="utf-8")
    for name in stale:
        print(f"stale: {name}; run python schema/generate.py" if check else f"wrote {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

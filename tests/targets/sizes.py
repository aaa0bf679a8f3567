# SPDX-License-Identifier: Apache-2.0
"""Bytes of code and constants of the library by part and operator family: `make sizes`.

    CC=arm-none-eabi-gcc CFLAGS="-ffreestanding -mthumb -mcpu=cortex-m4 ..." python tests/targets/sizes.py DIR

Compiles every source with -Os (CFLAGS may say otherwise) into DIR and reads the objects with SIZE and NM, binutils of
the target where the machine's own do not know it. Only the standard library is used.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CSRC = Path(__file__).resolve().parents[2] / "csrc"

#: Those of csrc/CMakeLists.txt that change the code, with its MinSizeRel.
FLAGS = ("-std=c11", "-ffp-contract=off", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-Os")

#: What the files of src/ are, in the order of a net's life; a file that no row names is listed by its own name.
STAGES = {
    "the file: flatbuffer access, check": ("li_check", "li_flatbuffer", "li_metadata"),
    "plan: graph, shapes, placement": ("li_plan", "li_tensors", "li_nodes", "li_groups", "li_place", "li_family"),
    "open, run, interface": ("li_open", "li_run", "li_cpu"),
    "texts of statuses and rules, accessors": ("li_api",),
    "table of operators": ("li_operations",),
    "functions (li_math)": ("li_math",),
    "uint8 shown as int8": ("li_as_int8",),
}


@dataclass(frozen=True)
class Part:
    name: str
    operators: tuple[str, ...]
    #: Code and constants; initialized data.
    text_bytes: int
    data_bytes: int


def sources() -> list[Path]:
    lines = (CSRC / "sources.txt").read_text().splitlines()
    return [CSRC / line for line in lines if line and not line.startswith("#")]


@dataclass(frozen=True)
class Measured:
    """One source, compiled."""

    source: Path
    #: Operators whose run function it defines.
    operators: tuple[str, ...]
    text_bytes: int
    data_bytes: int


def compile_one(source: Path, folder: Path) -> Measured:
    compiler, size, nm = (
        shlex.split(os.environ.get(name, default)) for name, default in (("CC", "cc"), ("SIZE", "size"), ("NM", "nm"))
    )
    flags = [*FLAGS, *shlex.split(os.environ.get("CFLAGS", ""))]
    target = folder / f"{source.stem}.o"
    includes = [f"-I{CSRC / name}" for name in ("include", "src")]
    subprocess.run([*compiler, *flags, *includes, "-c", str(source), "-o", str(target)], check=True)
    sizes, symbols = (
        subprocess.run([*tool, str(target)], check=True, capture_output=True, text=True).stdout for tool in (size, nm)
    )
    text, data = sizes.splitlines()[1].split()[:2]
    known = re.findall(r"^LI_OPERATION\((\w+), (\w+),", (CSRC / "gen" / "li_operations.inc").read_text(), re.MULTILINE)
    defined = set(re.findall(r" T li_(\w+)_run$", symbols, re.MULTILINE))
    return Measured(source, tuple(name for name, lower in known if lower in defined), int(text), int(data))


def part_of(one: Measured) -> str:
    source = one.source
    if source.parent.parent.name == "kernels":
        return f"kernels: {source.parent.name}"
    if source.parent.name == "src":
        return next((name for name, files in STAGES.items() if source.stem in files), source.stem)
    return source.stem.removeprefix("li_") if one.operators else "shared by operators"


def measure(folder: Path) -> list[Part]:
    """Parts in the order of a net's life, then operator families by size."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = list(pool.map(lambda source: compile_one(source, folder), sources()))
    parts = []
    for name in dict.fromkeys([*STAGES, *(part_of(one) for one in measured)]):
        members = [one for one in measured if part_of(one) == name]
        operators = tuple(operator for one in members for operator in one.operators)
        text, data = sum(one.text_bytes for one in members), sum(one.data_bytes for one in members)
        parts.append(Part(name, operators, text, data))
    return sorted(parts, key=lambda part: (bool(part.operators), -part.text_bytes if part.operators else 0))


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        parts = measure(Path(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        print(f"sizes: {shlex.join(error.cmd)} failed", file=sys.stderr)
        return 1
    print("| part | operators | text | data |\n|---|---|---|---|")
    for part in parts:
        if part.text_bytes + part.data_bytes:
            print(f"| {part.name} | {', '.join(part.operators)} | {part.text_bytes:,} | {part.data_bytes:,} |")
    operators = sum(len(part.operators) for part in parts)
    text, data = sum(part.text_bytes for part in parts), sum(part.data_bytes for part in parts)
    print(f"| total | {operators} | {text:,} | {data:,} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

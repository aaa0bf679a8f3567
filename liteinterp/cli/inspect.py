"""`liteinterp inspect`"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..errors import MissingExtraError, UsageError
from .console import Console


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "inspect",
        parents=[common],
        help="what a .tflite holds, needs, and which runtimes load it",
        description="Operators, tensors (-v), multiply-accumulates, exact memory, metadata, and which runtimes load a "
        ".tflite file.",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="the .tflite file")
    parser.add_argument(
        "--target",
        metavar="NAME,...",
        help="memory on these targets, by operator on the first one: portable, x86-64-sse41, x86-64-avx2, "
        "x86-64-avxvnni, x86-64-avx512vnni, aarch64-neon, aarch64-dotprod",
    )
    parser.add_argument("--operators", action="store_true", help="list the operators that are supported")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    from ..inspect import inspect

    if args.operators:
        return _operators(args, console)
    if args.model is None:
        raise UsageError("give the MODEL to inspect, or --operators")
    found = inspect(args.model, args.target.split(",") if args.target else ())
    if args.json:
        console.result(found.to_json().rstrip())
        return 0
    console.result(found.heading())
    for table in found.tables(everything=console.verbose):
        console.result("")
        console.table(table)
    console.result("")
    for line in found.closing():
        console.result(line)
    return 0


def _operators(args: argparse.Namespace, console: Console) -> int:
    from ..inspect import operators_table

    table = operators_table()
    onnx = _onnx_operators(console)
    if args.json:
        console.result(json.dumps({"tflite": [row[0] for row in table.rows], "onnx": onnx}, indent=2))
        return 0
    console.table(table)
    if onnx is not None:
        console.result(f"\noperators of .onnx files that convert: {', '.join(onnx)}")
    return 0


def _onnx_operators(console: Console) -> list[str] | None:
    """None where the converter's packages are not installed."""
    from ..convert import onnx_operators

    try:
        return list(onnx_operators())
    except MissingExtraError as error:
        console.say(str(error))
        return None

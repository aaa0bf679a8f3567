"""`liteinterp bench`"""

from __future__ import annotations

import argparse
from typing import Any

from ..files import check_writable, write_whole
from .console import Console


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "bench",
        parents=[common],
        help="how fast a .tflite runs, here and in other engines",
        description="Time one inference of a .tflite on random data, and of the same network in other engines: all in "
        "one process, in turns of random order, pinned to the same core, each call by itself.",
    )
    parser.add_argument("model", metavar="MODEL", help="the .tflite file")
    parser.add_argument(
        "--vs",
        default="",
        metavar="ENGINE[=FILE],...",
        help="litert, onnxruntime=FILE.onnx, openvino[=FILE]; without FILE the engine runs MODEL",
    )
    parser.add_argument(
        "--isa",
        metavar="NAME,...",
        help="kernels to use, one row each: best (default), ref, sse41, avx2, avxvnni, avx512vnni",
    )
    parser.add_argument("--threads", type=_count, default=1, metavar="N", help="threads of each engine (1)")
    parser.add_argument(
        "--packed-limit", type=int, metavar="BYTES", help="memory for rearranged weights (as much as speed gains from)"
    )
    parser.add_argument(
        "--cores", type=_cores, metavar="N,...", help="cores to run on (the last ones, as many as threads)"
    )
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="measure each engine for S seconds (2)")
    parser.add_argument("--runs", type=_count, metavar="N", help="measure N calls of each engine, whatever they take")
    parser.add_argument("--warmup", type=int, default=10, metavar="N", help="calls before the first measured one (10)")
    parser.add_argument("--profile", action="store_true", help="also the time of every operator")
    parser.add_argument("--json", metavar="F", help="write the figures as JSON; - for stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    from ..bench import bench

    to_stdout = args.json == "-"
    if args.json and not to_stdout:
        check_writable(args.json)
    with console.progress() as progress:
        found = bench(
            args.model,
            vs=args.vs,
            isa=args.isa.split(",") if args.isa else None,
            threads=args.threads,
            cores=args.cores,
            seconds=args.seconds,
            runs=args.runs,
            warmup=args.warmup,
            with_profile=args.profile,
            packed_limit=args.packed_limit,
            progress=lambda stage: progress(stage, 0, None),
        )
    if args.json and not to_stdout:
        write_whole(args.json, found.to_json().encode())
    if to_stdout:
        console.result(found.to_json().rstrip())
        return 0
    console.result(found.heading())
    for table in found.tables():
        console.result("")
        console.table(table)
    console.result("")
    for line in found.closing():
        console.result(line)
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _cores(text: str) -> list[int]:
    if not all(part.isdecimal() for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of core numbers, as 0,1")
    return [int(part) for part in text.split(",")]

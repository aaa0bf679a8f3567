"""One thread and two: the table of docs/PERFORMANCE.md.

    python tests/bench/threads.py --docs docs/PERFORMANCE.md

Turns of both, least of all calls; the processor must have two cores that nobody else uses.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pages import microseconds, write_between
from zoo_arguments import parse, parser

from liteinterp import bench
from liteinterp.net import ModelBytes, Net, Request
from liteinterp.timing import machine

BEGIN, END = "<!-- threads: written by `make bench` -->", "<!-- threads: end -->"
#: Networks of at least 5 million products, and keyword spotting, which has half of that.
NETWORKS = (
    "mlperf_kws_int8_ref",
    "mlperf_ic_resnet8_int8_ref",
    "mlperf_vww_96_int8_ref",
    "person_detect_int8",
    "speed_mobilenet_v2_int8",
    "mlperf_ic_resnet8",
    "mlperf_vww_96",
    "mobilenet_v1_0.25_224",
    "blazeface_short",
    "deeplabv3_257",
    "portrait_mnv3_seg",
)


TURNS = 4


def least_us(path: Path, isa: str, seconds: float) -> tuple[float, float]:
    """Microseconds of one thread and of two."""
    least = {1: float("inf"), 2: float("inf")}
    for _ in range(TURNS):
        for threads in least:
            found = bench(path, isa=isa, threads=threads, seconds=seconds / TURNS)
            least[threads] = min(least[threads], found.engines[0].time.minimum_us)
    return least[1], least[2]


def row(path: Path, sets: Sequence[str], seconds: float) -> str:
    """A line of the table."""
    cells = [path.stem]
    for isa in sets:
        one, two = least_us(path, isa, seconds)
        cells += [f"{microseconds(one)} → {microseconds(two)}", f"{one / two:.2f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=2.0, help="for each number of threads on each network")
    made.add_argument("--isa", default="avx2,best", help="kernel sets")
    made.add_argument("--only", default="", help="networks whose names hold this")
    arguments = parse(made)
    paths = [arguments.zoo / "models" / f"{name}.tflite" for name in NETWORKS if arguments.only in name]
    first = ModelBytes(paths[0].read_bytes())
    sets = [Net(first, Request(isa=name)).kernels for name in arguments.isa.split(",")]
    head = ["model", *(cell for name in sets for cell in (f"`{name}`", "times"))]
    lines = [
        f"{machine().processor}, {machine().cores} cores.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for path in paths:
        lines.append(row(path, sets, arguments.seconds))
        print(lines[-1], file=sys.stderr, flush=True)
    text = "\n".join(lines)
    print(text)
    if arguments.docs:
        write_between(arguments.docs, BEGIN, END, text)


if __name__ == "__main__":
    main()

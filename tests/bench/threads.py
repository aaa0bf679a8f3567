"""One thread and two: the table of docs/PERFORMANCE.md.

    python tests/bench/threads.py --docs docs/PERFORMANCE.md

Turns of both, least of all calls; the processor must have two cores that nobody else uses.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pages import write_between

from liteinterp import bench

REPOSITORY = Path(__file__).resolve().parents[2]
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


def least_us(path: Path, isa: str | None, seconds: float, turns: int) -> tuple[float, float, str]:
    """Microseconds of one thread and of two, and what the processor calls itself."""
    least, processor = [float("inf")] * 2, ""
    for _ in range(turns):
        for threads in (1, 2):
            found = bench(path, isa=isa, threads=threads, seconds=seconds / turns)
            least[threads - 1] = min(least[threads - 1], found.engines[0].time.minimum_us)
            processor = found.machine.processor
    return least[0], least[1], processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("LITEINTERP_ZOO", str(REPOSITORY.parent / "shared" / "zoo"))
    parser.add_argument("--zoo", type=Path, default=Path(default))
    parser.add_argument("--docs", type=Path, help="page whose table is written anew")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each number of threads on each network")
    parser.add_argument("--isa", default="avx2,best", help="kernel sets")
    parser.add_argument("--only", default="", help="networks whose names hold this")
    arguments = parser.parse_args()
    sets = arguments.isa.split(",")
    lines, processor = [], ""
    for name in NETWORKS:
        if arguments.only not in name:
            continue
        cells = [name]
        for isa in sets:
            path = arguments.zoo / "models" / f"{name}.tflite"
            one, two, processor = least_us(path, isa, arguments.seconds, 4)
            cells += [f"{_microseconds(one)} → {_microseconds(two)}", f"{one / two:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr, flush=True)
    head = ["model", *(cell for isa in sets for cell in (f"`{isa}`", "times"))]
    text = "\n".join([f"{processor}.", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines])
    print(text)
    if arguments.docs:
        write_between(arguments.docs, BEGIN, END, text)


def _microseconds(time: float) -> str:
    return f"{time:,.0f}" if time >= 100 else f"{time:.1f}"


if __name__ == "__main__":
    main()

"""Memory of the zoo's int8 networks as their authors published them: the table of docs/PERFORMANCE.md.

python tests/bench/memory.py --docs docs/PERFORMANCE.md
"""

from __future__ import annotations

from pathlib import Path

from pages import write_between
from zoo_arguments import parse, parser

from liteinterp.memory_parts import state_parts
from liteinterp.net import ModelBytes, Net, Request, plan

BEGIN, END = "<!-- memory: written by `make bench` -->", "<!-- memory: end -->"
NETWORKS = (
    "mlperf_kws_int8_ref",
    "mlperf_ic_resnet8_int8_ref",
    "mlperf_ad01_int8_ref",
    "mlperf_vww_96_int8_ref",
    "mlperf_streaming_wakeword_int8",
    "person_detect_int8",
    "mnist_conv_fc_int8_ref",
    "speed_mobilenet_v2_int8",
)


def row(path: Path, isa: str) -> str:
    """A line of the table."""
    content = path.read_bytes()
    model = ModelBytes(content)
    net = Net(model, Request(isa="ref"))
    fast, parts = plan(model, Request(isa=isa)), state_parts(net)
    numbers = (len(content), net.need.arena, net.need.arena_lower_bound, net.need.state, parts.multipliers)
    return f"| {path.stem} | " + " | ".join(f"{n:,}" for n in (*numbers, fast.packed, fast.scratch)) + " |"


def table(zoo: Path, isa: str) -> str:
    """Markdown."""
    head = ("model (zoo, int8 as its authors published it)", "file", "arena", "lower bound", "state", "of operators")
    head += (f"packed, `{isa}`", f"scratch, `{isa}`")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join(lines + [row(zoo / "models" / f"{name}.tflite", isa) for name in NETWORKS])


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--isa", default="best", help="kernels whose packed weights and scratch are shown")
    arguments = parse(made)
    first = ModelBytes((arguments.zoo / "models" / f"{NETWORKS[0]}.tflite").read_bytes())
    text = table(arguments.zoo, Net(first, Request(isa=arguments.isa)).kernels)
    print(text)
    if arguments.docs:
        write_between(arguments.docs, BEGIN, END, text)


if __name__ == "__main__":
    main()

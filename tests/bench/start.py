"""What it takes to begin: from the start of Python to the first inference, beyond `import numpy`.

    python tests/bench/start.py --docs docs/PERFORMANCE.md

Time is that of whole processes, memory the most that they had resident, from Linux; of many runs in turns the least
counts. Modules are compiled before, as an install does.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pages import write_between
from zoo_arguments import parse, parser

from converter.execute import with_packed
from liteinterp.files import map_model
from liteinterp.net import KEEP_INPUTS, TARGETS, ModelBytes, Net, Request, plan

REPOSITORY = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- start: written by `make bench` -->", "<!-- start: end -->"
NETWORKS = ("mlperf_kws_int8_ref", "speed_mobilenet_v2_int8")

NUMPY = "import numpy"
#: What a process says of itself last: its high-water mark (that of getrusage holds the parent's too), and what is its
#: own.
RESIDENT = """
status = dict(line.split(":") for line in open("/proc/self/status"))
print(*(status[name].split()[0] for name in ("VmHWM", "RssAnon")))
"""
FIRST_INFERENCE = """
import sys
import numpy as np
from liteinterp import Interpreter
interpreter = Interpreter(sys.argv[1])
interpreter.allocate_tensors()
detail = interpreter.get_input_details()[0]
interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
interpreter.invoke()
interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
"""


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    milliseconds: float
    resident_bytes: int
    #: Of these not in a file that other processes share.
    private_bytes: int


def cost(program: str, *arguments: str, cache: str | None = None) -> Cost:
    """Run a program in a Python of its own, with compiled modules in `cache`."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    if cache is not None:
        environment |= {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    start = time.perf_counter()
    command = [sys.executable, "-c", program + RESIDENT, *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True)
    milliseconds = 1e3 * (time.perf_counter() - start)
    return Cost(milliseconds, *(1024 * int(number) for number in done.stdout.split()))


def beyond_numpy(model: Path, runs: int) -> Cost:
    """What the first inference of a model takes more than `import numpy`."""
    with tempfile.TemporaryDirectory() as cache:
        cost(FIRST_INFERENCE, str(model), cache=cache)
        pairs = [(cost(NUMPY, cache=cache), cost(FIRST_INFERENCE, str(model), cache=cache)) for _ in range(runs)]
    return Cost(
        min(own.milliseconds for _, own in pairs) - min(numpy.milliseconds for numpy, _ in pairs),
        min(own.resident_bytes for _, own in pairs) - min(numpy.resident_bytes for numpy, _ in pairs),
        min(own.private_bytes for _, own in pairs) - min(numpy.private_bytes for numpy, _ in pairs),
    )


def open_milliseconds(path: Path, runs: int = 50) -> float:
    """Planning and opening alone, the least of some runs in one process."""
    model, best = ModelBytes(map_model(path)), math.inf
    for _ in range(runs):
        start = time.perf_counter()
        Net(model, Request(KEEP_INPUTS))
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


def rows(path: Path, runs: int) -> Iterator[str]:
    """Lines of the table: a model, and the same with packed weights in the file."""
    content = path.read_bytes()
    kernels = Net(ModelBytes(content)).kernels
    target = next(name for name, isa in TARGETS.items() if isa == kernels)
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "packed.tflite"
        packed.write_bytes(with_packed(content, [target]))
        for title, file in ((path.stem, path), (f"{path.stem}, `--pack {target}`", packed)):
            found, size = beyond_numpy(file, runs), file.stat().st_size
            need = plan(ModelBytes(map_model(file)), Request(KEEP_INPUTS)).packed
            numbers = (found.resident_bytes, size, need, found.resident_bytes - size - need, found.private_bytes)
            times = f"{found.milliseconds:.0f} | {open_milliseconds(file):.2f}"
            yield f"| {title} | {times} | {' | '.join(f'{n:,}' for n in numbers)} |"


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=25, help="processes of each kind")
    arguments = parse(made)
    head = ("model", "start, ms", "of these opening", "bytes resident", "file", "packed weights", "the rest", "private")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name in NETWORKS:
        lines += rows(arguments.zoo / "models" / f"{name}.tflite", arguments.runs)
    text = "\n".join(lines)
    print(text)
    if arguments.docs:
        write_between(arguments.docs, BEGIN, END, text)


if __name__ == "__main__":
    main()

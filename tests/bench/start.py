"""What it takes to begin: from the start of Python to the first inference, beyond `import numpy`.

    python tests/bench/start.py --docs docs/PERFORMANCE.md

Time is that of whole processes, memory the most that they had resident, from Linux; of many runs in turns the least
counts. Modules are compiled before, as an install does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pages import write_between

from liteinterp.net import KEEP_INPUTS, ModelBytes, Request, plan

REPOSITORY = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- start: written by `make bench` -->", "<!-- start: end -->"
NETWORKS = ("mlperf_kws_int8_ref", "speed_mobilenet_v2_int8")

NUMPY = "import numpy"
#: What a process says of itself last: its high-water mark. That of getrusage holds the parent's too.
RESIDENT = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
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


def cost(program: str, *arguments: str, cache: str | None = None) -> Cost:
    """Run a program in a Python of its own, with compiled modules in `cache`."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    if cache is not None:
        environment |= {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    start = time.perf_counter()
    command = [sys.executable, "-c", program + RESIDENT, *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True)
    return Cost(1e3 * (time.perf_counter() - start), int(done.stdout) * 1024)


def beyond_numpy(model: Path, runs: int) -> Cost:
    """What the first inference of a model takes more than `import numpy`."""
    with tempfile.TemporaryDirectory() as cache:
        cost(FIRST_INFERENCE, str(model), cache=cache)
        pairs = [(cost(NUMPY, cache=cache), cost(FIRST_INFERENCE, str(model), cache=cache)) for _ in range(runs)]
    return Cost(
        min(own.milliseconds for _, own in pairs) - min(numpy.milliseconds for numpy, _ in pairs),
        min(own.resident_bytes for _, own in pairs) - min(numpy.resident_bytes for numpy, _ in pairs),
    )


def row(path: Path, runs: int) -> str:
    """A line of the table."""
    found = beyond_numpy(path, runs)
    content = path.read_bytes()
    packed = plan(ModelBytes(content), Request(KEEP_INPUTS)).packed
    rest = found.resident_bytes - len(content) - packed
    numbers = (f"{found.milliseconds:.0f}", *(f"{n:,}" for n in (found.resident_bytes, len(content), packed, rest)))
    return f"| {path.stem} | {' | '.join(numbers)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("LITEINTERP_ZOO", str(REPOSITORY.parent / "shared" / "zoo"))
    parser.add_argument("--zoo", type=Path, default=Path(default))
    parser.add_argument("--docs", type=Path, help="page whose table is written anew")
    parser.add_argument("--runs", type=int, default=25, help="processes of each kind")
    arguments = parser.parse_args()
    if not (arguments.zoo / "models").is_dir():
        raise SystemExit(f"the zoo of real models is absent from {arguments.zoo}; set LITEINTERP_ZOO to its directory")
    head = ("model", "ms", "bytes resident", "of these the model", "packed weights", "the rest")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    text = "\n".join(lines + [row(arguments.zoo / "models" / f"{name}.tflite", arguments.runs) for name in NETWORKS])
    print(text)
    if arguments.docs:
        write_between(arguments.docs, BEGIN, END, text)


if __name__ == "__main__":
    main()

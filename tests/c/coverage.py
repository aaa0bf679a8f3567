"""Branch coverage of check and plan: every function that li_check and li_plan can reach, operators' included.

    python tests/c/coverage.py FOLDER PERCENT

The runtime is built for gcov in FOLDER; then the tests that exist run on it, and boundary words in models of every
operator.
Prints every branch that was never taken, and fails when fewer than PERCENT of all were.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from one_operator import one_operator_models
from stack import CSRC, ROOT, Graph, read_graphs, sources
from tiny_models import chain, every_operator, int8_conv_net

COMPILER = "gcc"
DEFINITION = ("-std=c11", "-ffp-contract=off", f"-I{CSRC / 'include'}", f"-I{CSRC / 'src'}")
FLAGS = ("-O0", "-g", "--coverage", "-fprofile-update=atomic", "-fPIC")
#: Of all damaged copies of a model, every how manieth runs.
STRIDE = 3
C_TESTS = (
    *("check", "rules", "hostile", "contract", "place", "memory", "broken_fields"),
    *("lookup", "loops", "movement_rules", "spatial", "stacking", "packed"),
)
TESTS = (
    [f"tests/c/test_{name}.py" for name in C_TESTS],
    ["tests/operators", "tests/runtime/test_hostile_files.py", "tests/runtime/test_shape_chains.py"],
)
#: Asks the machine, which has one answer; divides an operator that runs among threads, of which planning has one.
LEFT_OUT = ("li_cpu.c", "li_crew.c")
#: What measures time or compiles for itself.
NOT_HERE = "not no_time and not the_time and not layout and not guard and not allocat and not zoo and not large"


@dataclass(frozen=True, order=True)
class Branch:
    file: str
    line: int
    index: int


def build(folder: Path) -> None:
    """Objects, the shared library and the program that damages files."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.gc*"):
        old.unlink()
    objects = []
    for source in sources():
        objects.append(folder / f"{source.stem}.o")
        subprocess.run([COMPILER, *DEFINITION, *FLAGS, "-c", str(source), "-o", str(objects[-1])], check=True)
    linked = [str(o) for o in objects]
    subprocess.run([COMPILER, "--coverage", "-shared", "-o", str(folder / "libliteinterp.so"), *linked], check=True)
    replay = [str(ROOT / "tests" / "c" / "replay.c"), *linked, "-o", str(folder / "replay")]
    subprocess.run([COMPILER, *DEFINITION, "-O1", "--coverage", *replay], check=True, cwd=folder)


def run(folder: Path) -> None:
    """Everything that exercises check and plan."""
    library = str(folder / "libliteinterp.so")
    environment = {**os.environ, "LITEINTERP_LIBRARY": library, "LITEINTERP_CORE_LIBRARY": library}
    # Not by xdist: its workers end without writing their counts.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", NOT_HERE]
    started = [subprocess.Popen([*command, *tests], cwd=ROOT, env=environment) for tests in TESTS]
    statuses = [process.wait() for process in started]
    if any(statuses):
        raise SystemExit("a test failed")
    makers = [*one_operator_models().values(), every_operator(True), every_operator(False), int8_conv_net()]
    makers.append(chain("RELU", "RESHAPE", "LOGISTIC", "RELU6").plan([0, 64, 64, 128, 0]))
    model = folder / "model.tflite"
    for maker in makers:
        model.write_bytes(maker.bytes())
        subprocess.run([folder / "replay", "--exhaust", str(STRIDE), model], check=True, stdout=subprocess.DEVNULL)


def checked_functions() -> set[tuple[Path, str]]:
    """(file, name) of every function that li_check or li_plan may call."""
    graph = Graph(read_graphs((COMPILER, "-O0")))
    found, pending = set(), ["li_check", "li_plan"]
    while pending:
        name = pending.pop()
        function = graph.functions.get(name)
        if function and name not in found and CSRC in function.file.parents and function.file.name not in LEFT_OUT:
            found.add(name)
            pending += graph.callees(graph.functions[name])
    return {(graph.functions[name].file.resolve(), graph.functions[name].plain) for name in found}


def count_branches(folder: Path) -> Counter[Branch]:
    """How often each branch of check and plan was taken, in all builds of it together."""
    wanted = checked_functions()
    taken: Counter[Branch] = Counter()
    for data in sorted(folder.glob("li_*.gcda")):
        subprocess.run(["gcov", "--json-format", "-b", data.name], cwd=folder, check=True, capture_output=True)
    for report in folder.glob("*.gcov.json.gz"):
        for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
            path = (folder / file["file"]).resolve()
            for line in file["lines"]:
                if (path, line.get("function_name")) in wanted:
                    for index, branch in enumerate(line["branches"]):
                        taken[Branch(str(path.relative_to(ROOT)), line["line_number"], index)] += branch["count"]
    return taken


def report(taken: Counter[Branch]) -> float:
    """Prints what was never taken; answers the percentage that was."""
    missed = sorted(branch for branch, count in taken.items() if count == 0)
    files: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for branch, count in taken.items():
        files[branch.file][0] += count > 0
        files[branch.file][1] += 1
    for line, of_line in sorted(Counter((branch.file, branch.line) for branch in missed).items()):
        text = (ROOT / line[0]).read_text().splitlines()[line[1] - 1].strip()
        print(f"{line[0]}:{line[1]}: {of_line} never taken: {text}")
    for name, (hit, all_) in sorted(files.items()):
        print(f"{100 * hit / all_:6.1f} % of {all_:4} branches  {name}")
    return 100 * (1 - len(missed) / len(taken))


def main(folder: Path, least: float) -> int:
    build(folder)
    run(folder)
    taken = count_branches(folder)
    percent = report(taken)
    print(f"{percent:.1f} % of {len(taken)} branches of check and plan")
    return 0 if percent >= least else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), float(sys.argv[2])))

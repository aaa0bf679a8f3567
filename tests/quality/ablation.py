"""What each step of quantization is worth: alone, and when it alone is missing. JSON, and a table in the docs.

    python tests/quality/ablation.py --out build/quality --docs docs/QUANTIZATION.md

Steps keep their gates: one that does not help the held-out samples is taken back, as in any conversion. Figures are of
test samples that calibrated nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "bench"), str(TESTS.parent)]

import numpy as np  # noqa: E402
from models_support import float_outputs, input_name, ours, run_rows  # noqa: E402
from pages import write_between  # noqa: E402
from zoo_tasks import TASKS, ZooTask  # noqa: E402

from converter import backend, frontends, passes  # noqa: E402
from converter.calibrate import collect  # noqa: E402
from converter.execute import CExecutor  # noqa: E402
from converter.options import Options  # noqa: E402
from converter.quantize import EFFORT_STEPS, quantize  # noqa: E402
from liteinterp.metrics import sqnr_db  # noqa: E402

BEGIN, END = "<!-- ablation: written by tests/quality/ablation.py -->", "<!-- ablation: end -->"
#: Those that every network takes; rewrites that only some have a place for are told by the ledger.
REWRITES = ("mask constants", "separate outputs")
STEPS = tuple(name for names in EFFORT_STEPS for name in names if name not in REWRITES)
NETWORKS = ("kws", "resnet8", "ad", "vww", "mobilenet_v1")


@dataclass(frozen=True)
class Figure:
    """A set of steps on a network."""

    variant: str
    sqnr_db: float
    #: Per cent of test samples with the float model's largest output.
    agreement: float


def variants() -> dict[str, tuple[str, ...]]:
    """Sets of steps by what the table calls them."""
    found: dict[str, tuple[str, ...]] = {"none": (), "all": STEPS}
    found.update({f"only {step}": (step,) for step in STEPS})
    found.update({f"without {step}": tuple(other for other in STEPS if other != step) for step in STEPS})
    return found


def measure(zoo: Path, task: ZooTask) -> list[Figure]:
    """Every variant on a network."""
    split, path, executor = task.load(zoo), zoo / "models" / task.file, CExecutor()
    expected = float_outputs(path, split.test).reshape(len(split.test), -1)
    graph = frontends.load(path, Options())
    passes.optimize(graph, executor)
    name = input_name(path)
    calibration = collect(graph, [{name: row[None]} for row in split.calibration], executor)
    figures = []
    for variant, steps in variants().items():
        made = quantize(graph, calibration, Options(effort=2), executor, only=steps)
        got = run_rows(ours(backend.write(made.graph)), split.test).reshape(expected.shape)
        agreement = float(100 * np.mean(got.argmax(1) == expected.argmax(1)))
        figures.append(Figure(variant, sqnr_db(expected, got), agreement))
        print(task.name, figures[-1], file=sys.stderr, flush=True)
    return figures


def table(rows: dict[str, list[Figure]]) -> str:
    """Output SQNR in dB and agreement, a row for each variant."""
    names = [name for name in NETWORKS if name in rows]
    lines = ["| steps | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for variant in variants():
        cells = []
        for name in names:
            figure = next(figure for figure in rows[name] if figure.variant == variant)
            cells.append(f"{figure.sqnr_db:.1f}" + ("" if name == "ad" else f", {figure.agreement:.1f} %"))
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/quality"))
    parser.add_argument("--docs", type=Path, help="page whose table is written anew")
    parser.add_argument("--only", nargs="*", choices=NETWORKS, default=NETWORKS)
    given = parser.parse_args(arguments)
    zoo = Path(os.environ.get("LITEINTERP_ZOO", TESTS.parent.parent / "shared" / "zoo"))
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "ablation.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    rows = {name: [Figure(**row) for row in found] for name, found in kept.items()}
    for task in TASKS:
        if task.name in given.only:
            rows[task.name] = measure(zoo, task)
            file.write_text(
                json.dumps({name: [asdict(row) for row in found] for name, found in rows.items()}, indent=1)
            )
    print(table(rows))
    if given.docs is not None:
        write_between(given.docs, BEGIN, END, table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

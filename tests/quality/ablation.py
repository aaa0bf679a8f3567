"""What each step of quantization is worth: alone, and when it alone is missing. JSON, and a table in the docs.

    python tests/quality/ablation.py --out build/quality --docs docs/QUANTIZATION.md

Steps keep their gates: one that does not help the held-out samples is taken back, as in any conversion. Figures are of
test samples that calibrated nothing, means over draws of those that did (`draws.py`): one draw cannot tell a decibel.
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
from draws import NETWORKS, Network  # noqa: E402
from models_support import float_outputs, input_name, ours, run_rows  # noqa: E402
from pages import write_between  # noqa: E402

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
ROUNDINGS = ("weight scales", "second-order rounding")
#: By name, the draws of each.
DRAWS = {"keyword spotting": 5, "ResNet8": 5, "MNIST": 5, "autoencoder": 5, "MobileNetV1-0.25": 2}


@dataclass(frozen=True)
class Figure:
    """A set of steps on a draw of a network."""

    variant: str
    seed: int
    sqnr_db: float
    #: Per cent of test samples with the float model's largest output.
    agreement: float


def variants() -> dict[str, tuple[str, ...]]:
    """Sets of steps by what the table calls them."""
    found: dict[str, tuple[str, ...]] = {"none": (), "all": STEPS}
    found.update({f"only {step}": (step,) for step in STEPS})
    found.update({f"without {step}": tuple(other for other in STEPS if other != step) for step in STEPS})
    found[f"without {' and '.join(ROUNDINGS)}"] = tuple(step for step in STEPS if step not in ROUNDINGS)
    return found


def measure(zoo: Path, network: Network) -> list[Figure]:
    """Every variant on every draw of a network."""
    path, executor, pool = zoo / "models" / network.file, CExecutor(), network.load(zoo)
    graph = frontends.load(path, Options())
    passes.optimize(graph, executor)
    name, figures = input_name(path), []
    for seed in range(DRAWS[network.name]):
        draw = network.draw(pool, seed)
        expected = float_outputs(path, draw.test).reshape(len(draw.test), -1)
        calibration = collect(graph, [{name: row[None]} for row in draw.calibration], executor)
        for variant, steps in variants().items():
            made = quantize(graph, calibration, Options(effort=2), executor, only=steps)
            got = run_rows(ours(backend.write(made.graph)), draw.test).reshape(expected.shape)
            agreement = float(100 * np.mean(got.argmax(1) == expected.argmax(1)))
            figures.append(Figure(variant, seed, sqnr_db(expected, got), agreement))
            print(network.name, figures[-1], file=sys.stderr, flush=True)
    return figures


def table(rows: dict[str, list[Figure]]) -> str:
    """Output SQNR in dB and agreement, a row for each variant."""
    networks = [network for network in NETWORKS if network.name in rows]
    head = [f"{network.name}, {DRAWS[network.name]} draws" for network in networks]
    lines = ["| steps | " + " | ".join(head) + " |", "|---|" + "---|" * len(head)]
    for variant in variants():
        cells = []
        for network in networks:
            found = [figure for figure in rows[network.name] if figure.variant == variant]
            agreement = f", {np.mean([figure.agreement for figure in found]):.2f} %" if network.classifies else ""
            cells.append(f"{np.mean([figure.sqnr_db for figure in found]):.1f}{agreement}")
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/quality"))
    parser.add_argument("--docs", type=Path, help="page whose table is written anew")
    parser.add_argument("--only", nargs="*", choices=DRAWS, default=tuple(DRAWS))
    given = parser.parse_args(arguments)
    zoo = Path(os.environ.get("LITEINTERP_ZOO", TESTS.parent.parent / "shared" / "zoo"))
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "ablation.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    rows = {name: [Figure(**row) for row in found] for name, found in kept.items()}
    for network in NETWORKS:
        if network.name in given.only:
            rows[network.name] = measure(zoo, network)
            file.write_text(
                json.dumps({name: [asdict(row) for row in found] for name, found in rows.items()}, indent=1)
            )
    print(table(rows))
    if given.docs is not None:
        write_between(given.docs, BEGIN, END, table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Accuracy of int8 models made here and by other quantizers, of the same networks and samples: JSON, and a table.

    python tests/quality/vs_peers.py --out build/quality --docs docs/QUANTIZATION.md

Needs `pip install ai-edge-quantizer onnxruntime sympy ai-edge-litert`; a rival that is not installed, or cannot take a
network, is reported so. Figures are kept in --out, one file a network: with --methods or --only the others stay.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "bench"), str(TESTS.parent)]

import numpy as np  # noqa: E402
from draws import NETWORKS, Array, Draw, Network  # noqa: E402
from models_support import float_outputs  # noqa: E402
from pages import write_between  # noqa: E402
from quantizers import METHODS, OURS, PEERS, Method  # noqa: E402

from liteinterp.metrics import sqnr_db  # noqa: E402

BEGIN, END = "<!-- peers: written by `make quality` -->", "<!-- peers: end -->"


@dataclass(frozen=True)
class Figure:
    """One method on one draw of one network, against the float model's answers to the test samples."""

    method: str
    seed: int
    #: Why there are no figures; empty where there are.
    refused: str = ""
    sqnr_db: float | None = None
    #: Test samples, those with the float model's class, and those that lost the right class, less those that won it.
    samples: int = 0
    agreeing: int | None = None
    lost: int | None = None
    size_bytes: int = 0
    seconds: float = 0.0


def measure(zoo: Path, network: Network, name: str, method: Method, draw: Draw, expected: Array, seed: int) -> Figure:
    """Quantize and compare. A rival's refusal is a result; ours would be a bug, so it raises."""
    begin = time.monotonic()
    try:
        made = method.quantize(zoo, network, draw)
    except Exception as error:
        if name in OURS:
            raise
        return Figure(name, seed, refused=f"{type(error).__name__}: {error}".splitlines()[0].strip()[:200])
    seconds = time.monotonic() - begin
    found, wanted = made.outputs.reshape(len(expected), -1), expected.reshape(len(expected), -1)
    agreeing = lost = None
    if network.classifies:
        first, other = wanted.argmax(1), found.argmax(1)
        agreeing = int(np.sum(first == other))
        if draw.labels is not None:
            lost = int(np.sum(first == draw.labels) - np.sum(other == draw.labels))
    return Figure(
        name, seed, "", sqnr_db(wanted, found), len(expected), agreeing, lost, made.size_bytes, round(seconds, 1)
    )


def run(zoo: Path, network: Network, methods: Sequence[str], draws: int, out: Path) -> list[Figure]:
    """Measure, and keep in the network's file; figures of other methods and draws there stay."""
    kept = out / f"{network.name}.json"
    rows = json.loads(kept.read_text()) if kept.exists() else []
    figures = {(row["method"], row["seed"]): Figure(**row) for row in rows}
    pool = network.load(zoo)
    for seed in range(draws):
        draw = network.draw(pool, seed)
        expected = float_outputs(zoo / "models" / network.file, draw.test)
        for name in methods:
            figures[name, seed] = figure = measure(zoo, network, name, METHODS[name], draw, expected, seed)
            print(network.name, figure, file=sys.stderr, flush=True)
            kept.write_text(json.dumps([asdict(row) for row in figures.values()], indent=1))
    return list(figures.values())


def table(results: Sequence[tuple[Network, Sequence[Figure]]]) -> str:
    """Markdown: means over the draws; the best SQNR and the best agreement of each network in bold."""
    head = ["network", "draws", "test samples", *(method.title for method in METHODS.values())]
    lines = [_versions(), "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    notes = []
    for network, figures in results:
        by_method = {name: [row for row in figures if row.method == name] for name in METHODS}
        measured = {name: rows for name, rows in by_method.items() if rows and not any(row.refused for row in rows)}
        best_db = max(np.mean([row.sqnr_db for row in rows]) for rows in measured.values())
        best_same = max((_same(rows) for rows in measured.values()), default=0.0)
        draws = sorted({len(rows) for rows in measured.values()})
        some = next(iter(measured.values()))[0]
        cells = [network.name, "/".join(map(str, draws)), str(some.samples)]
        for name, rows in by_method.items():
            cells.append(_cell(rows, float(best_db), best_same) if name in measured else "–")
            notes += sorted({f"{network.name}, {METHODS[name].title}: {row.refused}" for row in rows if row.refused})
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *(f"\nNot taken: {note}" for note in notes)])


def verdicts(results: Sequence[tuple[Network, Sequence[Figure]]]) -> list[str]:
    """Where the goals are missed: effort 2 first in SQNR and within a sample in agreement, effort 1 behind no peer."""
    missed = []
    for network, figures in results:
        rows = {name: [row for row in figures if row.method == name and not row.refused] for name in METHODS}
        peers = [rows[name] for name in PEERS if rows[name]]
        for name in ("effort1", "effort2"):
            for peer in peers:
                if not rows[name]:
                    continue
                behind = np.mean([row.sqnr_db for row in peer]) - np.mean([row.sqnr_db for row in rows[name]])
                if behind > 0:
                    missed.append(f"{network.name}: {name} is {behind:.2f} dB behind {peer[0].method}")
                samples = (_same(peer) - _same(rows[name])) * peer[0].samples / 100
                if network.classifies and samples > (1 if name == "effort2" else 0):
                    missed.append(f"{network.name}: {name} agrees on {samples:.1f} samples fewer than {peer[0].method}")
    return missed


def _same(rows: Sequence[Figure]) -> float:
    return float(np.mean([100 * (row.agreeing or 0) / row.samples for row in rows]))


def _cell(rows: Sequence[Figure], best_db: float, best_same: float) -> str:
    """`23.4 dB, 97.6 %, −0.2`: SQNR, agreement, points of accuracy won or lost."""
    mean_db = float(np.mean([row.sqnr_db for row in rows]))
    parts = [_bold(f"{mean_db:.1f} dB", mean_db == best_db)]
    if rows[0].agreeing is not None:
        parts.append(_bold(f"{_same(rows):.2f} %", _same(rows) == best_same))
    if rows[0].lost is not None:
        parts.append(f"{-np.mean([100 * (row.lost or 0) / row.samples for row in rows]):+.2f}".replace("-", "−"))
    return ", ".join(parts)


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def _versions() -> str:
    found = []
    for name in PEERS:
        package = METHODS[name].package or name
        try:
            found.append(f"{METHODS[name].title} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{METHODS[name].title} (not installed)")
    what = "Output SQNR, agreement with float, points of accuracy against float; means of the draws."
    return f"{', '.join(found)}. {what}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("LITEINTERP_ZOO", str(TESTS.parents[1] / "shared" / "zoo"))
    parser.add_argument("--zoo", type=Path, default=Path(default))
    parser.add_argument("--out", type=Path, default=TESTS.parent / "build" / "quality", help="folder for JSON files")
    parser.add_argument("--docs", type=Path, help="page whose table is written anew")
    parser.add_argument("--draws", type=int, default=5, help="draws of each network; 0 writes the table alone")
    parser.add_argument("--only", default="", help="networks whose names hold this")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of {', '.join(METHODS)}")
    arguments = parser.parse_args()
    if not (arguments.zoo / "models").is_dir():
        raise SystemExit(f"the zoo of real models is absent from {arguments.zoo}; set LITEINTERP_ZOO to its directory")
    wanted = arguments.methods.split(",")
    if unknown := set(wanted) - set(METHODS):
        raise SystemExit(f"--methods: {', '.join(sorted(unknown))} is not one of {', '.join(METHODS)}")
    for name in wanted:
        if not METHODS[name].installed:
            print(f"{name} is not installed (pip install {METHODS[name].package}): left out", file=sys.stderr)
    usable = [name for name in wanted if METHODS[name].installed]
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = []
    for network in NETWORKS:
        if arguments.only in network.name:
            results.append((network, run(arguments.zoo, network, usable, arguments.draws, arguments.out)))
    results = [(network, figures) for network, figures in results if figures]
    print(table(results))
    for line in verdicts(results):
        print(f"behind: {line}")
    if arguments.docs:
        write_between(arguments.docs, BEGIN, END, table(results))


if __name__ == "__main__":
    main()

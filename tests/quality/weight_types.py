"""Accuracy and size of each type of stored weights, plain and fitted to samples, here and in LiteRT: lines of a table.

    python tests/quality/weight_types.py [NETWORK ...]

The zoo's own calibration and test samples of each network (`zoo_tasks.py`, `network_tasks.py`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import network_tasks  # noqa: E402
import numpy as np  # noqa: E402
import zoo_tasks  # noqa: E402
from models_support import litert, ours, run_rows  # noqa: E402

import liteinterp  # noqa: E402
from liteinterp.metrics import sqnr_db  # noqa: E402

NAMES = ("kws", "resnet8", "ad", "mobilenet_v1", "efficientnet")
TYPES = ("float32", "float16", "int8-weights", "int4-weights", "dynamic")
#: Test samples that LiteRT sees too.
IN_LITERT = 100


def rows_of(zoo: Path, name: str) -> None:
    """Prints a line for each type, without and with samples."""
    tasks = {task.name: task for task in (*zoo_tasks.TASKS, *network_tasks.NETWORK_TASKS)}
    task = tasks[name]
    path, split = zoo / "models" / task.file, task.load(zoo)
    labels = getattr(split, "labels", getattr(split, "targets", None))
    test = np.asarray(split.test, np.float32)
    source = liteinterp.convert(path, quantize="float32")
    expected = run_rows(ours(source.model), test).reshape(len(test), -1)
    samples = {source.report.inputs[0].name: np.asarray(split.calibration, np.float32)[:100]}
    for kind in TYPES:
        for calib in (None, samples) if kind not in ("float32", "float16") else (None,):
            made = liteinterp.convert(path, quantize=kind, calib=calib)
            found = run_rows(ours(made.model), test).reshape(len(test), -1)
            theirs = run_rows(litert(made.model), test[:IN_LITERT]).reshape(-1, found.shape[1])
            right = "" if labels is None else f"{100 * np.mean(found.argmax(1) == labels):.2f} %"
            agreeing = 100 * np.mean(found.argmax(1) == expected.argmax(1))
            cells = [
                name,
                kind + (" with samples" if calib is not None else ""),
                f"{len(made.model):,}",
                right,
                f"{agreeing:.2f} %",
                f"{sqnr_db(expected, found):.1f} dB",
                f"{sqnr_db(theirs, found[:IN_LITERT]):.1f} dB",
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    folder = Path(os.environ.get("LITEINTERP_ZOO", TESTS.parents[1] / "shared/zoo"))
    for asked in sys.argv[1:] or NAMES:
        rows_of(folder, asked)

"""What `--max-drop` costs on the zoo's networks: rows of the table of mixtures in docs/QUANTIZATION.md.

    python tests/quality/mixtures.py [NETWORK ...]

Each network has its own budget and metric; samples that calibrate and samples that judge are the zoo's, and disjoint.
The report of every mixture that was tried goes to stderr. Takes minutes for each network.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import network_tasks  # noqa: E402
import zoo_tasks  # noqa: E402
from models_support import input_name  # noqa: E402

import liteinterp  # noqa: E402

#: Of which the least is taken, in turns.
RUNS = 25


@dataclass(frozen=True)
class Case:
    """A network and what it may lose: of top-1 accuracy, of its task's score, or of boxes that have a partner."""

    name: str
    max_drop: str
    effort: int
    metric: str


CASES = (
    Case("mobilenet_v1", "1", 1, "top1"),
    Case("blazeface", "1%", 1, "boxes"),
    Case("portrait", "1%", 0, "mean IoU"),
    Case("portrait", "1%", 1, "mean IoU"),
    Case("ultraface", "1%", 0, "boxes"),
    Case("deeplab", "1%", 1, "mean IoU"),
)


def metric_of(task: Any, kind: str, split: Any) -> dict[str, Any]:
    """`metric` and `labels` of a conversion."""

    def boxes(outputs: Any, labels: Any, reference: Any) -> float:
        return float(task.agree(list(reference.values()), list(outputs.values())))

    def score(outputs: Any, labels: Any) -> float:
        return float(task.score(list(outputs.values()), labels))

    if kind == "top1":
        return {"labels": split.labels}
    return {"metric": boxes} if kind == "boxes" else {"metric": score, "labels": split.targets}


def milliseconds(models: list[bytes], sample: Any) -> list[float]:
    """The least time of each model's run, in turns, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    opened = []
    for content in models:
        interpreter = liteinterp.Interpreter(model_content=content)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample)
        opened.append(interpreter)
    least = [float("inf")] * len(models)
    for _ in range(RUNS):
        for i, interpreter in enumerate(opened):
            start = time.perf_counter()
            interpreter.invoke()
            least[i] = min(least[i], 1e3 * (time.perf_counter() - start))
    return least


def row_of(zoo: Path, case: Case) -> str:
    """A line of the table."""
    task = next(t for t in (*zoo_tasks.TASKS, *network_tasks.NETWORK_TASKS) if t.name == case.name)
    path, split = zoo / "models" / task.file, task.load(zoo)
    name, start = input_name(path), time.perf_counter()
    made = liteinterp.convert(
        path,
        calib={name: split.calibration},
        effort=case.effort,
        max_drop=case.max_drop,
        eval={name: split.test},
        keep_best=True,
        **metric_of(task, case.metric, split),
    )
    seconds = time.perf_counter() - start
    print(made.report.to_text(), file=sys.stderr, flush=True)
    budget = made.report.budget
    assert budget is not None
    first, last = budget.trials[0], next(row for row in budget.trials[::-1] if row.drop == budget.drop)
    plain = liteinterp.convert(path, calib={name: split.calibration}, effort=case.effort)
    models = [plain.model, made.model, liteinterp.convert(path, quantize="float32").model]
    times = " → ".join(f"{figure:.3g}" for figure in milliseconds(models, split.test[:1]))
    cells = (
        f"{case.name}, effort {case.effort}",
        f"{case.max_drop}, {case.metric}",
        str(budget.samples),
        f"{budget.ref:.2f}",
        f"{first.drop:.2f}, {first.drop_high:.2f}",
        f"{budget.drop:.2f}, {budget.drop_high:.2f}",
        f"{last.int8}, {last.int16}, {last.float32}",
        " → ".join(f"{len(content):,}" for content in models),
        times,
        f"{len(budget.trials)}, {seconds:.0f}",
        budget.status,
    )
    return "| " + " | ".join(cells) + " |"


def main(names: list[str]) -> None:
    zoo = Path(os.environ.get("LITEINTERP_ZOO", TESTS.parents[1] / "shared/zoo"))
    for case in CASES:
        if not names or case.name in names:
            print(row_of(zoo, case), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

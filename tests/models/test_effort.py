"""What the steps beyond effort 0 reach on test samples that never calibrated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models_support import float_outputs, input_name, ours, run_rows
from zoo_tasks import TASKS, Split, ZooTask

import liteinterp

pytestmark = pytest.mark.slow
BY_NAME = {task.name: task for task in TASKS}


def converted(path: Path, calibration: np.ndarray, effort: int) -> bytes:  # type: ignore[type-arg]
    return liteinterp.convert(path, calib={input_name(path): calibration}, effort=effort).model


def test_keyword_spotting_over_ten_draws(zoo: Path) -> None:
    """Effort 1, 100 rows to calibrate and 400 to test. ai-edge-quantizer on these draws: 97.45 % agree, 0.43 points."""
    path = zoo / "models" / BY_NAME["kws"].file
    with np.load(zoo / "data/kws.npz") as data:
        rows, labels = (data["x_int8"].astype(np.float32) - np.float32(83)) * np.float32(0.58470291), data["y"]
    expected = float_outputs(path, rows).reshape(len(rows), -1).argmax(1)
    agreements, losses = [], []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(rows))
        calibration, test = order[:100], order[100:]
        got = run_rows(ours(converted(path, rows[calibration], 1)), rows[test]).reshape(len(test), -1).argmax(1)
        agreements.append(float(np.mean(got == expected[test]) * 100))
        lost = np.sum(expected[test] == labels[test]) - np.sum(got == labels[test])
        losses.append(float(100 * lost / len(test)))
    assert np.mean(agreements) >= 99.0
    assert np.mean(losses) <= 0.2
    assert max(losses) <= 1.0


@pytest.mark.parametrize(
    ("name", "effort", "agreement", "drop"),
    [
        ("resnet8", 1, 97.5, 0.2),
        ("mnist", 1, 99.5, 0.2),
        ("mobilenet_v1", 1, 87.0, 1.0),
        ("mobilenet_v1", 2, 89.0, 1.0),
    ],
)
def test_classifiers(
    name: str,
    effort: int,
    agreement: float,
    drop: float,
    split_of: Callable[[ZooTask], Split],
    model_path: Callable[[ZooTask], Path],
) -> None:
    task = BY_NAME[name]
    split, path = split_of(task), model_path(task)
    assert split.labels is not None
    expected = float_outputs(path, split.test).reshape(len(split.test), -1).argmax(1)
    got = run_rows(ours(converted(path, split.calibration, effort)), split.test).reshape(len(split.test), -1).argmax(1)
    assert 100 * np.mean(got == expected) >= agreement
    assert 100 * (np.mean(expected == split.labels) - np.mean(got == split.labels)) <= drop


def test_anomaly_detection(
    split_of: Callable[[ZooTask], Split], model_path: Callable[[ZooTask], Path], zoo: Path
) -> None:
    assert zoo.is_dir()
    task = BY_NAME["ad"]
    split, path = split_of(task), model_path(task)
    expected = float_outputs(path, split.test).astype(np.float64)
    got = run_rows(ours(converted(path, split.calibration, 1)), split.test)
    assert 10 * np.log10((expected**2).sum() / ((expected - got) ** 2).sum()) >= 41

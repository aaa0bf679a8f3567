"""Pixels in another range than the model was trained on are found out, and right ones are not suspected."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from zoo_tasks import TASKS, Array

from converter import frontends, passes
from converter.calibrate.suspicion import mutual_information, suspicion
from converter.execute import CExecutor
from converter.ir.graph import Graph
from converter.ir.ranges import Ranges
from converter.ir.statistics import Calibration
from converter.options import Options


@pytest.fixture(scope="module")
def network(zoo: Path) -> tuple[Graph, Array]:
    """ResNet8, trained on pixels from 0 to 255, and such pixels."""
    task = next(task for task in TASKS if task.name == "resnet8")
    graph = frontends.load(zoo / "models" / task.file, Options())
    passes.optimize(graph, CExecutor())
    return graph, task.load(zoo).calibration[:16]


@pytest.mark.parametrize("factor,summand,words", [
    (1.0, 0.0, None),
    (1 / 255, 0.0, r"from 0 to 1, but with pixels from 0 to 255 .* --scale 1"),
    (1 / 127.5, -1.0, r"from -1 to 1, but with pixels from 0 to 255"),
    (3.0, 0.0, None),
], ids=["right", "0 to 1", "-1 to 1", "in no usual range"])  # fmt: skip
def test_the_model_is_asked(network: tuple[Graph, Array], factor: float, summand: float, words: str | None) -> None:
    graph, pixels = network
    fit = tuple({graph.inputs[0].name: (row[None] * factor + summand).astype(np.float32)} for row in pixels)
    found = suspicion(graph, Calibration(Ranges({}, len(fit)), fit=fit), CExecutor())
    if words is None:
        assert found is None
    else:
        assert found is not None and re.search(words, found)


def test_mutual_information_of_answers_that_are_sure_and_differ() -> None:
    sure = 50 * np.eye(8, dtype=np.float32)
    assert mutual_information(sure) == pytest.approx(np.log(8))
    assert mutual_information(np.repeat(sure[:1], 8, axis=0)) == pytest.approx(0)
    assert mutual_information(np.zeros((8, 8), np.float32)) == pytest.approx(0)

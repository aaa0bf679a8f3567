"""More of the zoo's networks: float graphs match their engines, int8 keeps the task's limit, LiteRT agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_support import all_outputs, input_name, litert, ours, source_outputs
from network_tasks import NETWORK_TASKS, NetworkSplit, NetworkTask

import liteinterp

Array = npt.NDArray[Any]
RELATIVE = 1e-4

pytestmark = pytest.mark.slow
each_task = pytest.mark.parametrize("task", NETWORK_TASKS, ids=lambda task: task.name)
each_int8_task = pytest.mark.parametrize(
    "task", [task for task in NETWORK_TASKS if task.agree is not None], ids=lambda task: task.name
)


@pytest.fixture(scope="module")
def split_of(zoo: Path) -> Callable[[NetworkTask], NetworkSplit]:
    return cache(lambda task: task.load(zoo))


@pytest.fixture(scope="module")
def int8_model(zoo: Path, split_of: Callable[[NetworkTask], NetworkSplit]) -> Callable[[NetworkTask], bytes]:
    @cache
    def converted(task: NetworkTask) -> bytes:
        path = zoo / "models" / task.file
        calib = {input_name(path): split_of(task).calibration}
        return liteinterp.convert(path, quantize="int8", calib=calib, effort=task.effort).model

    return converted


def deviations(expected: Sequence[Array], found: Sequence[Array]) -> list[float]:
    """max|a - b| / max|b| of each output, b the expected one."""
    return [float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(expected, found, strict=True)]


@each_task
def test_float_conversion(
    task: NetworkTask,
    zoo: Path,
    split_of: Callable[[NetworkTask], NetworkSplit],
    record_property: Callable[[str, object], None],
) -> None:
    path, rows = zoo / "models" / task.file, split_of(task).test[:20]
    found = deviations(
        source_outputs(path, rows), all_outputs(ours(liteinterp.convert(path, quantize="float32").model), rows)
    )
    record_property("deviation", found)
    assert max(found) <= RELATIVE


@each_task
def test_after_the_frontend_and_after_every_pass(
    task: NetworkTask, zoo: Path, split_of: Callable[[NetworkTask], NetworkSplit]
) -> None:
    from converter import backend, frontends, passes
    from converter.execute import CExecutor
    from converter.ir.graph import Graph
    from converter.options import Options

    path, rows = zoo / "models" / task.file, split_of(task).test[:2]
    expected = source_outputs(path, rows)
    written: dict[str, bytes] = {}
    graph = frontends.load(path, Options(quantize="float32"))
    written["frontend"] = backend.write(graph)

    def after_pass(name: str, changed: Graph) -> None:
        content = backend.write(changed)
        if content not in written.values():
            written[f"{len(written)} {name}"] = content

    passes.optimize(graph, CExecutor(), after_pass=after_pass)
    for name, content in written.items():
        assert max(deviations(expected, all_outputs(ours(content), rows))) <= RELATIVE, f"after {name}"


@each_int8_task
def test_int8_keeps_the_tasks_limit(
    task: NetworkTask,
    zoo: Path,
    split_of: Callable[[NetworkTask], NetworkSplit],
    int8_model: Callable[[NetworkTask], bytes],
    record_property: Callable[[str, object], None],
) -> None:
    split = split_of(task)
    expected = source_outputs(zoo / "models" / task.file, split.test)
    found = all_outputs(ours(int8_model(task)), split.test)
    assert task.agree is not None
    agreement = task.agree(expected, found)
    record_property("agreement", agreement)
    assert all(np.isfinite(output).all() for output in found)
    if task.score is not None:
        scores = task.score(expected, split.targets), task.score(found, split.targets)
        record_property("scores", scores)
        assert scores[0] - scores[1] <= task.max_drop_points, f"{scores[0]:.2f} in float32, {agreement:.2f} % agree"
    assert agreement >= task.min_agreement


@each_int8_task
def test_int8_equals_litert(
    task: NetworkTask, split_of: Callable[[NetworkTask], NetworkSplit], int8_model: Callable[[NetworkTask], bytes]
) -> None:
    rows, content = split_of(task).test[:4], int8_model(task)
    for expected, found in zip(all_outputs(litert(content), rows), all_outputs(ours(content), rows), strict=True):
        assert np.array_equal(expected, found), f"{np.count_nonzero(expected != found)} of {found.size} elements"

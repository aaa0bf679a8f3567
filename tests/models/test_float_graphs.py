"""Float graphs match the source's own engine, before and after every pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models_support import float_outputs, ours, run_rows
from zoo_tasks import Split, ZooTask

import liteinterp

RELATIVE = 1e-4


def deviation(path: Path, content: bytes, split: Split) -> float:
    """max|a - b| / max|b| over 20 real samples, b the source engine's output."""
    rows = split.test[:20]
    expected = float_outputs(path, rows)
    return float(np.abs(run_rows(ours(content), rows) - expected).max() / np.abs(expected).max())


def test_float_conversion(
    task: ZooTask,
    split_of: Callable[[ZooTask], Split],
    model_path: Callable[[ZooTask], Path],
    record_property: Callable[[str, object], None],
) -> None:
    path = model_path(task)
    found = deviation(path, liteinterp.convert(path, quantize="float32").model, split_of(task))
    record_property("deviation", found)
    assert found <= RELATIVE


def test_after_the_frontend_and_after_every_pass(
    task: ZooTask, split_of: Callable[[ZooTask], Split], model_path: Callable[[ZooTask], Path]
) -> None:
    from converter import backend, frontends, passes
    from converter.execute import CExecutor
    from converter.ir.graph import Graph
    from converter.options import Options

    path, split = model_path(task), split_of(task)
    graph = frontends.load(path, Options(quantize="float32"))
    assert deviation(path, backend.write(graph), split) <= RELATIVE
    written: list[tuple[str, bytes]] = []

    def after_pass(name: str, changed: Graph) -> None:
        content = backend.write(changed)
        if not written or written[-1][1] != content:
            written.append((name, content))

    passes.optimize(graph, CExecutor(), after_pass=after_pass)
    assert written
    for name, content in written:
        assert deviation(path, content, split) <= RELATIVE, f"after {name}"


def test_source_file_runs_as_it_is(
    task: ZooTask, split_of: Callable[[ZooTask], Split], model_path: Callable[[ZooTask], Path]
) -> None:
    path = model_path(task)
    if path.suffix != ".tflite":
        pytest.skip("only a .tflite runs without conversion")
    assert deviation(path, path.read_bytes(), split_of(task)) <= RELATIVE

"""Conversions of the zoo's tasks, made once for a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from models_support import input_name
from zoo_tasks import TASKS, Split, ZooTask

import liteinterp


@pytest.fixture(params=TASKS, ids=lambda task: task.name)
def task(request: pytest.FixtureRequest, zoo: Path) -> ZooTask:
    assert zoo.is_dir()
    found: ZooTask = request.param
    return found


@pytest.fixture(scope="session")
def split_of(zoo: Path) -> Callable[[ZooTask], Split]:
    return cache(lambda task: task.load(zoo))


@pytest.fixture(scope="session")
def model_path(zoo: Path) -> Callable[[ZooTask], Path]:
    return lambda task: zoo / "models" / task.file


@pytest.fixture(scope="session")
def int8_model(
    model_path: Callable[[ZooTask], Path], split_of: Callable[[ZooTask], Split]
) -> Callable[[ZooTask], bytes]:
    """The task's model converted to int8 at effort 0, with float32 inputs and outputs, calibrated on its samples."""

    @cache
    def converted(task: ZooTask) -> bytes:
        path = model_path(task)
        calib = {input_name(path): split_of(task).calibration}
        return liteinterp.convert(path, quantize="int8", calib=calib, effort=0).model

    return converted

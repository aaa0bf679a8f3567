"""What int8 costs on the zoo's test samples, none of which calibrated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_support import float_outputs, input_name, ours, run_rows
from zoo_tasks import TASKS, Split, ZooTask

import liteinterp

Array = npt.NDArray[Any]


def points(outputs: Array, labels: Array) -> float:
    return float(100 * np.mean(outputs.reshape(len(outputs), -1).argmax(1) == labels))


def sqnr_db(reference: Array, test: Array) -> float:
    reference, test = reference.astype(np.float64), test.astype(np.float64)
    return float(10 * np.log10((reference**2).sum() / ((reference - test) ** 2).sum()))


def test_int8_keeps_the_tasks_limit(
    task: ZooTask,
    split_of: Callable[[ZooTask], Split],
    model_path: Callable[[ZooTask], Path],
    int8_model: Callable[[ZooTask], bytes],
    record_property: Callable[[str, object], None],
) -> None:
    split = split_of(task)
    expected = float_outputs(model_path(task), split.test)
    got = run_rows(ours(int8_model(task)), split.test)
    agreement = float(100 * np.mean(got.reshape(len(got), -1).argmax(1) == expected.reshape(len(got), -1).argmax(1)))
    record_property("sqnr_db", sqnr_db(expected, got))
    record_property("agreement", agreement)
    assert np.isfinite(got).all()
    if task.min_sqnr_db is not None:
        assert sqnr_db(expected, got) >= task.min_sqnr_db
    if task.max_drop_points is not None:
        assert split.labels is not None
        drop = points(expected, split.labels) - points(got, split.labels)
        record_property("drop_points", drop)
        assert drop <= task.max_drop_points, f"float {points(expected, split.labels):.2f} %, {agreement:.2f} % agree"
    if task.min_sqnr_db is None and task.max_drop_points is None:
        assert agreement >= 95, "a task without a limit of its own must at least decide as the float model does"


def test_conversion_is_reproducible(zoo: Path, split_of: Callable[[ZooTask], Split]) -> None:
    kws = TASKS[0]
    path = zoo / "models" / kws.file
    calib = {input_name(path): split_of(kws).calibration}
    first, second = (liteinterp.convert(path, quantize="int8", calib=calib).model for _ in range(2))
    assert first == second


@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_integer_io_takes_quantized_samples(io: str, zoo: Path, split_of: Callable[[ZooTask], Split]) -> None:
    kws = TASKS[0]
    path, split = zoo / "models" / kws.file, split_of(kws)
    calib = {input_name(path): split.calibration}
    with_float = run_rows(ours(liteinterp.convert(path, quantize="int8", calib=calib).model), split.test[:50])
    interpreter = ours(liteinterp.convert(path, quantize="int8", calib=calib, io=io).model)
    details = interpreter.get_input_details()[0]
    scale, zero_point = details["quantization"]
    limits = np.iinfo(io)
    rows = np.clip(np.rint(split.test[:50] / scale) + zero_point, limits.min, limits.max).astype(io)
    got = run_rows(interpreter, rows)
    assert details["dtype"] is np.dtype(io).type
    assert (got.argmax(1) == with_float.argmax(1)).mean() >= 0.98

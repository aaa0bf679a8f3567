"""The flag that the ledger names for the worst layer of a real network, followed to the letter, helps."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from models_support import float_outputs, input_name, ours, run_rows
from zoo_tasks import TASKS

import liteinterp
from liteinterp.metrics import sqnr_db

#: Least dB of output SQNR on test samples that following the advice has to gain; measured 1.6 and 0.8.
GAIN_DB = 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kws", "resnet8"])
def test_int16_where_the_ledger_says_gains_on_test_samples(zoo: Path, tmp_path: Path, name: str) -> None:
    task = next(task for task in TASKS if task.name == name)
    split, path = task.load(zoo), zoo / "models" / task.file
    expected = float_outputs(path, split.test).reshape(len(split.test), -1)
    calibration = {input_name(path): split.calibration}

    def converted(**options: list[str]) -> tuple[liteinterp.Conversion, float]:
        found = liteinterp.convert(path, calib=calibration, **options)
        found.save(tmp_path / "small.tflite")
        got = run_rows(ours((tmp_path / "small.tflite").read_bytes()), split.test)
        return found, sqnr_db(expected, np.asarray(got).reshape(expected.shape))

    plain, before = converted()
    worst = min((row for row in plain.report.layer_errors if row.flag), key=lambda row: row.alone_db)
    words = shlex.split(worst.flag)
    assert set(words[::2]) == {"--keep-int16"}, worst
    _, after = converted(keep_int16=words[1::2])
    assert after > before + GAIN_DB, worst.flag

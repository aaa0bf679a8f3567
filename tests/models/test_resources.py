"""What a conversion costs, measured on the command that a user types."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from models_support import input_name
from zoo_tasks import TASKS, Split

SECONDS, MEGABYTES = 3.0, 200.0


def test_kws_converts_in_little_time_and_memory(zoo: Path, split_of: Callable[..., Split], tmp_path: Path) -> None:
    kws = TASKS[0]
    path = zoo / "models" / kws.file
    np.savez(tmp_path / "calib.npz", **{input_name(path): split_of(kws).calibration})
    command = [sys.executable, "-m", "liteinterp", "convert", str(path), "-o", str(tmp_path / "kws.tflite")]
    command += ["--calib", str(tmp_path / "calib.npz")]
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert usage.ru_maxrss / 1024 < MEGABYTES
    # Other processes on the machine stretch the wall clock, not the time that the command itself computes.
    assert min(seconds, usage.ru_utime + usage.ru_stime) < SECONDS

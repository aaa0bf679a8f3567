"""The same model and data give the same bytes: with other workers, hash seed, locale, time zone, folder and cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from zoo_tasks import TASKS

pytestmark = pytest.mark.slow


def test_workers_hash_seed_locale_time_zone_and_cache_change_no_byte(
    zoo: Path, tmp_path: Path, repository: Path
) -> None:
    task = next(task for task in TASKS if task.name == "kws")
    np.save(tmp_path / "rows.npy", task.load(zoo).calibration)
    surroundings = [
        (["--workers", "1", "--no-cache"], {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"}),
        (["--workers", "2"], {"PYTHONHASHSEED": "1", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"}),
        (["--workers", "1"], {"PYTHONHASHSEED": "2", "LC_ALL": "de_DE", "TZ": "America/Caracas"}),
    ]
    files = []
    for i, (options, variables) in enumerate(surroundings):
        folder = tmp_path / str(i)
        folder.mkdir()
        command = [sys.executable, "-m", "liteinterp", "convert", str(zoo / "models" / task.file), "-o", "kws.tflite",
                   "--calib", str(tmp_path / "rows.npy"), "-q", *options]  # fmt: skip
        path = os.pathsep.join([str(repository), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache"), **variables}
        subprocess.run(command, cwd=folder, env=environment, check=True)
        files.append((folder / "kws.tflite").read_bytes())
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 1
    assert files[0] == files[1]
    assert files[0] == files[2]

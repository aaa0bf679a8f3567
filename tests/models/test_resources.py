"""What a conversion costs, measured on the command that a user types."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from models_support import input_name
from resources import measured
from zoo_tasks import TASKS, Split

from liteinterp.net import KEEP_INPUTS, ModelBytes, Request, plan

SECONDS, MEGABYTES = 3.0, 200.0
#: The least counts: a host whose clock stands at one of two levels stretches a run by 1.4.
TURNS = 2

#: Of MobileNetV2's first inference, beyond numpy, the model itself and its packed weights.
START_BYTES = 15_000_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="this system does not say what was resident")
def test_first_inference_needs_little_memory(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "bench")
    start = importlib.import_module("start")
    model = zoo / "models" / "speed_mobilenet_v2_int8.tflite"
    packed = plan(ModelBytes(model.read_bytes()), Request(KEEP_INPUTS)).packed
    found = start.beyond_numpy(model, runs=2).resident_bytes
    assert 0 < found < START_BYTES + model.stat().st_size + packed


def test_kws_converts_in_little_time_and_memory(zoo: Path, split_of: Callable[..., Split], tmp_path: Path) -> None:
    kws = TASKS[0]
    path = zoo / "models" / kws.file
    np.savez(tmp_path / "calib.npz", **{input_name(path): split_of(kws).calibration})
    arguments = ["convert", str(path), "-o", str(tmp_path / "kws.tflite"), "--calib", str(tmp_path / "calib.npz")]
    costs = [measured(*arguments) for _ in range(TURNS)]
    assert max(cost.peak_bytes for cost in costs) < MEGABYTES * (1 << 20)
    assert min(cost.seconds for cost in costs) < SECONDS

"""A published hybrid file: keyword spotting with int8 convolutions under float32 activations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from models_support import litert, ours


def probabilities(engine: Any, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    engine.allocate_tensors()
    at, result = engine.get_input_details()[0]["index"], engine.get_output_details()[0]["index"]
    found = []
    for row in rows:
        engine.set_tensor(at, row[np.newaxis])
        engine.invoke()
        found.append(engine.get_tensor(result)[0])
    return np.array(found)


def test_keyword_spotting_is_as_accurate_as_in_litert(zoo: Path) -> None:
    content = (zoo / "models/mlperf_kws_hybrid_ref.tflite").read_bytes()
    with np.load(zoo / "data/kws.npz") as data:
        rows = (data["x_int8"].astype(np.float32) - np.float32(83)) * np.float32(0.58470291)
        labels = data["y"].astype(np.int64)
    found, expected = probabilities(ours(content), rows), probabilities(litert(content), rows)
    points = 100 * abs(np.mean(found.argmax(1) == labels) - np.mean(expected.argmax(1) == labels))
    assert points <= 0.5 and np.mean(expected.argmax(1) == labels) > 0.9
    assert np.abs(found - expected).max() < 0.01

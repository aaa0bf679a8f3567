"""Real networks give the same bytes on any number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import liteinterp

pytestmark = pytest.mark.slow

NETWORKS = (
    "mlperf_ic_resnet8_int8_ref",
    "mlperf_vww_96_int8_ref",
    "person_detect_int8",
    "speed_mobilenet_v2_int8",
    "blazeface_short",
    "portrait_mnv3_seg",
    "deeplabv3_257",
)


def outputs(path: Path, threads: int) -> list[bytes]:
    random = np.random.default_rng(3)
    with liteinterp.Interpreter(model_path=str(path), num_threads=threads) as interpreter:
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            values = random.uniform(-1, 1, detail["shape"]) * (127 if detail["dtype"] == np.int8 else 1)
            interpreter.set_tensor(detail["index"], values.astype(detail["dtype"]))
        interpreter.invoke()
        return [interpreter.get_tensor(detail["index"]).tobytes() for detail in interpreter.get_output_details()]


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_change_no_byte(zoo: Path, name: str) -> None:
    path = zoo / "models" / f"{name}.tflite"
    one = outputs(path, 1)
    assert all(len(set(found)) > 1 for found in one)
    for threads in (2, 3):
        assert outputs(path, threads) == one, f"{threads} threads"

"""What li_plan says a net needs is what it needs, to the byte, and nothing else is touched."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import chain, every_operator, int8_conv_net

ZOO_MODELS = (
    "keypoint_classifier",
    "mlperf_ad01_int8_ref",
    "mlperf_ic_resnet8",
    "mlperf_ic_resnet8_int8_ref",
    "mlperf_kws_int8_ref",
    "mlperf_streaming_wakeword_int8",
    "mlperf_vww_96_int8_ref",
    "mnist_conv_fc",
    "mnist_conv_fc_int8_ref",
    "person_detect_int8",
)


def exact_memory(program: Callable[..., Path], *models: Path) -> str:
    """Guard pages, canaries, one byte less, no malloc, equal outputs for all flags and kernels: see exact_memory.c."""
    path = program("exact_memory")
    done = subprocess.run([path, *models], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_own_models_stay_inside_their_memory(program: Callable[..., Path], tmp_path: Path) -> None:
    small = {
        "conv": int8_conv_net(),
        "int8": every_operator(True),
        "float": every_operator(False),
        "chain": chain("RELU", "LOGISTIC", "RESHAPE", "RELU6"),
        "odd": chain("RELU", "SOFTMAX", shape=(1, 3)),
        "empty": chain("RELU", "RESHAPE", shape=(0, 3)),
        "nothing": chain(),
    }
    paths = []
    for name, maker in small.items():
        paths.append(tmp_path / f"{name}.tflite")
        paths[-1].write_bytes(maker.bytes())
    assert len(exact_memory(program, *paths).splitlines()) == len(small)


@pytest.mark.parametrize("name", ZOO_MODELS)
def test_zoo_models_stay_inside_their_memory(program: Callable[..., Path], zoo: Path, name: str) -> None:
    exact_memory(program, zoo / "models" / f"{name}.tflite")

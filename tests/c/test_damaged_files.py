"""Whatever the bytes are: an error, or a run inside the declared memory, soon. Under AddressSanitizer and UBSan."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from one_operator import one_operator_models
from tiny_models import ModelMaker, chain, every_operator, int8_conv_net

from converter.gen.ops import OPS

if TYPE_CHECKING:
    from .conftest import Core

ROOT = Path(__file__).resolve().parents[2]
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SEED = 20240607


def replay(program: Callable[..., Path], mutants: int, model: Path) -> tuple[int, int]:
    """Every truncation and ``mutants`` damaged copies; answers how many of these were refused, and how many ran."""
    path = program("replay", *SANITIZE)
    done = subprocess.run(
        [path, "--mutate", str(SEED), str(mutants), model], capture_output=True, text=True, timeout=3600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(model.name, done.stdout)
    truncations, damaged = done.stdout.splitlines()
    counts = {line: dict(re.findall(r" ([a-z-]+) (\d+)", line)) for line in (truncations, damaged)}
    assert int(counts[truncations]["refused"]) == model.stat().st_size, "a truncated file ran"
    return int(counts[damaged]["refused"]), int(counts[damaged]["ran"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "maker",
    [
        every_operator(True),
        every_operator(False),
        chain("RELU", "RESHAPE", "LOGISTIC", "RELU6").plan([0, 64, 64, 128, 0]),
    ],
    ids=["int8", "float", "planned"],
)
def test_damaged_small_models(program: Callable[..., Path], tmp_path: Path, maker: ModelMaker) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(maker.bytes())
    refused, ran = replay(program, 20000, path)
    assert refused > 0 and ran > 0


def damaged_operators(program: Callable[..., Path], tmp_path: Path, mutants: int) -> None:
    for name, maker in one_operator_models().items():
        path = tmp_path / f"{name.replace(' ', '_')}.tflite"
        path.write_bytes(maker.bytes())
        refused, ran = replay(program, mutants, path)
        assert refused > 0 and ran > 0, name


def test_damaged_operators(program: Callable[..., Path], tmp_path: Path) -> None:
    damaged_operators(program, tmp_path, 150)


@pytest.mark.slow
def test_damaged_operators_large_sample(program: Callable[..., Path], tmp_path: Path) -> None:
    damaged_operators(program, tmp_path, 10000)


def test_there_is_a_model_for_every_operator() -> None:
    codes = {code.builtin_code for maker in one_operator_models().values() for code in maker.model.operator_codes}
    assert codes == {spec.code for spec in OPS.values()}


@pytest.mark.parametrize("name", ["mlperf_kws_int8_ref", "keypoint_classifier"])
def test_damaged_zoo_models(program: Callable[..., Path], zoo: Path, name: str) -> None:
    refused, ran = replay(program, 1000, zoo / "models" / f"{name}.tflite")
    assert refused > 0 and ran > 0


@pytest.fixture(scope="module")
def demo_model(core: Core, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's network, converted to int8 by the command line on the library under test."""
    folder = tmp_path_factory.mktemp("demo")
    demo = ROOT / "liteinterp" / "demo"
    np.save(folder / "calibration.npy", np.load(demo / "digits.npz")["calibration"])
    model = folder / "digits.tflite"
    command = [sys.executable, "-m", "liteinterp", "convert", str(demo / "digits.onnx"), "-o", str(model)]
    environment = {**os.environ, "LITEINTERP_LIBRARY": str(core.path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--calib", str(folder / "calibration.npy")], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return model


def test_damaged_demo_model(program: Callable[..., Path], demo_model: Path) -> None:
    refused, ran = replay(program, 20000, demo_model)
    assert refused > 0 and ran > 0


FIVE = {
    "int8 every operator": every_operator(True),
    "float every operator": every_operator(False),
    "int8 net": int8_conv_net(),
    "constants": one_operator_models()["constants"],
    "planned": chain("RELU", "RESHAPE", "LOGISTIC", "RELU6").plan([0, 64, 64, 128, 0]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIVE)
def test_every_flip_truncation_and_boundary_word(program: Callable[..., Path], tmp_path: Path, name: str) -> None:
    """All of them: single-bit flips, truncations, and 16 boundary values in every aligned word."""
    path = tmp_path / "model.tflite"
    path.write_bytes(FIVE[name].bytes())
    size = path.stat().st_size
    command = [program("replay", *SANITIZE), "--exhaust", "1", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"{name}, {size} bytes\n{done.stdout}")
    counts = [sum(map(int, re.findall(r" [a-z-]+ (\d+)(?= )", line))) for line in done.stdout.splitlines()]
    assert counts == [size, 8 * size, size // 4 * 16]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlperf_kws_int8_ref", "keypoint_classifier"])
def test_damaged_zoo_models_large_sample(program: Callable[..., Path], zoo: Path, name: str) -> None:
    refused, ran = replay(program, 20000, zoo / "models" / f"{name}.tflite")
    assert refused > 0 and ran > 0

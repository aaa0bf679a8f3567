"""The same bytes with every kernel set and on another architecture."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_support import run_rows
from zoo_tasks import INT8_REFERENCES, TASKS, Split, ZooTask

import liteinterp

Array = npt.NDArray[Any]
ROOT = Path(__file__).resolve().parents[2]


def with_kernels(content: bytes, rows: Array, kernels: str, monkeypatch: pytest.MonkeyPatch, threads: int = 1) -> Array:
    monkeypatch.setenv("LITEINTERP_ISA", kernels)
    return run_rows(liteinterp.Interpreter(model_content=content, num_threads=threads), rows)


#: Kernel sets of x86, and what /proc/cpuinfo calls what they take.
X86_FLAGS = (("sse41", "sse4_1"), ("avx2", "avx2"), ("avxvnni", "avx_vnni"), ("avx512vnni", "avx512_vnni"))


def available_kernels() -> list[str]:
    """Kernel sets of this machine besides ref."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return [name for name, flag in X86_FLAGS if flag in flags.split()]


def test_ref_and_the_best_kernels_agree_on_our_files(
    task: ZooTask,
    split_of: Callable[[ZooTask], Split],
    int8_model: Callable[[ZooTask], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not available_kernels():
        pytest.skip("this machine has only the ref kernels")
    rows, content = split_of(task).test[:20], int8_model(task)
    expected = with_kernels(content, rows, "ref", monkeypatch)
    for kernels in available_kernels():
        assert expected.tobytes() == with_kernels(content, rows, kernels, monkeypatch).tobytes()


@pytest.mark.parametrize("file", INT8_REFERENCES)
def test_ref_and_the_best_kernels_agree_on_official_files(
    file: str, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not available_kernels():
        pytest.skip("this machine has only the ref kernels")
    content = (zoo / file).read_bytes()
    shape = liteinterp.Interpreter(model_content=content).get_input_details()[0]["shape"]
    rows = np.random.default_rng(2).integers(-128, 128, (4, *shape[1:]), dtype=np.int8)
    expected = with_kernels(content, rows, "ref", monkeypatch)
    for kernels in available_kernels():
        assert expected.tobytes() == with_kernels(content, rows, kernels, monkeypatch).tobytes()
        assert expected.tobytes() == with_kernels(content, rows, kernels, monkeypatch, threads=3).tobytes()


@pytest.fixture(scope="session")
def aarch64_runner(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Emulator and tests/c/run_model.c, built for AArch64; static, so what finds the dot product is linked by name."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        reason = "needs aarch64-linux-gnu-gcc and qemu-aarch64 (apt install gcc-aarch64-linux-gnu qemu-user)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    program = tmp_path_factory.mktemp("aarch64") / "run_model"
    lines = (ROOT / "csrc/sources.txt").read_text().splitlines()
    sources = [ROOT / "csrc" / line for line in lines if line and not line.startswith("#")]
    flags = [
        "-static",
        "-Wl,-u,getauxval",
        "-O2",
        "-std=c11",
        "-ffp-contract=off",
        f"-I{ROOT}/csrc/include",
        f"-I{ROOT}/csrc/src",
    ]
    subprocess.run([compiler, *flags, ROOT / "tests/c/run_model.c", *sources, "-o", program], check=True)
    return [emulator, str(program)]


@pytest.mark.parametrize(
    ("name", "processor"), [("kws", "cortex-a53"), ("kws", "cortex-a76"), ("resnet8", "cortex-a76")]
)
def test_aarch64_gives_the_same_bytes(
    name: str,
    processor: str,
    aarch64_runner: list[str],
    split_of: Callable[[ZooTask], Split],
    int8_model: Callable[[ZooTask], bytes],
    tmp_path: Path,
) -> None:
    (task,) = (task for task in TASKS if task.name == name)
    rows, content = split_of(task).test[:20], int8_model(task)
    (tmp_path / "model.tflite").write_bytes(content)
    (tmp_path / "inputs.bin").write_bytes(np.ascontiguousarray(rows).tobytes())
    files = [str(tmp_path / file) for file in ("model.tflite", "inputs.bin", "outputs.bin")]
    emulator, program = aarch64_runner
    subprocess.run([emulator, "-cpu", processor, program, *files], check=True)
    expected = run_rows(liteinterp.Interpreter(model_content=content), rows)
    assert (tmp_path / "outputs.bin").read_bytes() == expected.tobytes()

"""Every kernel equals its definition to the bit and touches nothing outside its operands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    Path(__file__).with_name("checkkern.c"),
    ROOT / "csrc/src/li_math.c",
    *sorted(ROOT.glob("csrc/kernels/*/*.c")),
]
FLAGS = ["-std=c11", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/csrc/src", f"-I{ROOT}/csrc/include"]


def build(compiler: str, flags: list[str], program: Path) -> str:
    subprocess.run([compiler, *FLAGS, *flags, *map(str, SOURCES), "-lm", "-o", str(program)], check=True)
    return str(program)


def check(command: list[str], seed: int) -> None:
    found = subprocess.run([*command, str(seed)], capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout[:2000] + found.stderr[:2000]
    assert "ok ref" in found.stdout


@pytest.mark.parametrize("optimization", ["-O2", pytest.param("-O3", marks=pytest.mark.slow)])
def test_natively(optimization: str, tmp_path: Path) -> None:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs a C compiler")
    program = build(compiler, [optimization], tmp_path / "checkkern")
    for seed in (1, 2, 3):
        check([program], seed)


def test_on_aarch64(tmp_path: Path) -> None:
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs aarch64-linux-gnu-gcc and qemu-aarch64 (apt install gcc-aarch64-linux-gnu qemu-user)")
    check([emulator, build(compiler, ["-O2", "-static"], tmp_path / "checkkern")], 1)

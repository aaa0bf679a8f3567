"""Every kernel equals its definition to the bit and touches nothing outside its operands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    *sorted(Path(__file__).parent.glob("*.c")),
    ROOT / "csrc/src/li_cpu.c",
    ROOT / "csrc/src/li_math.c",
    *sorted(ROOT.glob("csrc/kernels/*/*.c")),
]
FLAGS = ["-std=c11", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/csrc/src", f"-I{ROOT}/csrc/include"]


def build(compiler: str, flags: list[str], program: Path) -> str:
    subprocess.run([compiler, *FLAGS, *flags, *map(str, SOURCES), "-lm", "-o", str(program)], check=True)
    return str(program)


def check(command: list[str], seed: int, sets: tuple[str, ...]) -> None:
    """Every set of `sets` ran, and nothing failed."""
    found = subprocess.run([*command, str(seed)], capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout[:2000] + found.stderr[:2000]
    assert tuple(re.findall(r"^ok (\w+)", found.stdout, re.MULTILINE)) == sets, found.stdout


#: Kernel sets of x86, and what /proc/cpuinfo calls what they take.
X86_FLAGS = (("sse41", "sse4_1"), ("avx2", "avx2"), ("avxvnni", "avx_vnni"), ("avx512vnni", "avx512_vnni"))


def native_sets() -> tuple[str, ...]:
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    x86 = tuple(name for name, flag in X86_FLAGS if flag in flags.split())
    arm = tuple(name for name, flag in (("neon", "asimd"), ("dotprod", "asimddp")) if flag in flags.split())
    return ("ref", *x86, *arm)


@pytest.mark.parametrize(
    ("optimization", "seeds"), [("-O2", (1,)), pytest.param("-O3", (1, 2, 3), marks=pytest.mark.slow)]
)
def test_natively(optimization: str, seeds: tuple[int, ...], tmp_path: Path) -> None:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs a C compiler")
    program = build(compiler, [optimization], tmp_path / "checkkern")
    for seed in seeds:
        check([program], seed, native_sets())


@pytest.fixture(scope="module")
def on_aarch64(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Emulator and program; static, so the C library's way to ask for the processor has to be linked by name."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        reason = "needs aarch64-linux-gnu-gcc and qemu-aarch64 (apt install gcc-aarch64-linux-gnu qemu-user)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    program = tmp_path_factory.mktemp("aarch64") / "checkkern"
    return emulator, build(compiler, ["-O2", "-static", "-Wl,-u,getauxval"], program)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processor", "sets"), [("cortex-a53", ("ref", "neon")), ("cortex-a76", ("ref", "neon", "dotprod"))]
)
def test_on_aarch64(on_aarch64: tuple[str, str], processor: str, sets: tuple[str, ...]) -> None:
    emulator, program = on_aarch64
    check([emulator, "-cpu", processor, program], 1, sets)


@pytest.mark.slow
def test_without_avx(tmp_path: Path) -> None:
    """A processor of 2008, whatever this machine has: the floor of x86 kernels."""
    compiler, emulator = shutil.which("x86_64-linux-gnu-gcc"), shutil.which("qemu-x86_64")
    if compiler is None or emulator is None:
        pytest.skip("needs x86_64-linux-gnu-gcc and qemu-x86_64 (apt install gcc-x86-64-linux-gnu qemu-user)")
    program = build(compiler, ["-O2", "-static"], tmp_path / "checkkern")
    check([emulator, "-cpu", "Nehalem", program], 1, ("ref", "sse41"))

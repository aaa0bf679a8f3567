"""Replays what the fuzzers found, and their seeds, in builds that need no fuzzer."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from fuzz.corpus import main as write_seeds
from fuzz.frontend_targets import is_read

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "tests" / "fuzz"
REGRESSIONS = FUZZ / "regressions"
DEFINITION = (
    "-std=c11",
    "-ffp-contract=off",
    f"-I{ROOT / 'csrc/include'}",
    f"-I{ROOT / 'csrc/src'}",
    f"-I{ROOT / 'tests/c'}",
)
ADDRESS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(compiler: str, target: str, folder: Path, flags: Iterable[str]) -> Path:
    lines = (ROOT / "csrc" / "sources.txt").read_text().splitlines()
    sources = [ROOT / "csrc" / line for line in lines if line and not line.startswith("#")]
    program = folder / f"fuzz_{target}"
    files = [FUZZ / f"fuzz_{target}.c", FUZZ / "standalone.c", *sources]
    command = [compiler, *DEFINITION, *flags, *map(str, files), "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True)
    return program


def replay(program: Path, files: list[Path]) -> None:
    done = subprocess.run([program, *files], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(files)} files\n"


def regressions(format: str) -> list[Path]:
    return sorted((REGRESSIONS / format).iterdir())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every finding and every seed of the runtime's fuzzers."""
    folder = tmp_path_factory.mktemp("seeds")
    write_seeds(folder, ("tflite",))
    return [*regressions("tflite"), *sorted((folder / "tflite").iterdir())]


@pytest.mark.slow
def test_seeds_and_findings_under_address_sanitizer(files: list[Path], tmp_path: Path) -> None:
    for target in ("check", "plan", "run"):
        replay(build("gcc", target, tmp_path, ADDRESS), files)


@pytest.mark.slow
def test_seeds_and_findings_read_nothing_unwritten(files: list[Path], tmp_path: Path) -> None:
    """MemorySanitizer sees bytes used before something writes them; clang's UBSan, unlike gcc's, 0 added to NULL."""
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    flags = ("-O1", "-g", "-fsanitize=memory,undefined", "-fno-sanitize-recover=all")
    replay(build("clang", "run", tmp_path, flags), files)


@pytest.mark.slow
def test_seeds_and_findings_on_32_bit(files: list[Path], tmp_path: Path) -> None:
    flags = ("-m32", "-msse2", "-mfpmath=sse", *ADDRESS)
    try:
        program = build("gcc", "run", tmp_path, flags)
    except subprocess.CalledProcessError:
        pytest.skip("gcc -m32 does not link: install gcc-multilib")
    replay(program, files)


@pytest.mark.parametrize(
    ("format", "path"), [(format, path) for format in ("onnx", "tflite") for path in regressions(format)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)  # fmt: skip
def test_finding_in_a_frontend(format: str, path: Path) -> None:
    """It ended in another exception than ours, or took minutes. It takes milliseconds now."""
    start = time.process_time()
    is_read(format, path.read_bytes())
    assert time.process_time() - start < 2

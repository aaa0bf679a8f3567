"""The example of a model inside a C program builds with a C compiler and make, and reads its digit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def digits_model(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    path = tmp_path_factory.mktemp("embed_c") / "digits.tflite"
    script = repository / "examples" / "embed_c" / "convert_digits.py"
    subprocess.run([sys.executable, script, path], check=True, timeout=120)
    return path


@pytest.mark.parametrize("compiler", ["cc", "clang"])
def test_program_reads_a_two(compiler: str, digits_model: Path, repository: Path, tmp_path: Path) -> None:
    if shutil.which(compiler) is None or shutil.which("make") is None:
        pytest.skip(f"needs {compiler} and make")
    folder = repository / "examples" / "embed_c"
    variables = [f"CC={compiler}", "CFLAGS=-O0", f"OUT={tmp_path}", f"MODEL={digits_model}"]
    command = ["make", "-s", "-C", folder, *variables, "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    marked = [line.split()[0] for line in done.stdout.splitlines() if line.endswith("<-")]
    assert marked == ["2"]

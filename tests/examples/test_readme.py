"""What the README shows is true: its commands and snippets run, in the order in which they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def blocks(repository: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    text = (repository / "README.md").read_text()
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_commands_and_snippets_run(blocks: list[tuple[str, str]], repository: Path, tmp_path: Path) -> None:
    (tmp_path / "liteinterp").mkdir()
    (tmp_path / "liteinterp" / "demo").symlink_to(repository / "liteinterp" / "demo")
    ran = 0
    for language, text in blocks:
        commands = {
            "sh": [[sys.executable, "-m", *shlex.split(line)] for line in text.splitlines()],
            "python": [[sys.executable, "-c", text]],
        }
        for command in commands.get(language, ()):
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
            ran += 1
    assert ran >= 3
    assert (tmp_path / "digits.tflite").is_file()


def test_transcript_is_what_demo_prints(blocks: list[tuple[str, str]], tmp_path: Path) -> None:
    """But for times, versions of other engines and the kernels of the machine."""
    (shown,) = (text for language, text in blocks if language == "text")
    command = [sys.executable, "-m", "liteinterp", "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = {" ".join(line.split()) for line in done.stdout.splitlines()}
    varying = ("runs in", "Kernels", "All of it took", "---")
    expected = [" ".join(line.split()) for line in shown.splitlines() if not line.startswith(varying)]
    assert len(expected) > 10
    assert [line for line in expected if line not in printed] == []


def test_program_is_the_example(blocks: list[tuple[str, str]], repository: Path) -> None:
    main = (repository / "examples" / "embed_c" / "main.c").read_text()
    (shown,) = (text for language, text in blocks if language == "c")
    assert shown in main

"""Compiles the C runtime once per set of flags, for all tests and all of pytest-xdist's workers."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CSRC = ROOT / "csrc"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Wstrict-prototypes", "-Wmissing-prototypes")
DEFINITION = ("-std=c11", "-ffp-contract=off", f"-I{CSRC / 'include'}", f"-I{CSRC / 'src'}")
#: What most tests share: position independent, so that it serves the shared library as well as programs.
COMMON = ("-O2", "-g", "-fPIC", "-fvisibility=hidden", "-fstack-usage", *WARNINGS, "-Werror")


def sources() -> list[Path]:
    lines = (CSRC / "sources.txt").read_text().splitlines()
    return [CSRC / line for line in lines if line and not line.startswith("#")]


class Builds:
    """Objects, libraries and programs in a folder that several processes may share."""

    def __init__(self, compiler: str, folder: Path) -> None:
        self.compiler = compiler
        self.folder = folder

    @contextmanager
    def _alone(self, *key: str) -> Iterator[tuple[Path, bool]]:
        """A folder for what ``key`` describes, and whether another process has filled it."""
        folder = self.folder / hashlib.sha256("\0".join(key).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = folder / ".done"
            yield folder, done.exists()
            done.touch()

    def _compile(self, *arguments: str) -> None:
        done = subprocess.run([self.compiler, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def objects(self, *flags: str) -> list[Path]:
        """One object per source; beside each what ``flags`` make the compiler write."""
        with self._alone("objects", *flags) as (folder, made):
            objects = [folder / f"{source.stem}.o" for source in sources()]
            for source, path in zip(sources(), objects, strict=True):
                if not made:
                    self._compile(*DEFINITION, *flags, "-c", str(source), "-o", str(path))
        return objects

    def library(self, *flags: str) -> Path:
        """The shared library."""
        flags = flags or COMMON
        objects = self.objects(*flags)
        with self._alone("library", *flags) as (folder, made):
            path = folder / "libliteinterp.so"
            if not made:
                self._compile("-shared", *flags, *map(str, objects), "-o", str(path))
        return path

    def program(self, name: str, *flags: str) -> Path:
        """tests/c/NAME.c with the whole runtime. What sanitizers insert would make warnings of its own."""
        objects = self.objects(*(("-O0", "-g", *flags) if flags else COMMON))
        with self._alone("program", name, *flags) as (folder, made):
            path = folder / name
            if not made:
                source = ROOT / "tests" / "c" / f"{name}.c"
                self._compile(*DEFINITION, "-O2", "-g", *flags, str(source), *map(str, objects), "-o", str(path))
        return path

"""What every file of the tree keeps to."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_FILE = 600
LARGEST_FILE = 1_000_000
SOURCE_SUFFIXES = {".py", ".c", ".h", ".inc", ".toml", ".sh", ".fbs"}


def tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git work tree: which files belong to the project is not known")
    return [REPOSITORY / name for name in done.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def hand_written(path: Path) -> bool:
    return "gen" not in path.relative_to(REPOSITORY).parts and path.name != "ops.md"


def is_list(path: Path) -> bool:
    """Files that hold one row after the other, of which there is one by design."""
    return path.name == "ops.toml"


def test_generated_files_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "schema/generate.py", "--check"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_c_files_carry_their_licence() -> None:
    sources = [path for path in tracked_files() if path.suffix in {".c", ".h", ".inc"}]
    assert sources
    bare = [relative(path) for path in sources if "SPDX-License-Identifier: Apache-2.0" not in path.read_text()[:200]]
    assert not bare


def test_files_are_of_a_readable_length() -> None:
    long = {
        relative(path): lines
        for path in tracked_files()
        if path.suffix in SOURCE_SUFFIXES and hand_written(path) and not is_list(path)
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert not long


def test_no_file_is_large() -> None:
    assert not [relative(path) for path in tracked_files() if path.stat().st_size > LARGEST_FILE]


def test_demo_data_stays_small() -> None:
    demo = [path for path in tracked_files() if path.parent == REPOSITORY / "liteinterp" / "demo"]
    assert {"digits.onnx", "digits.npz"} <= {path.name for path in demo}
    assert sum(path.stat().st_size for path in demo) < 300_000


def test_no_path_of_one_machine() -> None:
    pattern = re.compile(r"(^|[^\w./-])/(work|root|home)/")
    found = [
        f"{relative(path)}:{number}"
        for path in tracked_files()
        if path.suffix in SOURCE_SUFFIXES | {".md"} or path.name == "Makefile"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def test_static_names_and_file_names_of_the_library_are_unique() -> None:
    """csrc can be joined into one file, so two files share neither their name nor the name of a static function."""
    sources = [path for path in tracked_files() if path.suffix in {".c", ".h"} and relative(path).startswith("csrc/")]
    names = [path.name for path in sources]
    assert len(names) == len(set(names))
    owners: dict[str, str] = {}
    clashes = []
    for path in sources:
        for name in re.findall(r"^static (?:inline )?[\w ]+[ *](\w+)\(", path.read_text(), re.MULTILINE):
            if owners.setdefault(name, relative(path)) != relative(path):
                clashes.append(f"{name}: {owners[name]} and {relative(path)}")
    assert not clashes


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{relative(path)}: {target}"
        for path in tracked_files()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not broken


def test_security_page_lists_every_rule() -> None:
    header = (REPOSITORY / "csrc" / "src" / "li_rules.h").read_text()
    rules = set(re.findall(r"^    X\((\w+),", header, re.MULTILINE)) - {"NONE"}
    listed = set(re.findall(r"^\| `(\w+)` \|", (REPOSITORY / "docs" / "SECURITY.md").read_text(), re.MULTILINE))
    assert rules and listed == rules

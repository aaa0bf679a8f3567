"""Imports go one way, and the runtime stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=120)


def test_import_contracts_of_pyproject_hold() -> None:
    done = run_python("import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")
    assert done.returncode == 0, done.stdout + done.stderr


def test_runtime_imports_numpy_and_cffi_only() -> None:
    """A device installs liteinterp without extras: importing it, or running a model, loads nothing else."""
    code = """
import json, sys
before = set(sys.modules)
import liteinterp, liteinterp.cli
liteinterp.Interpreter, liteinterp.convert
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout)) - set(sys.stdlib_module_names)
    assert "liteinterp" in loaded
    assert loaded <= {"liteinterp", "numpy", "cffi", "_cffi_backend"}


def test_converter_imports_itself_relatively() -> None:
    """The package's name is written in pyproject.toml, the tests and the door, so that it can change (ADR 0003)."""
    absolute = [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in sorted((REPOSITORY / "converter").rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.lstrip().startswith(("import converter", "from converter"))
    ]
    assert not absolute

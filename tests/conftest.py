"""What every room's tests share: the zoo of real models, and a closing line that says how much of it ran."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ZOO = Path(os.environ.get("LITEINTERP_ZOO", REPOSITORY.parent / "shared" / "zoo")).absolute()
REQUIRED = os.environ.get("CI_REQUIRE_ZOO") == "1"
ZOO_PRESENT = (ZOO / "models").is_dir()
MODEL_SUFFIXES = (".onnx", ".tflite")

opened_models: set[str] = set()
absent_tests: set[str] = set()


def _note_opened_model(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str) and arguments[0].endswith(MODEL_SUFFIXES):
        path = Path(arguments[0])
        if path.is_relative_to(ZOO):
            opened_models.add(str(path.relative_to(ZOO)))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """No test sees statistics that another version of the code left in the user's cache, or leaves any there."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the work tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The zoo's directory (models/, data/, bench/); without one the test skips, or fails under CI_REQUIRE_ZOO=1."""
    if ZOO_PRESENT:
        return ZOO
    reason = "the zoo of real models is absent; set LITEINTERP_ZOO to its directory"
    if REQUIRED:
        pytest.fail(f"CI_REQUIRE_ZOO=1, but {reason}")
    pytest.skip(reason)


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_note_opened_model)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "zoo" in getattr(item, "fixturenames", ()) and not ZOO_PRESENT:
        absent_tests.add(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In the gate (CI=1) a test that lacks a tool fails: otherwise nobody would notice that it never runs."""
    report = yield
    if os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith("needs ") or reason.endswith("is not installed"):
            report.outcome, report.longrepr = "failed", f"CI is set, so a tool must not be missing: {reason}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # a pytest-xdist worker: hand the sets to the controlling process
        session.config.workeroutput["zoo"] = (sorted(opened_models), sorted(absent_tests))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    opened, absent = getattr(node, "workeroutput", {}).get("zoo", ((), ()))
    opened_models.update(opened)
    absent_tests.update(absent)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if absent_tests:
        terminalreporter.write_line(
            f"zoo: absent, so tests on real trained models did not run: {len(absent_tests)} (accuracy, equality with "
            "other engines on their files); operators and stages are covered by models made here. LITEINTERP_ZOO "
            "locates it."
        )
    elif opened_models:
        terminalreporter.write_line(f"zoo: {len(opened_models)} model files ran")

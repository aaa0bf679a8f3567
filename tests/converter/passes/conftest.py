"""Golden files: tests/golden/<pass>/<case>.txt holds a comment, the graph before the pass, and the graph after it."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite what follows '=== after' in tests/golden, for review in git",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten; the option exists when this directory is named on the command line."""
    return bool(request.config.getoption("--update-golden", default=False))

"""An operator is one row of schema/ops.toml and one place per layer; this names the places that are missing."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
OPERATORS: dict[str, dict[str, Any]] = tomllib.loads((REPOSITORY / "schema" / "ops.toml").read_text())


@cache
def text_of(pattern: str) -> str:
    """All files of a glob, one after the other; empty when there is none."""
    return "\n".join(path.read_text() for path in sorted(REPOSITORY.glob(pattern)))


def missing_layers(name: str, family: str) -> list[str]:
    lower = name.lower()
    missing = [
        f"csrc/ops: no definition of li_{lower}_{stage}"
        for stage in ("plan", "prepare", "run")
        if not re.search(rf"^[\w ]+\**li_{lower}_{stage}\(", text_of("csrc/ops/*.c"), re.MULTILINE)
        and not re.search(rf"^LI_\w+\({lower}\b", text_of("csrc/ops/*.c"), re.MULTILINE)
    ]
    if not re.search(rf'@operator\([^)]*"{name}"', text_of(f"converter/ops/{family}.py")):
        missing.append(f'converter/ops/{family}.py: no class under @operator("{name}")')
    if not (REPOSITORY / "tests" / "cases" / f"{lower}.toml").is_file():
        missing.append(f"tests/cases/{lower}.toml: no sweep")
    if not re.search(rf"^\|[^|]*\b{name}\b", text_of("docs/ops.md"), re.MULTILINE):
        missing.append("docs/ops.md: no row")
    if name not in text_of("docs/NUMERICS.md"):
        missing.append("docs/NUMERICS.md: no formula")
    return missing


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_stands_in_every_layer(name: str) -> None:
    missing = missing_layers(name, OPERATORS[name]["family"])
    assert not missing, f"{name} is a row of schema/ops.toml, but " + "; ".join(missing)


def test_a_layer_that_is_missing_is_named() -> None:
    """The check itself: an operator that does not exist is missed everywhere."""
    assert len(missing_layers("NO_SUCH_OPERATOR", "no_such_family")) == 7

"""The parser of tflite.fbs: what it reads, and that it refuses what it does not know."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCHEMA = """
file_identifier "TEST";
// Colours.
enum Colour : byte { RED = 0, BLUE = 4 }
table Leaf { weight: float = 2.5 (id: 0); }
union Any { Leaf = 1 }
table Root {
  colour: Colour = BLUE (id: 0);
  any: Any (id: 2);  // its tag lies in slot 1
  leaves: [Leaf] (id: 3);
  bytes: [ubyte] (id: 4, force_align: 16);
}
root_type Root;
"""


@pytest.fixture(scope="module")
def fbs(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fbs_under_test", repository / "schema" / "fbs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_reads_tables_enums_and_unions(fbs: ModuleType) -> None:
    schema = fbs.parse(SCHEMA)
    colour, any_, leaves, data = schema.tables["Root"].fields
    assert (colour.kind, schema.default_of(colour)) == ("enum", "4")
    assert (any_.kind, any_.tag_slot, any_.slot) == ("union", 1, 2)
    assert (leaves.kind, leaves.type) == ("tables", "Leaf")
    assert (data.kind, data.align) == ("scalars", 16)
    assert schema.default_of(schema.tables["Leaf"].fields[0]) == "2.5"
    assert schema.enums["Colour"].doc == "Colours."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(id: 3)", "(id: 4)", "slots"),
        ("(id: 3)", "", r"needs an \(id: n\)"),
        ("[Leaf]", "[Twig]", "Twig is unknown"),
        ("RED = 0, BLUE", "RED, BLUE", "expected '='"),
        ("force_align: 16", "nested: 16", "outside the subset"),
        ("union Any", "struct Any", "'struct' is outside the subset"),
        ("weight: float = 2.5 (id: 0);", "root: Root (id: 0);", "circle"),
        ("root_type Root", "root_type Tree", "Tree is no table"),
    ],
)
def test_refuses_what_it_does_not_know(fbs: ModuleType, old: str, new: str, message: str) -> None:
    assert old in SCHEMA
    with pytest.raises(fbs.SchemaError, match=message):
        fbs.parse(SCHEMA.replace(old, new, 1))

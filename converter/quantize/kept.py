"""Operators that the user wants in float32 or int16, by their names in the source model."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from ..errors import Blocker, UsageError
from ..ir.graph import Graph, Node

REASON = "--keep-float asks for it"
#: Names that an error lists.
MOST_NAMED = 8


def kept_outputs(graph: Graph, globs: Sequence[str], option: str = "--keep-float") -> dict[str, str]:
    """The first output of each operator that a glob of the option names, and the reason.

    A glob is compared with the operator's own name and with the names of its outputs in the source. A name that holds
    `[` or `*` itself is found as it stands. Raises UsageError for a glob that names nothing.
    """
    found: dict[str, str] = {}
    unknown = []
    for glob in globs:
        named = [node for node in graph.nodes if any(name == glob or fnmatchcase(name, glob) for name in _names(node))]
        found.update((node.outputs[0].name, f"{option} asks for it") for node in named if node.outputs)
        if not named:
            unknown.append(glob)
    if unknown:
        some = ", ".join(_names(node)[0] for node in graph.nodes[:MOST_NAMED])
        raise UsageError(
            "quantize",
            [Blocker(f"{option} {glob}", "names no operator", f"There are {some}, …") for glob in unknown],
        )
    return found


def _names(node: Node) -> list[str]:
    """Every name that the source may know an operator by, the one that the report uses first."""
    origins = [value.origin.name for value in node.outputs if value.origin is not None]
    return list(dict.fromkeys(name for name in (*origins, node.name, *(v.name for v in node.outputs)) if name))

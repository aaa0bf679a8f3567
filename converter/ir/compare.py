"""Structural equality of graphs: the same nodes over values with the same names, types and data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .graph import Graph, Node, Value


def equal(a: Graph, b: Graph) -> bool:
    """Whether two graphs say the same, down to every constant's bits."""
    return next(differences(a, b), None) is None


def differences(a: Graph, b: Graph) -> Iterator[str]:
    """What differs, in words. Graphs are equal when there is nothing."""
    for what in ("name", "input_names", "output_names", "metadata"):
        if getattr(a, what) != getattr(b, what):
            yield f"{what}: {getattr(a, what)!r} and {getattr(b, what)!r}"
    for what, left, right in (("inputs", a.inputs, b.inputs), ("outputs", a.outputs, b.outputs)):
        if [value.name for value in left] != [value.name for value in right]:
            yield f"{what}: {left} and {right}"
    if len(a.nodes) != len(b.nodes):
        yield f"{len(a.nodes)} and {len(b.nodes)} nodes"
    for i, (left_node, right_node) in enumerate(zip(a.nodes, b.nodes, strict=False)):
        if _node(left_node) != _node(right_node):
            yield f"node {i}: {_node(left_node)} and {_node(right_node)}"
    theirs = {value.name: value for value in b.values()}
    for value in a.values():
        if value.name not in theirs:
            yield f"value {value.name!r} is missing"
        elif _value(value) != _value(theirs[value.name]):
            yield f"value {value.name!r}: {_value(value)[:-1]} and {_value(theirs[value.name])[:-1]}, or its data"


def _node(node: Node) -> tuple[object, ...]:
    inputs = tuple(None if value is None else value.name for value in node.inputs)
    return node.op, inputs, tuple(value.name for value in node.outputs), node.options, node.name


def _value(value: Value) -> tuple[object, ...]:
    data = None if value.data is None else np.ascontiguousarray(value.data).tobytes()
    return value.shape, value.dtype, value.quantization, value.origin, value.is_variable, data

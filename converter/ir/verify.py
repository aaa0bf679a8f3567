"""Invariants of a graph. They hold before and after every pass, and before a file is written.

Order and names: every value has one name of its own and one writer; operands are written before they are read; nobody
writes constants and graph inputs. Operators: operand count, constness, element types and options fit the row of
ops.toml; output shapes equal those that the operator's rule computes. Quantization: see `quantization_rules`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from ..errors import Blocker, IRError
from ..gen.ops import OpSpec, OptionField
from .graph import Graph, Node, OptionValue, Value
from .quantization_rules import operator_quantization_problems, value_quantization_problems
from .rules import infer_shapes, spec_of
from .weighted import stored_constants

STAGE = "verify"


def verify(graph: Graph) -> None:
    """Raises IRError with every broken invariant."""
    blockers = list(problems(graph))
    if blockers:
        raise IRError(STAGE, blockers)


def problems(graph: Graph) -> Iterator[Blocker]:
    """Every broken invariant of a graph, in order of appearance."""
    yield from _graph_problems(graph)
    yield from _value_problems(graph)
    yield from _order_problems(graph)
    stored = stored_constants(graph)
    for index, node in enumerate(graph.nodes):
        where = describe(index, node)
        yield from (Blocker(where, text) for text in node_problems(node, stored))


def describe(index: int, node: Node) -> str:
    """How messages call a node: its place, operator, and the source model's name or its first output's."""
    name = node.name or (node.outputs[0].name if node.outputs else "")
    return f"operator {index} {node.op} {name!r}"


def _graph_problems(graph: Graph) -> Iterator[Blocker]:
    for what, names, values in (
        ("input", graph.input_names, graph.inputs),
        ("output", graph.output_names, graph.outputs),
    ):
        if names and len(names) != len(values):
            yield Blocker(f"graph {what}s", f"{len(names)} names for {len(values)} values")
        if len(set(names)) != len(names):
            yield Blocker(f"graph {what}s", f"names {names} are not unique")
    if len({id(value) for value in graph.inputs}) != len(graph.inputs):
        yield Blocker("graph inputs", "a value is listed twice")
    for value in graph.inputs:
        if value.is_constant or value.is_variable:
            yield Blocker(f"value {value.name!r}", "is a graph input, so it can be neither constant nor variable")


def _value_problems(graph: Graph) -> Iterator[Blocker]:
    seen: set[str] = set()
    for value in graph.values():
        where = f"value {value.name!r}"
        if not value.name or value.name in seen:
            yield Blocker(where, "its name is empty or taken by another value")
        seen.add(value.name)
        yield from (Blocker(where, text) for text in _own_problems(value))


def _own_problems(value: Value) -> Iterator[str]:
    if not all(isinstance(dim, int) and not isinstance(dim, bool) and 0 <= dim < 2**31 for dim in value.shape):
        yield f"shape {value.shape} must consist of Python integers in 0..2^31-1"
        return
    if value.data is not None:
        if value.is_variable:
            yield "a variable has no constant data"
        if value.data.shape != value.shape:
            yield f"data has shape {list(value.data.shape)}, the value {list(value.shape)}"
        if value.data.dtype != value.dtype.numpy:
            yield f"data is {value.data.dtype}, the value {value.dtype.value}"
        if value.data.size == 0:
            yield "a constant without elements cannot be told from a computed value in a file"
    yield from value_quantization_problems(value)


def _order_problems(graph: Graph) -> Iterator[Blocker]:
    written = {id(value) for value in graph.inputs}
    for index, node in enumerate(graph.nodes):
        where = describe(index, node)
        for value in node.inputs:
            if value is not None and not value.is_constant and not value.is_variable and id(value) not in written:
                yield Blocker(where, f"reads {value.name!r} before anything writes it")
        for value in node.outputs:
            if id(value) in written or value.is_constant:
                yield Blocker(where, f"writes {value.name!r}, which is a constant, a graph input, or written already")
            written.add(id(value))
    for value in graph.outputs:
        if id(value) not in written:
            yield Blocker(f"value {value.name!r}", "is a graph output, but nothing writes it")


def node_problems(node: Node, stored: Collection[Value] = ()) -> Iterator[str]:
    """What is wrong with one node, seen by itself. `stored` are computed values that serve as constants."""
    try:
        spec = spec_of(node.op)
    except ValueError as error:
        yield str(error)
        return
    found = [*operand_problems(spec, node, stored), *_option_problems(spec, node)]
    yield from found
    if found:
        return
    if not types_fit(spec, node):
        yield f"does not take element types {operand_types(node)}"
        return
    try:
        shapes = infer_shapes(node)
    except ValueError as error:
        yield str(error)
        return
    for value, shape in zip(node.outputs, shapes, strict=True):
        if value.shape != shape:
            yield f"output {value.name!r} has shape {list(value.shape)}, the operands give {list(shape)}"
    yield from operator_quantization_problems(spec, node)


def operand_problems(spec: OpSpec, node: Node, stored: Collection[Value]) -> Iterator[str]:
    """Operands that are missing, too many, or computed where a constant is needed."""
    yield from count_problems(spec, node)
    for i, value in enumerate(node.inputs[: len(spec.inputs)]):
        if value is not None and spec.inputs[i].constant and not value.is_constant and value not in stored:
            yield f"input {spec.inputs[i].name} ({value.name!r}) must be a constant"


def count_problems(spec: OpSpec, node: Node) -> Iterator[str]:
    """Operands that are missing or too many."""
    most = len(node.inputs) if spec.variadic else len(spec.inputs)
    if not spec.min_inputs <= len(node.inputs) <= most:
        yield f"has {len(node.inputs)} inputs, {spec.min_inputs} to {len(spec.inputs)} are allowed"
        return
    needed = len(spec.outputs)
    if len(node.outputs) < needed or (len(node.outputs) > needed and not spec.repeats_output):
        yield f"has {len(node.outputs)} outputs, it needs {needed}{' or more' if spec.repeats_output else ''}"
    for i, value in enumerate(node.inputs):
        if value is None and not spec.input(i).optional:
            yield f"input {spec.input(i).name} is left out"


def _option_problems(spec: OpSpec, node: Node) -> Iterator[str]:
    fields = {field.name: field for field in spec.option_fields}
    for name, value in node.options.items():
        if name not in fields:
            yield f"has no option {name}"
        elif not option_fits(fields[name], value):
            yield f"option {name} is {value!r}, it must be {_wanted(fields[name])}"


def option_fits(field: OptionField, value: OptionValue) -> bool:
    """Whether a value can be stored in an option's field."""
    if field.kind == "bool":
        return isinstance(value, bool)
    if field.kind == "enum":
        return isinstance(value, str) and value in field.members
    if field.kind == "ints":
        return isinstance(value, tuple) and all(isinstance(x, int) and -(2**31) <= x < 2**31 for x in value)
    if field.kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31


def _wanted(field: OptionField) -> str:
    wanted = {"bool": "true or false", "ints": "a tuple of integers", "float": "a finite number", "int": "an integer"}
    return wanted.get(field.kind, "one of " + ", ".join(field.members))


def operand_types(node: Node) -> str:
    """Element types of a node's operands, for messages."""
    left = [value.dtype.value if value is not None else "-" for value in node.inputs]
    return f"{' '.join(left)} -> {' '.join(value.dtype.value for value in node.outputs)}"


def types_fit(spec: OpSpec, node: Node) -> bool:
    """Whether the operator takes these element types. An operand that is left out fits any."""
    for row in spec.types:
        inputs = [row.inputs[min(i, len(row.inputs) - 1)] for i in range(len(node.inputs))]
        outputs = [row.outputs[min(i, len(row.outputs) - 1)] for i in range(len(node.outputs))]
        columns = zip((*node.inputs, *node.outputs), (*inputs, *outputs), strict=True)
        if all(value is None or value.dtype.value == column for value, column in columns):
            return True
    return False

"""Operators of a file as nodes: names, options, operands."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Blocker, InvalidModelError
from ...gen import tflite
from ...gen.ops import OPS, OpSpec, OptionField
from ...ir.graph import Node, OptionValue
from ...ir.verify import count_problems
from .errors import STAGE
from .tensors import Tensors

_NAMES = {int(member): member.name for member in tflite.BuiltinOperator}
_CONTROL_FLOW = ("IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_CASE", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE")


def code_of(model: tflite.Model, operator: tflite.Operator) -> tflite.OperatorCode:
    """The operator-code entry of an operator. Raises InvalidModelError when there is none."""
    if operator.opcode_index >= len(model.operator_codes):
        found = f"operator code {operator.opcode_index} of {len(model.operator_codes)}"
        raise InvalidModelError.at(STAGE, "operators", f"an operator names {found}")
    return model.operator_codes[operator.opcode_index]


def builtin_name(code: tflite.OperatorCode) -> str:
    """The operator's name. New files say it in builtin_code, old ones in deprecated_builtin_code; the larger counts."""
    number = max(code.deprecated_builtin_code, code.builtin_code)
    return _NAMES.get(number, f"operator {number}")


def unknown_operators(model: tflite.Model, subgraph: tflite.SubGraph) -> Iterator[Blocker]:
    """Every operator that we lack, or lack in its version."""
    for index, operator in enumerate(subgraph.operators):
        code = code_of(model, operator)
        name = builtin_name(code)
        where = f"operator {index} {name} {_output_name(operator, subgraph)!r}"
        if name == "CUSTOM":
            yield Blocker(where, f"is the custom operator {code.custom_code!r}", "Use builtin operators instead of it")
        elif name in _CONTROL_FLOW:
            yield Blocker(where, "is control flow", "Export the model with loops unrolled and branches chosen")
        elif name not in OPS:
            yield Blocker(where, "is not supported", "docs/ops.md lists the operators that are")
        elif code.version > OPS[name].max_version:
            found = f"has version {code.version}, versions up to {OPS[name].max_version} are understood"
            yield Blocker(where, found, "Export it with an older converter, or without the newer feature")


def _output_name(operator: tflite.Operator, subgraph: tflite.SubGraph) -> str:
    index = -1 if operator.outputs is None or not operator.outputs.size else int(operator.outputs[0])
    if not 0 <= index < len(subgraph.tensors):
        return ""
    return subgraph.tensors[index].name or f"tensor_{index}"


def node_of(model: tflite.Model, index: int, operator: tflite.Operator, tensors: Tensors) -> Node:
    """One operator. Raises InvalidModelError for indices out of range and options of another operator."""
    name = builtin_name(code_of(model, operator))
    what = f"operator {index} {name}"
    inputs = [] if operator.inputs is None else [tensors.optional(int(i), what) for i in operator.inputs]
    outputs = [] if operator.outputs is None else [tensors.required(int(i), what) for i in operator.outputs]
    while inputs and inputs[-1] is None:
        inputs.pop()
    title = outputs[0].origin.name if outputs and outputs[0].origin is not None else ""
    spec = OPS[name]
    node = Node(name, inputs, outputs, _options(spec, operator.builtin_options, what), title)
    if found := list(count_problems(spec, node)):
        raise InvalidModelError(STAGE, [Blocker(what, text) for text in found])
    return node


def _options(spec: OpSpec, stored: tflite.BuiltinOptions | None, what: str) -> dict[str, OptionValue]:
    """Every option of the operator's table; a table that is absent has the defaults."""
    if stored is not None and type(stored).__name__ != spec.options:
        found = type(stored).__name__
        if isinstance(stored, tflite.Opaque):
            found = tflite.BUILTIN_OPTIONS_NAMES.get(stored.tag, f"options {stored.tag}")
        raise InvalidModelError.at(STAGE, what, f"carries {found}, it needs {spec.options or 'no options'}")
    return {
        field.name: field.default if stored is None else _option(field, getattr(stored, field.name), what)
        for field in spec.option_fields
    }


def _option(field: OptionField, stored: object, what: str) -> OptionValue:
    if field.kind == "enum":
        assert isinstance(stored, int)
        if not 0 <= stored < len(field.members):
            raise InvalidModelError.at(STAGE, what, f"option {field.name} has the unknown value {stored}")
        return field.members[stored]
    if field.kind == "ints":
        return () if stored is None else tuple(int(x) for x in stored)  # type: ignore[attr-defined]
    assert isinstance(stored, (int, float, bool))
    return stored

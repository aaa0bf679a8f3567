"""Reads ops.toml and joins it with the schema: codes, union tags, defaults. Every contradiction is a SchemaError."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fbs import Field, Schema, SchemaError
from opspec import OperandSpec, OpSpec, TypeRow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

QUANTIZE_KINDS = ("weights", "free", "same", "fixed", "table", "keep", "none")
#: Element types by their name in ops.toml and in the IR; the format writes them in capitals.
TYPE_NAMES = ("float32", "float16", "int32", "uint8", "int64", "bool", "int16", "int8", "int4")
MAX_TYPED_INPUTS = 4
_REQUIRED = {"doc", "family", "options", "inputs", "outputs", "types", "quantize", "versions", "max_version", "litert",
             "tflm"}
_OPTIONAL = {"fixed", "channel_axis", "activation", "in_place", "alias", "shrink", "broadcast", "unsigned"}


def _operand(text: str) -> OperandSpec:
    name = text.rstrip("?!*")
    marks = text[len(name):]
    return OperandSpec(name, "?" in marks, "!" in marks, "*" in marks)


def _types(where: str, text: str, inputs: tuple[OperandSpec, ...], outputs: tuple[OperandSpec, ...]) -> TypeRow:
    left, arrow, right = text.partition("->")
    row = TypeRow(tuple(left.split()), tuple(right.split()))
    if not arrow or len(row.inputs) != len(inputs) or len(row.outputs) != len(outputs):
        raise SchemaError(f"{where}: types {text!r} do not fit {len(inputs)} inputs and {len(outputs)} outputs")
    if unknown := set(row.inputs + row.outputs) - set(TYPE_NAMES):
        raise SchemaError(f"{where}: unknown element types {sorted(unknown)}")
    if len(row.inputs) > MAX_TYPED_INPUTS or len(row.outputs) > 2:
        raise SchemaError(f"{where}: a type row holds at most {MAX_TYPED_INPUTS} inputs and 2 outputs")
    return row


def _unsigned(row: TypeRow) -> TypeRow:
    """The row with uint8 in the place of int8."""
    names = {"int8": "uint8"}
    return TypeRow(tuple(names.get(t, t) for t in row.inputs), tuple(names.get(t, t) for t in row.outputs))


def _op(name: str, row: dict[str, Any], schema: Schema) -> OpSpec:
    where = f"ops.toml [{name}]"
    if missing := _REQUIRED - set(row):
        raise SchemaError(f"{where}: lacks {sorted(missing)}")
    if unknown := set(row) - _REQUIRED - _OPTIONAL:
        raise SchemaError(f"{where}: unknown keys {sorted(unknown)}")
    codes = dict(schema.enums["BuiltinOperator"].members)
    tags = dict(schema.unions["BuiltinOptions"].members)
    if name not in codes:
        raise SchemaError(f"{where}: BuiltinOperator has no such member")
    if row["options"] and row["options"] not in tags:
        raise SchemaError(f"{where}: BuiltinOptions has no member {row['options']}")
    if row["quantize"] not in QUANTIZE_KINDS:
        raise SchemaError(f"{where}: quantize must be one of {QUANTIZE_KINDS}")
    inputs = tuple(_operand(text) for text in row["inputs"])
    outputs = tuple(_operand(text) for text in row["outputs"])
    if any(operand.variadic for operand in inputs[:-1]):
        raise SchemaError(f"{where}: only the last input may repeat")
    if any(operand.variadic for operand in outputs[:-1]):
        raise SchemaError(f"{where}: only the last output may repeat")
    if row.get("activation") and "fused_activation_function" not in {f.name for f in fields_of(schema, row["options"])}:
        raise SchemaError(f"{where}: {row['options']} carries no fused_activation_function")
    if row.get("shrink") and (len(inputs) != 1 or inputs[0].variadic):
        raise SchemaError(f"{where}: an operator that shrinks has one input")
    fixed = row.get("fixed")
    types = tuple(_types(where, text, inputs, outputs) for text in row["types"])
    if row.get("unsigned"):
        if inputs[-1].variadic:
            raise SchemaError(f"{where}: unsigned operators have a fixed number of inputs")
        others = {"int4", "int16", "float32"}
        types += tuple(_unsigned(row) for row in types if "int8" in row.inputs and not others & set(row.inputs))
    return OpSpec(
        name=name, code=codes[name], family=row["family"], options=row["options"],
        options_tag=tags[row["options"]] if row["options"] else 0, inputs=inputs, outputs=outputs,
        types=types, quantize=row["quantize"],
        fixed=(fixed[0], fixed[1]) if fixed else None, channel_axis=row.get("channel_axis"),
        activation=bool(row.get("activation")), in_place=tuple(row.get("in_place", ())), alias=bool(row.get("alias")),
        shrink=bool(row.get("shrink")), broadcast=bool(row.get("broadcast")), unsigned=bool(row.get("unsigned")),
        versions=tuple(row["versions"].items()), max_version=row["max_version"],
        litert=row["litert"], tflm=row["tflm"], doc=row["doc"],
    )


def fields_of(schema: Schema, options: str) -> tuple[Field, ...]:
    """Fields of an options table; none for operators without one."""
    return schema.tables[options].fields if options else ()


def known_options(schema: Schema, ops: list[OpSpec]) -> set[str]:
    """Options tables whose fields are described: those that an operator of the list uses, and those with fields."""
    used = {op.options for op in ops if op.options}
    members = {name for union in ("BuiltinOptions", "BuiltinOptions2") for name, _ in schema.unions[union].members}
    return used | {name for name in members if schema.tables[name].fields}


def load(path: Path, schema: Schema) -> list[OpSpec]:
    """The operators in the order of the list."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))
    return [_op(name, row, schema) for name, row in rows.items()]

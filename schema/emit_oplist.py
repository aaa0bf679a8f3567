"""Python: the list of operators (converter/gen/ops.py), and their names for the runtime (liteinterp/gen/ops.py)."""

from __future__ import annotations

from pathlib import Path

from emit_python import module, snake, wrapped
from fbs import Field, Schema
from oplist import fields_of
from opspec import OperandSpec, OpSpec

_OPSPEC = Path(__file__).with_name("opspec.py")



def _operand_text(operand: OperandSpec) -> str:
    flags = [flag for flag in ("optional", "constant", "variadic") if getattr(operand, flag)]
    return "OperandSpec(" + ", ".join([f'"{operand.name}"', *(f"{flag}=True" for flag in flags)]) + ")"


def _strings(items: tuple[str, ...]) -> str:
    return _tuple([f'"{item}"' for item in items])


def _tuple(items: list[str]) -> str:
    return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"


def _op_lines(op: OpSpec) -> list[str]:
    lines = [f'    "{op.name}": OpSpec(', f'        name="{op.name}", code={op.code}, family="{op.family}",',
             f'        options="{op.options}", options_tag={op.options_tag},',
             f"        inputs={_tuple([_operand_text(o) for o in op.inputs])},",
             f"        outputs={_tuple([_operand_text(o) for o in op.outputs])},", "        types=("]
    lines += [f"            TypeRow({_strings(row.inputs)}, {_strings(row.outputs)})," for row in op.types]
    versions = _tuple([f'("{name}", {version})' for name, version in op.versions])
    return [*lines, "        ),",
            f'        quantize="{op.quantize}", fixed={op.fixed}, channel_axis={op.channel_axis},',
            f"        activation={op.activation}, in_place={op.in_place}, alias={op.alias}, shrink={op.shrink},",
            f"        broadcast={op.broadcast}, unsigned={op.unsigned},",
            f"        versions={versions}, max_version={op.max_version},",
            f'        litert="{op.litert}", tflm="{op.tflm}",', f'        doc="{op.doc}",',
            *([f'        option_fields=OPTION_FIELDS["{op.options}"],'] if op.options else []), "    ),"]


def _option_field(schema: Schema, field: Field) -> str:
    if field.kind == "enum":
        default = {value: name for name, value in schema.enums[field.type].members}[int(schema.default_of(field))]
        return f'        OptionField("{field.name}", "enum", "{default}", {_enum_constant(field.type)}),'
    if field.kind == "scalars":
        return f'        OptionField("{field.name}", "ints", ()),'
    kind = {"bool": "bool", "float": "float"}.get(field.type, "int")
    return f'        OptionField("{field.name}", "{kind}", {schema.default_of(field)}),'


def _enum_constant(name: str) -> str:
    return f"_{snake(name).upper()}"


def _options_lines(schema: Schema, ops: list[OpSpec]) -> list[str]:
    tables = sorted({op.options for op in ops if op.options})
    enums = sorted({f.type for name in tables for f in fields_of(schema, name) if f.kind == "enum"})
    lines: list[str] = []
    for name in enums:
        members = sorted(schema.enums[name].members, key=lambda m: m[1])
        if [value for _, value in members] != list(range(len(members))):
            raise ValueError(f"enum {name}: an option's members must count from 0 without a gap")
        lines += wrapped(f"{_enum_constant(name)} = (", [f'"{member}"' for member, _ in members], ")")
    lines += ["", "#: Fields of each options table in slot order.",
              "OPTION_FIELDS: Mapping[str, tuple[OptionField, ...]] = {"]
    for name in tables:
        fields = sorted((f for f in fields_of(schema, name) if not f.deprecated), key=lambda f: f.slot)
        if not fields:
            lines.append(f'    "{name}": (),')
            continue
        lines += [f'    "{name}": (', *(_option_field(schema, field) for field in fields), "    ),"]
    return [*lines, "}"]


def converter_ops_module(schema: Schema, ops: list[OpSpec]) -> str:
    imports = ["from collections.abc import Mapping", "from dataclasses import dataclass"]
    _, _, classes = _OPSPEC.read_text(encoding="utf-8").partition("from dataclasses import dataclass\n")
    body = [classes.rstrip(), "", "", *_options_lines(schema, ops), "",
            "#: Every operator, in the order of ops.toml.", "OPS: Mapping[str, OpSpec] = {"]
    for op in ops:
        body += _op_lines(op)
    return module("The list of operators, and the fields of their options.", imports, [*body, "}"])


def runtime_ops_module(schema: Schema, ops: list[OpSpec]) -> str:
    builtin = [f'{value}: "{name}"' for name, value in schema.enums["BuiltinOperator"].members]
    body = ["", "#: Every operator that the format knows, by its code.",
            *wrapped("BUILTIN_NAMES: Mapping[int, str] = {", builtin, "}"), "",
            "#: The operators that this runtime runs, in the order of schema/ops.toml.",
            *wrapped("SUPPORTED: tuple[str, ...] = (", [f'"{op.name}"' for op in ops], ")"), "",
            "#: Newest version of each that it understands.",
            *wrapped("MAX_VERSIONS: Mapping[str, int] = {", [f'"{op.name}": {op.max_version}' for op in ops], "}"), "",
            "#: First LiteRT release that runs each.",
            *wrapped("LITERT_SINCE: Mapping[str, str] = {", [f'"{op.name}": "{op.litert}"' for op in ops], "}"), "",
            "#: Those that TFLite Micro has.",
            *wrapped("IN_TFLM: tuple[str, ...] = (", [f'"{op.name}"' for op in ops if op.tflm == "yes"], ")"), "",
            "#: What each does, in a line.", "DOCS: Mapping[str, str] = {",
            *(f'    "{op.name}": "{op.doc}",' for op in ops), "}"]
    return module("Names of operators.", ["from collections.abc import Mapping"], body)

"""Python: the list of operators (converter/gen/ops.py), and their names for the runtime (liteinterp/gen/ops.py)."""

from __future__ import annotations

from emit_python import module, snake, wrapped
from fbs import Field, Schema
from oplist import Op, Operand, fields_of

_OPS_HEAD = '''

@dataclass(frozen=True)
class OperandSpec:
    """An input or output. `optional`: may be None; `constant`: must hold data; `variadic`: the last one, may repeat."""

    name: str
    optional: bool = False
    constant: bool = False
    variadic: bool = False


@dataclass(frozen=True)
class TypeRow:
    """Element types that go together, by DType value. A repeated last input has the type of its column."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class OptionField:
    """A field of an options table. `kind` is int, float, bool, enum (by member name) or ints (a tuple)."""

    name: str
    kind: str
    default: OptionValue
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpSpec:
    """One operator of schema/ops.toml, where the fields are explained."""

    name: str
    code: int
    family: str
    options: str
    options_tag: int
    inputs: tuple[OperandSpec, ...]
    outputs: tuple[OperandSpec, ...]
    types: tuple[TypeRow, ...]
    quantize: str
    fixed: tuple[int, int] | None
    channel_axis: int | None
    activation: bool
    in_place: tuple[int, ...]
    alias: bool
    broadcast: bool
    versions: tuple[tuple[str, int], ...]
    max_version: int
    litert: str
    tflm: str
    doc: str

    @property
    def variadic(self) -> bool:
        """The last input may repeat."""
        return bool(self.inputs) and self.inputs[-1].variadic

    @property
    def min_inputs(self) -> int:
        """How many inputs there must be at least."""
        return max((i + 1 for i, operand in enumerate(self.inputs) if not operand.optional), default=0)

    def input(self, i: int) -> OperandSpec:
        """The description of input i, where the last one repeats if it is variadic. Raises IndexError."""
        return self.inputs[-1] if self.variadic and i >= len(self.inputs) else self.inputs[i]

    @property
    def option_fields(self) -> tuple[OptionField, ...]:
        """Fields of the options table; empty where there is none."""
        return OPTION_FIELDS.get(self.options, ())

    def version(self, dtype: str) -> int:
        """The lowest operator version that says all we write, by the element type of input 0."""
        versions = dict(self.versions)
        return versions[dtype] if dtype in versions else versions["*"]

'''


def _operand_text(operand: Operand) -> str:
    flags = [flag for flag in ("optional", "constant", "variadic") if getattr(operand, flag)]
    return "OperandSpec(" + ", ".join([f'"{operand.name}"', *(f"{flag}=True" for flag in flags)]) + ")"


def _strings(items: tuple[str, ...]) -> str:
    return _tuple([f'"{item}"' for item in items])


def _tuple(items: list[str]) -> str:
    return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"


def _op_lines(op: Op) -> list[str]:
    lines = [f'    "{op.name}": OpSpec(', f'        name="{op.name}", code={op.code}, family="{op.family}",',
             f'        options="{op.options}", options_tag={op.options_tag},',
             f"        inputs={_tuple([_operand_text(o) for o in op.inputs])},",
             f"        outputs={_tuple([_operand_text(o) for o in op.outputs])},", "        types=("]
    lines += [f"            TypeRow({_strings(row.inputs)}, {_strings(row.outputs)})," for row in op.types]
    versions = _tuple([f'("{name}", {version})' for name, version in op.versions])
    return [*lines, "        ),",
            f'        quantize="{op.quantize}", fixed={op.fixed}, channel_axis={op.channel_axis},',
            f"        activation={op.activation}, in_place={op.in_place}, alias={op.alias}, broadcast={op.broadcast},",
            f"        versions={versions}, max_version={op.max_version},",
            f'        litert="{op.litert}", tflm="{op.tflm}",', f'        doc="{op.doc}",', "    ),"]


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


def _options_lines(schema: Schema, ops: list[Op]) -> list[str]:
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


def converter_ops_module(schema: Schema, ops: list[Op]) -> str:
    imports = ["from collections.abc import Mapping", "from dataclasses import dataclass", "",
               "OptionValue = int | float | bool | str | tuple[int, ...]"]
    body = [_OPS_HEAD.rstrip(), "", "", *_options_lines(schema, ops), "",
            "#: Every operator, in the order of ops.toml.", "OPS: Mapping[str, OpSpec] = {"]
    for op in ops:
        body += _op_lines(op)
    return module("The list of operators, and the fields of their options.", imports, [*body, "}"])


def runtime_ops_module(schema: Schema, ops: list[Op]) -> str:
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

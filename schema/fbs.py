"""Parser of the subset of the FlatBuffers schema language that tflite.fbs uses.

Raises SchemaError with a line number on anything else, so that a construct never passes unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

#: Bytes of the language's scalar types.
SCALAR_BYTES = {
    "bool": 1, "byte": 1, "ubyte": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "long": 8, "ulong": 8,
    "double": 8,
}

Kind = Literal["scalar", "enum", "string", "table", "union", "scalars", "enums", "tables"]


class SchemaError(Exception):
    """The schema text is outside the subset, or contradicts itself."""


@dataclass(frozen=True)
class Enum:
    name: str
    scalar: str
    members: tuple[tuple[str, int], ...]
    doc: str

    def value(self, member: str) -> int:
        return dict(self.members)[member]


@dataclass(frozen=True)
class Union:
    """Members are table names with their tags; tag 0 means none."""

    name: str
    members: tuple[tuple[str, int], ...]
    doc: str


@dataclass(frozen=True)
class Field:
    """One slot of a table. `type` is the element type of a vector; a union's tag is the slot before."""

    name: str
    slot: int
    kind: Kind
    type: str
    default: str
    align: int
    deprecated: bool

    @property
    def tag_slot(self) -> int:
        return self.slot - 1


@dataclass(frozen=True)
class Table:
    name: str
    fields: tuple[Field, ...]
    doc: str


@dataclass(frozen=True)
class Schema:
    enums: dict[str, Enum]
    unions: dict[str, Union]
    tables: dict[str, Table]
    root: str
    identifier: str

    def scalar_of(self, type_name: str) -> str:
        """The scalar that stores a scalar or enum type."""
        return self.enums[type_name].scalar if type_name in self.enums else type_name

    def default_of(self, field: Field) -> str:
        """The default of a scalar or enum field as a Python literal."""
        if field.kind == "enum":
            members = dict(self.enums[field.type].members)
            return str(members[field.default]) if field.default in members else field.default or "0"
        if field.type == "bool":
            return {"true": "True", "false": "False", "": "False"}[field.default]
        if field.type in ("float", "double"):
            return repr(float(field.default or "0"))
        return field.default or "0"


@dataclass(frozen=True)
class _Token:
    text: str
    line: int
    comment: str


_TOKEN = re.compile(r'\s*(?://[^\n]*|("[^"]*"|[A-Za-z_][A-Za-z0-9_]*|-?[0-9][0-9.]*|[{}()\[\]:;,=]))')


def _tokens(text: str) -> Iterator[_Token]:
    """Tokens, each with the comment lines directly above it."""
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("//"):
            comment.append(stripped[2:].strip())
            continue
        if not stripped:
            comment = []
            continue
        at = 0
        while at < len(line.rstrip()):
            match = _TOKEN.match(line, at)
            if match is None:
                raise SchemaError(f"line {number}: cannot read {line[at:].strip()!r}")
            if match.group(1):
                yield _Token(match.group(1), number, " ".join(comment))
                comment = []
            at = match.end()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0

    @property
    def done(self) -> bool:
        return self.at == len(self.tokens)

    def next(self) -> _Token:
        if self.done:
            raise SchemaError("the schema ends in the middle of a declaration")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, text: str) -> None:
        token = self.next()
        if token.text != text:
            raise SchemaError(f"line {token.line}: expected {text!r}, found {token.text!r}")

    def accept(self, text: str) -> bool:
        if not self.done and self.tokens[self.at].text == text:
            self.at += 1
            return True
        return False

    def name(self) -> str:
        token = self.next()
        if not token.text[0].isalpha() and token.text[0] != "_":
            raise SchemaError(f"line {token.line}: expected a name, found {token.text!r}")
        return token.text

    def number(self) -> int:
        token = self.next()
        try:
            return int(token.text)
        except ValueError:
            raise SchemaError(f"line {token.line}: expected a whole number, found {token.text!r}") from None

    def numbered_members(self) -> tuple[tuple[str, int], ...]:
        """`{ NAME = number, ... }`: every number is written out."""
        self.expect("{")
        members: list[tuple[str, int]] = []
        while not self.accept("}"):
            name = self.name()
            self.expect("=")
            members.append((name, self.number()))
            if not self.accept(","):
                self.expect("}")
                break
        if len(dict(members)) != len(members):
            raise SchemaError(f"a member occurs twice among {members}")
        return tuple(members)


@dataclass(frozen=True)
class _RawField:
    name: str
    type: str
    vector: bool
    default: str
    attributes: dict[str, int]
    line: int


def _fields(parser: _Parser) -> list[_RawField]:
    parser.expect("{")
    fields: list[_RawField] = []
    while not parser.accept("}"):
        token = parser.next()
        parser.expect(":")
        vector = parser.accept("[")
        type_name = parser.name()
        if vector:
            parser.expect("]")
        default = parser.next().text if parser.accept("=") else ""
        attributes: dict[str, int] = {}
        if parser.accept("("):
            while True:
                attribute = parser.name()
                attributes[attribute] = parser.number() if parser.accept(":") else 1
                if not parser.accept(","):
                    break
            parser.expect(")")
        parser.expect(";")
        fields.append(_RawField(token.text, type_name, vector, default, attributes, token.line))
    return fields


def _resolve(raw: _RawField, enums: dict[str, Enum], unions: dict[str, Union], tables: set[str]) -> Field:
    where = f"line {raw.line}: field {raw.name}"
    if unknown := set(raw.attributes) - {"id", "force_align", "deprecated"}:
        raise SchemaError(f"{where}: attributes {sorted(unknown)} are outside the subset")
    if "id" not in raw.attributes:
        raise SchemaError(f"{where}: needs an (id: n)")
    kind: Kind
    size = 4
    if raw.type in SCALAR_BYTES:
        kind, size = ("scalars" if raw.vector else "scalar"), SCALAR_BYTES[raw.type]
    elif raw.type in enums:
        kind, size = ("enums" if raw.vector else "enum"), SCALAR_BYTES[enums[raw.type].scalar]
    elif raw.type in tables:
        kind = "tables" if raw.vector else "table"
    elif raw.type == "string" and not raw.vector:
        kind = "string"
    elif raw.type in unions and not raw.vector:
        kind = "union"
    else:
        raise SchemaError(f"{where}: type {raw.type} is unknown, or not allowed in a vector")
    align = max(size, raw.attributes.get("force_align", 1))
    return Field(raw.name, raw.attributes["id"], kind, raw.type, raw.default, align, "deprecated" in raw.attributes)


def _check(schema: Schema) -> None:
    for table in schema.tables.values():
        slots = [f.slot for f in table.fields] + [f.tag_slot for f in table.fields if f.kind == "union"]
        if sorted(slots) != list(range(len(slots))):
            raise SchemaError(f"table {table.name}: slots {sorted(slots)} are not 0..{len(slots) - 1}, each once")
    for union in schema.unions.values():
        if missing := [name for name, _ in union.members if name not in schema.tables]:
            raise SchemaError(f"union {union.name}: no table {missing}")
    if schema.root not in schema.tables:
        raise SchemaError(f"root_type {schema.root} is no table")
    depth_order(schema)


def children(schema: Schema, table: Table) -> list[str]:
    """Names of the tables that a table refers to directly."""
    names: list[str] = []
    for field in table.fields:
        if field.kind in ("table", "tables"):
            names.append(field.type)
        elif field.kind == "union":
            names += [name for name, _ in schema.unions[field.type].members]
    return names


def depth_order(schema: Schema) -> list[Table]:
    """Tables, each behind those that it refers to. Readers nest as deep as references do: a circle is an error."""
    order: list[Table] = []
    placed: set[str] = set()
    waiting = list(schema.tables.values())
    while waiting:
        ready = [table for table in waiting if placed.issuperset(children(schema, table))]
        if not ready:
            raise SchemaError(f"tables refer to each other in a circle: {[table.name for table in waiting]}")
        order += ready
        placed |= {table.name for table in ready}
        waiting = [table for table in waiting if table.name not in placed]
    return order


def parse(text: str) -> Schema:
    """The schema that a text declares."""
    parser = _Parser(text)
    enums: dict[str, Enum] = {}
    unions: dict[str, Union] = {}
    raw_tables: dict[str, tuple[list[_RawField], str]] = {}
    root = identifier = ""
    while not parser.done:
        token = parser.next()
        if token.text == "enum":
            name = parser.name()
            parser.expect(":")
            scalar = parser.name()
            enums[name] = Enum(name, scalar, parser.numbered_members(), token.comment)
        elif token.text == "union":
            name = parser.name()
            unions[name] = Union(name, parser.numbered_members(), token.comment)
        elif token.text == "table":
            name = parser.name()
            raw_tables[name] = (_fields(parser), token.comment)
        elif token.text in ("namespace", "file_extension", "file_identifier", "root_type"):
            value = parser.next().text.strip('"')
            root = value if token.text == "root_type" else root
            identifier = value if token.text == "file_identifier" else identifier
            parser.expect(";")
        else:
            raise SchemaError(f"line {token.line}: {token.text!r} is outside the subset")
    tables = {
        name: Table(name, tuple(_resolve(field, enums, unions, set(raw_tables)) for field in fields), doc)
        for name, (fields, doc) in raw_tables.items()
    }
    schema = Schema(enums, unions, tables, root, identifier)
    _check(schema)
    return schema

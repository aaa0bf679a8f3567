"""Reads the text form of a graph that `text.to_text` writes."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib

import numpy as np

from .graph import Graph, Node, OptionValue, Value
from .types import DType, Origin, Quantization

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?(?:inf|nan)\b|-?[0-9][0-9a-z.+-]*|[A-Za-z_][A-Za-z0-9_]*|[\[\](){}:,=-])')
_NUMBER = re.compile(r"-?(?:[0-9].*|inf|nan)\Z")


class _Line:
    """The tokens of one line, read from left to right."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.tokens: list[str] = []
        self.at = at = 0
        end = len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"line {number}: cannot read {text[at:].strip()!r}")
            self.tokens.append(match.group(1))
            at = match.end()

    def fail(self, wanted: str) -> ValueError:
        found = repr(self.tokens[self.at]) if self.at < len(self.tokens) else "the end"
        return ValueError(f"line {self.number}: expected {wanted}, found {found}")

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def accept(self, text: str) -> bool:
        if self.peek() != text:
            return False
        self.at += 1
        return True

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fail(repr(text))

    def take(self, what: str) -> str:
        if not self.peek():
            raise self.fail(what)
        self.at += 1
        return self.tokens[self.at - 1]

    def name(self) -> str:
        if not self.peek().startswith('"'):
            raise self.fail("a quoted name")
        return str(json.loads(self.take("a name")))

    def number_of(self, kind: type[int] | type[float]) -> float:
        text = self.take("a number")
        try:
            return kind(text)
        except ValueError:
            self.at -= 1
            raise self.fail("a number") from None

    def integer(self) -> int:
        return int(self.number_of(int))

    def list_of(self, kind: type[int] | type[float], opening: str = "[", closing: str = "]") -> list[float]:
        self.expect(opening)
        items: list[float] = []
        while not self.accept(closing):
            items.append(self.number_of(kind))
            if not self.accept(","):
                self.expect(closing)
                break
        return items

    def integers(self, opening: str = "[", closing: str = "]") -> tuple[int, ...]:
        return tuple(int(x) for x in self.list_of(int, opening, closing))


class _Parser:
    def __init__(self) -> None:
        self.graph = Graph([], [], [])
        self.values: dict[str, Value] = {}
        self.waiting: dict[str, Value] = {}

    def declare(self, line: _Line) -> Value:
        """`"name": type[shape] q(...) from "source"(permutation)`."""
        name = line.name()
        line.expect(":")
        dtype = DType(line.take("an element type"))
        value = Value(name, line.integers(), dtype)
        if line.accept("q"):
            value.quantization = _quantization(line)
        if line.accept("from"):
            source = line.name()
            permutation = line.integers("(", ")") if line.peek() == "(" else None
            value.origin = Origin(source, permutation, line.integers("(", ")") if line.accept("gains") else None)
        if name in self.values:
            raise ValueError(f"line {line.number}: {name!r} is declared twice")
        self.values[name] = value
        return value

    def known(self, line: _Line) -> Value:
        name = line.name()
        if name not in self.values:
            raise ValueError(f"line {line.number}: {name!r} is not declared yet")
        return self.values[name]

    def constant(self, line: _Line) -> None:
        value = self.declare(line)
        if line.accept("="):
            numbers = line.list_of(float if value.dtype.is_float else int)
            value.data = np.array(numbers, dtype=value.dtype.numpy).reshape(value.shape)
            return
        self.waiting[value.name] = value
        line.expect("min")
        line.number_of(float)
        line.expect("max")
        line.number_of(float)

    def node(self, line: _Line) -> None:
        outputs = [self.declare(line)]
        while line.accept(","):
            outputs.append(self.declare(line))
        line.expect("=")
        op = line.take("an operator")
        line.expect("(")
        inputs: list[Value | None] = []
        while not line.accept(")"):
            inputs.append(None if line.accept("-") else self.known(line))
            if not line.accept(","):
                line.expect(")")
                break
        options: dict[str, OptionValue] = {}
        if line.accept("{"):
            while not line.accept("}"):
                option = line.take("an option")
                line.expect(":")
                options[option] = _option(line)
                if not line.accept(","):
                    line.expect("}")
                    break
        self.graph.nodes.append(Node(op, inputs, outputs, options, line.name() if line.accept("at") else ""))

    def fill(self, number: int, name: str, packed: str) -> None:
        value = self.waiting.pop(name, None)
        if value is None:
            raise ValueError(f"line {number}: no constant {name!r} waits for data")
        value.data = np.frombuffer(_unpacked(number, packed), value.dtype.numpy).reshape(value.shape).copy()

    def line(self, number: int, text: str) -> None:
        keyword = text.split(" ", 1)[0]
        if keyword in ("data", "metadata"):
            name, end = json.JSONDecoder().raw_decode(text, len(keyword) + 1)
            if keyword == "data":
                self.fill(number, name, text[end:].strip())
            else:
                self.graph.metadata[name] = _unpacked(number, text[end:].strip())
            return
        line = _Line(number, text)
        if line.accept("graph"):
            self.graph.name = line.name()
        elif line.accept("input"):
            self.graph.inputs.append(self.declare(line))
            if line.accept("as"):
                self.graph.input_names.append(line.name())
        elif line.accept("output"):
            self.graph.outputs.append(self.known(line))
            if line.accept("as"):
                self.graph.output_names.append(line.name())
        elif line.accept("constant"):
            self.constant(line)
        elif line.accept("variable"):
            self.declare(line).is_variable = True
        elif line.accept("unwritten"):
            self.declare(line)
        else:
            self.node(line)
        if line.peek():
            raise line.fail("the end of the line")


def _quantization(line: _Line) -> Quantization:
    line.expect("(")
    first = line.number_of(float)
    line.expect(",")
    if line.peek() == "[":
        scales = tuple(line.list_of(float))
        line.expect(",")
        quantization = Quantization(scales, line.integers(), int(first))
    else:
        quantization = Quantization((first,), (line.integer(),))
    line.expect(")")
    return quantization


def _option(line: _Line) -> OptionValue:
    text = line.peek()
    if text == "[":
        return line.integers()
    if text in ("true", "false"):
        return line.take("a truth value") == "true"
    if _NUMBER.match(text):
        return line.number_of(int if re.fullmatch(r"-?[0-9]+", text) else float)
    return line.take("an option's value")


def _unpacked(number: int, packed: str) -> bytes:
    try:
        return zlib.decompress(base64.b64decode(packed, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"line {number}: damaged data ({error})") from None


def from_text(text: str) -> Graph:
    """The graph that a text describes. Raises ValueError with the line's number where it cannot be read, and when a
    large constant has no data line."""
    parser = _Parser()
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            parser.line(number, line)
    if parser.waiting:
        raise ValueError(f"no data for the constants {sorted(parser.waiting)}")
    return parser.graph

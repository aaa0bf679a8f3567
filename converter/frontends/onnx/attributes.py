"""Typed reading of a node's attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import onnx

from ...errors import InvalidModelError
from .errors import STAGE

_Value = int | float | str | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Attributes:
    """The numeric and text attributes of one node; tensors and graphs are left to those who fold constants."""

    node: str
    values: Mapping[str, _Value]

    def integer(self, name: str, default: int) -> int:
        value = self.values.get(name, default)
        return value if isinstance(value, int) else self._wrong(name, "an integer")

    def number(self, name: str, default: float) -> float:
        value = self.values.get(name, default)
        return float(value) if isinstance(value, int | float) else self._wrong(name, "a number")

    def text(self, name: str, default: str) -> str:
        value = self.values.get(name, default)
        return value if isinstance(value, str) else self._wrong(name, "a string")

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, or None when the node leaves it out."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple):
            self._wrong(name, "a list of integers")
        return tuple(number if isinstance(number, int) else self._wrong(name, "a list of integers") for number in value)

    def numbers(self, name: str) -> tuple[float, ...] | None:
        """A list of numbers, or None when the node leaves it out."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple):
            self._wrong(name, "a list of numbers")
        return tuple(float(number) for number in value)

    def _wrong(self, name: str, wanted: str) -> NoReturn:
        raise InvalidModelError.at(
            STAGE, f"node {self.node!r}", f"attribute {name!r} is {self.values[name]!r}, not {wanted}"
        )


def read_attributes(proto: onnx.NodeProto, name: str) -> Attributes:
    """The attributes of a node that mapping functions use. `name` is for messages."""
    values: dict[str, _Value] = {}
    for attribute in proto.attribute:
        if attribute.type == onnx.AttributeProto.INT:
            values[attribute.name] = int(attribute.i)
        elif attribute.type == onnx.AttributeProto.FLOAT:
            values[attribute.name] = float(attribute.f)
        elif attribute.type == onnx.AttributeProto.STRING:
            values[attribute.name] = attribute.s.decode("utf-8", "replace")
        elif attribute.type == onnx.AttributeProto.INTS:
            values[attribute.name] = tuple(int(i) for i in attribute.ints)
        elif attribute.type == onnx.AttributeProto.FLOATS:
            values[attribute.name] = tuple(float(f) for f in attribute.floats)
    return Attributes(name, values)

"""The one intermediate representation: a list of wire-format operators over values.

Operators have TFLite semantics (NHWC, filters OHWI, `schema/ops.toml`), so a graph can be written to a file and run
after any stage. Identity matters: a Value is produced once, and its consumers refer to the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .names import free_name
from .types import DType, Origin, Quantization, Shape

#: Option values by the field names of tflite.fbs; enums by their name ("SAME", "RELU6"), vectors as tuples.
OptionValue = int | float | bool | str | tuple[int, ...]


@dataclass(eq=False)
class Value:
    """A tensor. `data` makes it a constant; `name` is unique in the graph."""

    name: str
    shape: Shape
    dtype: DType = DType.FLOAT32
    quantization: Quantization | None = None
    data: npt.NDArray[Any] | None = None
    origin: Origin | None = None
    is_variable: bool = False

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def size_bytes(self) -> int:
        """Bytes in the arena or in the file."""
        if self.dtype is DType.INT4:
            return (self.elements + 1) // 2
        return self.elements * self.dtype.numpy.itemsize

    def __repr__(self) -> str:
        return f"Value({self.name}: {self.dtype.value}{list(self.shape)})"


@dataclass(eq=False)
class Node:
    """One operator. `inputs` holds None where an optional operand is left out; `name` is the source model's."""

    op: str
    inputs: list[Value | None]
    outputs: list[Value]
    options: dict[str, OptionValue] = field(default_factory=dict)
    name: str = ""

    @property
    def output(self) -> Value:
        """The only output."""
        (output,) = self.outputs
        return output

    def input(self, i: int) -> Value:
        """A required operand. Raises IndexError when it is left out."""
        value = self.inputs[i] if i < len(self.inputs) else None
        if value is None:
            raise IndexError(f"{self.op} {self.name!r} has no input {i}")
        return value

    def optional(self, i: int) -> Value | None:
        """An operand, or None when it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def __repr__(self) -> str:
        return f"Node({self.op} {self.name!r})"


@dataclass(eq=False)
class Graph:
    """Nodes in topological order. Stages pass graphs on; passes change them in place through these methods."""

    nodes: list[Node]
    inputs: list[Value]
    outputs: list[Value]
    name: str = "main"
    #: Names that the source model gives the inputs and outputs, in order; they go into the SignatureDef.
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    #: Metadata entries that a .tflite source carried and we hand on unchanged.
    metadata: dict[str, bytes] = field(default_factory=dict)

    def values(self) -> Iterator[Value]:
        """Every value once: graph inputs, then in order of first appearance at nodes, then outputs."""
        seen: set[int] = set()
        for value in self._mentions():
            if id(value) not in seen:
                seen.add(id(value))
                yield value

    def _mentions(self) -> Iterator[Value]:
        yield from self.inputs
        for node in self.nodes:
            yield from (value for value in node.inputs if value is not None)
            yield from node.outputs
        yield from self.outputs

    def producers(self) -> dict[Value, Node]:
        """The node that writes each value. Built anew: hold it only while the graph does not change."""
        return {output: node for node in self.nodes for output in node.outputs}

    def consumers(self) -> dict[Value, list[Node]]:
        """The nodes that read each value, in order, a node once for each operand that is the value."""
        readers: dict[Value, list[Node]] = {value: [] for value in self.values()}
        for node in self.nodes:
            for value in node.inputs:
                if value is not None:
                    readers[value].append(node)
        return readers

    def replace_uses(self, old: Value, new: Value) -> None:
        """Every reader of `old`, graph outputs included, reads `new`."""
        for node in self.nodes:
            node.inputs = [new if value is old else value for value in node.inputs]
        self.outputs = [new if value is old else value for value in self.outputs]

    def insert_before(self, anchor: Node, node: Node) -> None:
        self.nodes.insert(self._position(anchor), node)

    def insert_after(self, anchor: Node, node: Node) -> None:
        self.nodes.insert(self._position(anchor) + 1, node)

    def remove(self, nodes: Iterable[Node]) -> None:
        """Take nodes out. Their outputs must no longer be read."""
        gone = {id(node) for node in nodes}
        self.nodes = [node for node in self.nodes if id(node) not in gone]

    def unique_name(self, wish: str) -> str:
        """`wish`, or `wish_1`, `wish_2`, … where it is taken."""
        return free_name(wish, {value.name for value in self.values()})

    def constant(self, wish: str, data: npt.NDArray[Any], quantization: Quantization | None = None) -> Value:
        """A new constant value. It joins the graph when a node reads it."""
        array = np.ascontiguousarray(data).reshape(np.shape(data))
        return Value(self.unique_name(wish), array.shape, DType.of(array), quantization, array)

    def _position(self, anchor: Node) -> int:
        return next(i for i, node in enumerate(self.nodes) if node is anchor)


def option_int(node: Node, name: str) -> int:
    """An integer or boolean option of a node. Raises KeyError when it is absent, TypeError when it is no number."""
    value = node.options[name]
    if not isinstance(value, int):
        raise TypeError(f"{node.op}.{name} is {value!r}, not an integer")
    return value


def with_options(node: Node, changes: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """A copy of a node's options with some replaced."""
    return {**node.options, **changes}

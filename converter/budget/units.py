"""What the search may change at once: a value, and the operators that write and read it.

A single operator of higher precision between int8 neighbours still reads and writes int8 values, whose steps are most
of the error. So a unit is a group of values that share a scale, with every operator around it: in a unit of higher
precision the values in its midst are no longer rounded to int8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.types import DType
from ..ir.weighted import WEIGHTED, bias_of, filter_of
from ..ops.registry import macs
from ..quantize import Quantized

#: An operator's precision by the name of its first output in the float graph; int8 is left out.
Mixture = Mapping[str, str]

#: From the cheapest up.
PRECISIONS = ("int8", "int16", "float32")

#: Time of a multiply-accumulate in parts of int8's, as on microcontrollers: 16-bit activations take two loads and
#: products where int8 takes one, float32 four. Where int16 has no vectorised loop it takes more time, not more bytes.
TIME = {"int8": 1.0, "int16": 2.0, "float32": 4.0}
WEIGHT_BYTES = {"int8": 1, "int16": 1, "float32": 4}
BIAS_BYTES = {"int8": 4, "int16": 8, "float32": 4}
ACTIVATION_BYTES = {"int8": 1, "int16": 2, "float32": 4}


@dataclass(frozen=True)
class Unit:
    """Operators of the float graph that change together, and the value in their midst."""

    name: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Raise:
    """A unit with the new precision of those of its operators that change, and what that costs."""

    unit: Unit
    precision: str
    mixture: Mixture
    cost: float

    @property
    def nodes(self) -> list[Node]:
        return [node for node in self.unit.nodes if key_of(node) in self.mixture]


def key_of(node: Node) -> str:
    """The name of an operator in a mixture."""
    return node.outputs[0].name


def quantized_nodes(quantized: Quantized) -> set[Node]:
    """The float graph's operators that compute in integers."""
    kept = {row.node for row in quantized.kept_float}
    return {node for node in quantized.floats.nodes if node not in kept and _is_float(node)}


def units_of(quantized: Quantized) -> list[Unit]:
    """Every group of values around which some operator computes in integers, in order of computation."""
    graph, chosen = quantized.floats, quantized_nodes(quantized)
    producers, consumers = graph.producers(), graph.consumers()
    found: dict[frozenset[Node], Unit] = {}
    for group in _groups(graph, chosen):
        around = {producers[value] for value in group if value in producers}
        around |= {reader for value in group for reader in consumers[value]}
        nodes = tuple(node for node in graph.nodes if node in around & chosen)
        if nodes:
            found.setdefault(frozenset(nodes), Unit(group[0].name, nodes))
    return list(found.values())


class Costs:
    """What a higher precision of an operator costs: bytes of constants, bytes of activations and time.

    Each is in parts of what the whole graph takes in int8, and the three count the same.
    """

    def __init__(self, graph: Graph) -> None:
        self._whole = _parts(graph.nodes, "int8")

    def __call__(self, node: Node, before: str, after: str) -> float:
        parts = zip(_parts((node,), before), _parts((node,), after), self._whole, strict=True)
        return sum((new - old) / max(1.0, whole) for old, new, whole in parts)


def _parts(nodes: Sequence[Node], precision: str) -> tuple[float, float, float]:
    """Bytes of weights and biases, bytes of activations, and time."""
    weighted = [node for node in nodes if node.op in WEIGHTED]
    constants = sum(filter_of(node).elements * WEIGHT_BYTES[precision] for node in weighted)
    constants += sum(bias.elements * BIAS_BYTES[precision] for node in weighted if (bias := bias_of(node)) is not None)
    written = sum(value.elements for node in nodes for value in node.outputs)
    work = sum(map(macs, nodes)) + written
    return float(constants), float(written * ACTIVATION_BYTES[precision]), work * TIME[precision]


def _is_float(node: Node) -> bool:
    spec = OPS.get(node.op)
    if spec is None or spec.quantize == "none":
        return False
    return any(value.dtype is DType.FLOAT32 for value in (*node.inputs, *node.outputs) if value is not None)


def _groups(graph: Graph, chosen: set[Node]) -> Iterator[list[Value]]:
    """Float activations, those together that an operator of kind `same` ties to one scale."""
    parent: dict[Value, Value] = {}

    def root(value: Value) -> Value:
        while parent.setdefault(value, value) is not value:
            value = parent[value]
        return value

    def is_activation(value: Value | None) -> bool:
        return value is not None and not value.is_constant and value.dtype is DType.FLOAT32

    for node in graph.nodes:
        if node in chosen and OPS[node.op].quantize == "same":
            tied = [value for value in (*node.inputs, *node.outputs) if value is not None and is_activation(value)]
            for value in tied[1:]:
                parent[root(value)] = root(tied[0])
    groups: dict[Value, list[Value]] = {}
    for value in graph.values():
        if is_activation(value):
            groups.setdefault(root(value), []).append(value)
    yield from groups.values()

"""Weights of fewer bits while the activations stay in float32; needs no samples.

dynamic       int8 filters of layers that quantize their activations at run time (NUMERICS.md, "Hybrid")
int8-weights  int8 filters behind DEQUANTIZE: float32 arithmetic on weights of 8 bits
int4-weights  the same at 4 bits; depthwise filters, which are small and lose most, at 8
float16       every large float32 constant behind DEQUANTIZE, in half the bytes

Constants of fewer than LEAST_ELEMENTS stay float32: their bytes do not pay for the rounding. DEQUANTIZE stands next to
its reader, one for each, so that the numbers are in memory only where they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.names import Names
from ..ir.types import DType, Quantization
from ..ir.weighted import WEIGHTED, filter_of, position_of
from .weight_scales import code_weights

WeightType = Literal["dynamic", "int8-weights", "int4-weights", "float16"]
WEIGHT_TYPES: tuple[WeightType, ...] = ("dynamic", "int8-weights", "int4-weights", "float16")

#: As LiteRT's own converter has it.
LEAST_ELEMENTS = 1024

_LARGEST_HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class StoredLayer:
    """An operator that reads a constant of fewer bits, and that constant."""

    node: Node
    constant: Value


@dataclass(frozen=True)
class KeptConstant:
    """A float32 constant that stays, and why."""

    node: Node
    reason: str


@dataclass(frozen=True)
class StoredWeights:
    """The graph with its weights in fewer bits."""

    graph: Graph
    layers: tuple[StoredLayer, ...]
    kept: tuple[KeptConstant, ...]
    #: Bytes of the constants before and after.
    before_bytes: int
    after_bytes: int


def store_weights(graph: Graph, type_of: Callable[[Node], WeightType | None]) -> StoredWeights:
    """A graph whose operators read the weights that `type_of` asks for; None leaves an operator as it is.

    Nodes and constants that change are copies: `graph` stays as it is.
    """
    return _Storing(graph).run(type_of)


class _Storing:
    def __init__(self, graph: Graph) -> None:
        self._source = graph
        self._graph = Graph(
            [], list(graph.inputs), list(graph.outputs), graph.name,
            list(graph.input_names), list(graph.output_names), dict(graph.metadata),
        )  # fmt: skip
        self._names = Names(value.name for value in graph.values())
        self._made: dict[tuple[Value, DType, int], Value] = {}
        self._layers: list[StoredLayer] = []
        self._kept: list[KeptConstant] = []

    def run(self, type_of: Callable[[Node], WeightType | None]) -> StoredWeights:
        for node in self._source.nodes:
            wanted = type_of(node)
            if wanted is None:
                self._graph.nodes.append(node)
            elif wanted == "float16":
                self._halve(node)
            elif node.op in WEIGHTED:
                self._quantize(node, wanted)
            else:
                self._graph.nodes.append(node)
        stored = list(dict.fromkeys(layer.constant for layer in self._layers))
        after = sum(value.size_bytes + _scale_bytes(value) for value in stored)
        return StoredWeights(
            self._graph, tuple(self._layers), tuple(self._kept), sum(4 * value.elements for value in stored), after
        )

    def _quantize(self, node: Node, wanted: WeightType) -> None:
        """Give an operator with weights an int8 or int4 filter."""
        source = filter_of(node)
        if source.data is None or source.dtype is not DType.FLOAT32:
            self._keep(node, "its weights are no float32 constant")
            return
        if source.elements < LEAST_ELEMENTS:
            self._keep(node, f"its {source.elements} weights are fewer than {LEAST_ELEMENTS}")
            return
        axis = OPS[node.op].channel_axis
        assert axis is not None
        small = wanted == "int4-weights" and node.op != "DEPTHWISE_CONV_2D"
        stored = self._stored(source, DType.INT4 if small else DType.INT8, axis)
        operand = stored if wanted == "dynamic" else self._dequantized(stored)
        changed = _with_inputs(node, {position_of(node.op, "filter"): operand})
        if wanted == "dynamic" and "asymmetric_quantize_inputs" in (field.name for field in OPS[node.op].option_fields):
            changed.options["asymmetric_quantize_inputs"] = True
        self._graph.nodes.append(changed)
        self._layers.append(StoredLayer(changed, stored))

    def _halve(self, node: Node) -> None:
        """Put the large float32 constants of an operator behind DEQUANTIZE."""
        halves: dict[int, Value] = {}
        for position, source in enumerate(node.inputs):
            if source is None or source.data is None or source.dtype is not DType.FLOAT32:
                continue
            if source.elements < LEAST_ELEMENTS:
                continue
            if np.abs(source.data).max() > _LARGEST_HALF:
                self._kept.append(KeptConstant(node, f"{source.name!r} holds numbers that float16 does not"))
                continue
            halves[position] = self._stored(source, DType.FLOAT16)
        operands = {position: self._dequantized(half) for position, half in halves.items()}
        changed = _with_inputs(node, operands)
        self._graph.nodes.append(changed if halves else node)
        self._layers += [StoredLayer(changed, half) for half in halves.values()]

    def _keep(self, node: Node, reason: str) -> None:
        self._kept.append(KeptConstant(node, reason))
        self._graph.nodes.append(node)

    def _dequantized(self, stored: Value) -> Value:
        reals = Value(self._names.unique(f"{stored.name}_float32"), stored.shape)
        self._graph.nodes.append(Node("DEQUANTIZE", [stored], [reals], {}, reals.name))
        return reals

    def _stored(self, source: Value, dtype: DType, axis: int = 0) -> Value:
        """The constant in another type; operators that share it go on sharing."""
        key = (source, dtype, axis)
        if key not in self._made:
            assert source.data is not None
            made = Value(self._names.unique(f"{source.name}_{dtype.value}"), source.shape, dtype, origin=source.origin)
            if dtype is DType.FLOAT16:
                made.data = source.data.astype(np.float16)
            else:
                made.data, scales = code_weights(source.data, axis, 4 if dtype is DType.INT4 else 8)
                made.quantization = Quantization(scales, (0,) * len(scales), axis)
            self._made[key] = made
        return self._made[key]


def _with_inputs(node: Node, operands: Mapping[int, Value]) -> Node:
    """A copy of a node with some operands replaced."""
    inputs = [operands.get(position, value) for position, value in enumerate(node.inputs)]
    return Node(node.op, inputs, list(node.outputs), dict(node.options), node.name)


def _scale_bytes(value: Value) -> int:
    """A float32 scale and an int64 zero point each."""
    return 0 if value.quantization is None else 12 * len(value.quantization.scales)

"""Decides, before anything changes: which nodes compute in int8, and with which scale each of their values is held.

An operator's `quantize` kind in ops.toml says what its int8 form asks for:
  weights  int8 weights per channel, int32 bias; input and output have scales of their own
  free     any scales
  table    any scales, or a prescribed one of the output
  fixed    the output's scale is prescribed
  same     input and output share one scale: they form a group
  keep     stays in float32
  none     changes types itself; left alone
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..gen.ops import OPS, OpSpec
from ..ir.graph import Graph, Node, Value
from ..ir.ranges import Range, Ranges
from ..ir.types import DType, Quantization
from ..ir.weighted import bias_of, filter_of, position_of, source_of
from .activations import INT16_MAX, activation_quantization, representable, wide_quantization
from .bias import bias_limit, smallest_output_scale, wide_bias_limit
from .precisions import Precisions
from .weights import channel_scales

POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
#: How an integer type holds activations, and the bias that goes with it.
BIASES = {DType.INT8: DType.INT32, DType.INT16: DType.INT64}

#: A value as an integer type holds it.
Held = tuple[Value, DType]


@dataclass(frozen=True)
class KeptFloat:
    """A node that stays in float32, and why."""

    node: Node
    reason: str


@dataclass(frozen=True)
class Scheme:
    """The decision. `quantizations` has an entry for each float value that some integer node reads or writes."""

    int8_nodes: frozenset[Node]
    quantizations: Mapping[Value, Quantization]
    kept_float: tuple[KeptFloat, ...]
    int16_nodes: frozenset[Node] = frozenset()
    #: The same by the type that holds the value: nodes of both types may read it.
    held: Mapping[Held, Quantization] = field(default_factory=dict)

    @property
    def integer_nodes(self) -> frozenset[Node]:
        return self.int8_nodes | self.int16_nodes

    def dtype_of(self, node: Node) -> DType:
        """The type of an integer node's activations."""
        return DType.INT16 if node in self.int16_nodes else DType.INT8


def decide(
    graph: Graph,
    ranges: Ranges,
    precisions: Precisions | None = None,
    *,
    float_borders: bool = False,
) -> Scheme:
    """Choose integer nodes and the quantization of every value they touch.

    Nodes compute in what `precisions` asks for (int8 where nothing else is said), in float32 without such a form.

    With `float_borders` the graph's inputs and outputs stay float32: what only copies one to the other does as well.
    """
    wanted = precisions or Precisions()
    asked = {node: wanted.of(node) for node in graph.nodes if _is_float(node)}
    reasons = {node: precision.reason or why_not(node, precision.dtype) for node, precision in asked.items()}
    chosen = {node: precision.dtype for node, precision in asked.items() if reasons[node] is None}
    for node in _pointless_copies(graph, set(chosen), float_borders):
        del chosen[node]
        reasons[node] = "nothing but float32 is around it"
    held = _settle(graph, chosen, _Groups(graph, chosen, ranges))
    while coarse := _coarse_comparisons(chosen, held):
        for node in coarse:
            del chosen[node]
            reasons[node] = "its int8 form needs scales from 1/256 to 1"
        held = _settle(graph, chosen, _Groups(graph, chosen, ranges))
    kept = tuple(KeptFloat(node, reason) for node, reason in reasons.items() if reason is not None)
    made = {value: chosen[node] for node in graph.nodes if node in chosen for value in node.outputs}
    values = dict.fromkeys(value for value, _ in held)
    homes = {
        value: held[value, made.get(value, DType.INT8 if (value, DType.INT8) in held else DType.INT16)]
        for value in values
    }
    by_type = {dtype: frozenset(node for node, found in chosen.items() if found is dtype) for dtype in BIASES}
    return Scheme(by_type[DType.INT8], homes, kept, by_type[DType.INT16], held)


def taps_of(node: Node) -> int:
    """Products that one output element of a weighted layer adds up."""
    shape = filter_of(node).shape
    channels = shape[3] if node.op == "DEPTHWISE_CONV_2D" else shape[0]
    return int(np.prod(shape, dtype=np.int64)) // max(channels, 1)


def limit_of(node: Node) -> int:
    """The largest |bias| of a quantized layer."""
    wide = source_of(node).dtype is DType.INT16
    return wide_bias_limit(taps_of(node)) if wide else bias_limit(taps_of(node))


def fixed_quantization(spec: OpSpec, dtype: DType) -> Quantization | None:
    """The scale and zero point that an output of an integer type must have."""
    prescribed = spec.fixed_for(dtype.value)
    if prescribed is None:
        return None
    denominator, zero_point = prescribed
    return Quantization.per_tensor(1.0 / denominator, zero_point)


def float_operands(node: Node) -> list[Value]:
    """Inputs that become int8 activations in the int8 form: float32, and no weights."""
    if OPS[node.op].quantize == "weights":
        return [source_of(node)]
    return [value for value in node.inputs if value is not None and value.dtype is DType.FLOAT32]


def _is_float(node: Node) -> bool:
    spec = OPS.get(node.op)
    if spec is not None and spec.quantize == "none":
        return False
    return any(value.dtype is DType.FLOAT32 for value in (*node.inputs, *node.outputs) if value is not None)


def why_not(node: Node, wanted: DType) -> str | None:
    """Why a node has no form of an integer type here; None when it has one."""
    spec = OPS.get(node.op)
    if spec is None:
        return "the operator is not in the list of operators"
    if spec.quantize == "keep":
        return "LiteRT has no int8 form of it that could be trusted"
    if not _has_row(node, spec, wanted):
        return f"the operator has no {wanted.value} form for these operands"
    if any(value.is_variable for value in (*node.inputs, *node.outputs) if value is not None):
        return "it keeps state in a float32 variable"
    if spec.quantize == "weights":
        if spec.channel_axis is None or not filter_of(node).is_constant:
            return "its weights are not constant"
        bias = bias_of(node)
        if bias is not None and not bias.is_constant:
            return "its bias is not constant"
        if wanted is DType.INT8 and bias_limit(taps_of(node)) < 2**20:
            return f"sums of {taps_of(node)} products could leave 32 bits"
    return None


def _has_row(node: Node, spec: OpSpec, wanted: DType) -> bool:
    """Whether ops.toml lists the combination of types that the integer form would have."""
    types = {DType.FLOAT32: wanted}
    inputs: list[str | None] = []
    for i, value in enumerate(node.inputs):
        if value is None:
            inputs.append(None)
        elif spec.quantize == "weights" and i == position_of(node.op, "bias"):
            inputs.append(BIASES[wanted].value)
        elif spec.quantize == "weights" and i == position_of(node.op, "filter"):
            inputs.append(DType.INT8.value)
        else:
            inputs.append(types.get(value.dtype, value.dtype).value)
    outputs = [types.get(value.dtype, value.dtype).value for value in node.outputs]
    return any(_row_fits(row.inputs, inputs) and _row_fits(row.outputs, outputs) for row in spec.types)


def _row_fits(row: tuple[str, ...], found: Iterable[str | None]) -> bool:
    """The last type of a row stands for every operand behind it as well."""
    return all(found_type is None or found_type == row[min(i, len(row) - 1)] for i, found_type in enumerate(found))


def _coarse_comparisons(chosen: Mapping[Node, DType], held: Mapping[Held, Quantization]) -> set[Node]:
    """Comparisons that would take neighbouring codes for equal, or whose scale LiteRT does not take."""
    return {
        node
        for node, dtype in chosen.items()
        if node.op in COMPARISONS and not all(2**-8 <= held[v, dtype].scale < 1.0 for v in float_operands(node))
    }


def _pointless_copies(graph: Graph, chosen: set[Node], float_borders: bool) -> set[Node]:
    """Nodes of kind `same` without an int8 node that computes in their neighbourhood, but with float nodes or, where
    they only move elements, nothing but float borders."""
    producers, consumers = graph.producers(), graph.consumers()

    def neighbours(node: Node) -> Iterable[Node]:
        for value in node.inputs:
            if value is not None and value in producers:
                yield producers[value]
        for value in node.outputs:
            yield from consumers[value]

    pointless: set[Node] = set()
    seen: set[Node] = set()
    for start in graph.nodes:
        if start not in chosen or start in seen or OPS[start.op].quantize != "same":
            continue
        region, stack, computes, floats = {start}, [start], False, False
        while stack:
            for other in neighbours(stack.pop()):
                if other not in chosen:
                    floats = True
                elif OPS[other.op].quantize != "same":
                    computes = True
                elif other not in region:
                    region.add(other)
                    stack.append(other)
        seen |= region
        floats = floats or (float_borders and not any(node.op in POOLS for node in region))
        if floats and not computes:
            pointless |= region
    return pointless


class _Groups:
    """Values that share one quantization (union-find), with the union of their ranges or a prescribed scale."""

    def __init__(self, graph: Graph, chosen: Mapping[Node, DType], ranges: Ranges) -> None:
        self._parent: dict[Held, Held] = {}
        self._fixed: dict[Held, Quantization] = {}
        self._range: dict[Held, Range] = {}
        nodes = [node for node in graph.nodes if node in chosen]
        for node in nodes:
            for value in (*float_operands(node), *_float_outputs(node)):
                self._enter((value, chosen[node]), ranges)
            fixed = fixed_quantization(OPS[node.op], chosen[node])
            if fixed is not None:
                self._fixed.update((self.root((value, chosen[node])), fixed) for value in _float_outputs(node))
        same = [node for node in nodes if OPS[node.op].quantize == "same" and _float_outputs(node)]
        for node in same:
            if len(float_operands(node)) == 1:
                for value in _float_outputs(node):
                    self._unite((float_operands(node)[0], chosen[node]), (value, chosen[node]))
        for node in same:
            if len(float_operands(node)) > 1:
                self._unite_many(node, chosen[node])

    def root(self, held: Held) -> Held:
        while self._parent[held] is not held:
            self._parent[held] = self._parent[self._parent[held]]
            held = self._parent[held]
        return held

    def values(self) -> Iterable[Held]:
        return self._parent

    def quantization(self, held: Held) -> Quantization:
        root = self.root(held)
        fitting = wide_quantization if root[1] is DType.INT16 else activation_quantization
        return self._fixed.get(root) or fitting(self._range[root])

    def coarsen(self, held: Held, scale: float) -> None:
        """Stretch the range of a value's group until its scale is at least `scale`."""
        root = self.root(held)
        if root[1] is DType.INT16:
            self._range[root] = Range(-INT16_MAX * scale, INT16_MAX * scale)
            return
        found = self._range[root]
        low, high = min(found.low, 0.0), max(found.high, 0.0)
        factor = 255.0 * scale / (high - low) if high > low else 0.0
        self._range[root] = Range(low * factor, high * factor) if factor > 0 else Range(0.0, 255.0 * scale)

    def is_fixed(self, held: Held) -> bool:
        return self.root(held) in self._fixed

    def _enter(self, held: Held, ranges: Ranges) -> None:
        if held in self._parent:
            return
        self._parent[held] = held
        value = held[0]
        if value.data is not None:
            self._range[held] = Range(float(value.data.min(initial=0.0)), float(value.data.max(initial=0.0)))
        else:
            self._range[held] = ranges.by_name.get(value.name, Range(0.0, 0.0))

    def _unite(self, a: Held, b: Held) -> None:
        a, b = self.root(a), self.root(b)
        if a is b:
            return
        self._parent[b] = a
        self._range[a] = self._range[a].union(self._range[b])
        if b in self._fixed:
            self._fixed[a] = self._fixed[b]

    def _unite_many(self, node: Node, dtype: DType) -> None:
        """Join the operands of a concatenation. Where only some of them have a prescribed scale, or a constant does not
        fit it, those stay alone: they are requantized at the node, as constants are quantized for it."""
        operands = [value for value in float_operands(node) if not value.is_constant]
        prescribed = {self._fixed.get(self.root((value, dtype))) for value in operands}
        uniform = len(prescribed) == 1
        if uniform and (fixed := prescribed.pop()) is not None:
            reach = representable(fixed)
            constants = [self._range[value, dtype] for value in float_operands(node) if value.is_constant]
            uniform = all(reach.low <= found.low and found.high <= reach.high for found in constants)
        output = (node.outputs[0], dtype)
        for value in float_operands(node):
            held = (value, dtype)
            if value.is_constant or (not uniform and self.is_fixed(held)):
                root = self.root(output)
                self._range[root] = self._range[root].union(self._range[self.root(held)])
            else:
                self._unite(held, output)


def _float_outputs(node: Node) -> list[Value]:
    return [value for value in node.outputs if value.dtype is DType.FLOAT32]


def _settle(graph: Graph, chosen: Mapping[Node, DType], groups: _Groups) -> dict[Held, Quantization]:
    """Final quantizations: outputs of layers are made coarser until every requantization factor is legal."""
    layers = [node for node in graph.nodes if node in chosen and OPS[node.op].quantize == "weights"]
    for _ in range(len(layers) + 1):
        settled = True
        for node in layers:
            axis, weights, output = OPS[node.op].channel_axis, filter_of(node).data, (node.output, chosen[node])
            if axis is None or weights is None or groups.is_fixed(output):
                continue
            input_scale = groups.quantization((source_of(node), chosen[node])).scale
            floor = smallest_output_scale(input_scale, channel_scales(weights, axis))
            if groups.quantization(output).scale < floor:
                groups.coarsen(output, 1.01 * floor)
                settled = False
        if settled:
            break
    return {held: groups.quantization(held) for held in groups.values()}

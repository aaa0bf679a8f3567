"""Builds the int8 graph that a scheme describes. The float graph is left as it is.

Inside, values that int8 nodes touch have an int8 form; QUANTIZE and DEQUANTIZE stand where an int8 and a float
node meet, and at the borders, where inputs and outputs stay float32 with their names. `borders.py` changes the latter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.types import DType, Quantization
from ..ir.weighted import bias_of, filter_of, source_of
from .activations import quantize_array
from .bias import accumulator_units, quantize_bias, smallest_weight_scales
from .scheme import Scheme, float_operands, taps_of
from .weights import quantize_weights


@dataclass(frozen=True)
class Layer:
    """A weighted layer before and after."""

    source: Node
    quantized: Node
    #: What one accumulator step is worth, per output channel.
    units: npt.NDArray[np.float64]


@dataclass(frozen=True)
class QuantizedGraph:
    """An int8 graph with float32 inputs and outputs, and its layers in order."""

    graph: Graph
    layers: tuple[Layer, ...]
    #: The float value that each int8 activation stands for.
    sources: Mapping[Value, Value]


def apply(graph: Graph, scheme: Scheme) -> QuantizedGraph:
    """A new graph in which the scheme's int8 nodes compute in int8."""
    builder = _Builder(graph, scheme)
    for node in graph.nodes:
        if node in scheme.int8_nodes:
            builder.add_int8(node)
        else:
            builder.add_float(node)
    return builder.finish()


class _Builder:
    """Holds, for each value of the float graph, the forms that the new graph has of it so far."""

    def __init__(self, graph: Graph, scheme: Scheme) -> None:
        self._source = graph
        self._scheme = scheme
        self._quantizations: Mapping[Value, Quantization] = scheme.quantizations
        #: Taken names. Activations keep theirs; a constant's goes to whichever form of it is made first.
        self._names = {value.name for value in graph.values() if not value.is_constant}
        self._outputs = set(graph.outputs)
        self._nodes: list[Node] = []
        self._layers: list[Layer] = []
        self._plain: dict[Value, Value] = {}
        self._int8: dict[tuple[Value, Quantization], Value] = {}
        self._filters: dict[tuple[Value, tuple[float, ...]], Value] = {}
        for value in graph.inputs:
            touched = value in scheme.quantizations and value.dtype is DType.FLOAT32
            self._plain[value] = Value(value.name, value.shape, value.dtype, value.quantization, None,
                                       None if touched else value.origin, value.is_variable)  # fmt: skip

    def add_float(self, node: Node) -> None:
        """Copy a node as it is. Its outputs keep their names."""
        inputs = [None if value is None else self._as_plain(value) for value in node.inputs]
        outputs = [self._copy(value) for value in node.outputs]
        self._nodes.append(Node(node.op, inputs, outputs, dict(node.options), node.name))

    def add_int8(self, node: Node) -> None:
        """The int8 form of a node."""
        spec = OPS[node.op]
        if spec.quantize == "weights":
            self._add_layer(node)
            return
        operands = set(float_operands(node))
        shared = self._quantizations.get(node.outputs[0]) if spec.quantize == "same" else None
        inputs: list[Value | None] = []
        for value in node.inputs:
            if value is None:
                inputs.append(None)
            elif value in operands:
                inputs.append(self._as_int8(value, shared or self._quantizations[value]))
            else:
                inputs.append(self._as_plain(value))
        outputs = [
            self._int8_output(value) if value.dtype is DType.FLOAT32 else self._copy(value) for value in node.outputs
        ]
        self._nodes.append(Node(node.op, inputs, outputs, dict(node.options), node.name))

    def finish(self) -> QuantizedGraph:
        outputs = [self._as_plain(value) for value in self._source.outputs]
        graph = Graph(
            self._nodes,
            [self._plain[value] for value in self._source.inputs],
            outputs,
            self._source.name,
            list(self._source.input_names),
            list(self._source.output_names),
            dict(self._source.metadata),
        )
        sources = {made: source for (source, _), made in self._int8.items() if not made.is_constant}
        return QuantizedGraph(graph, tuple(self._layers), sources)

    def _add_layer(self, node: Node) -> None:
        spec = OPS[node.op]
        weights, axis = filter_of(node).data, spec.channel_axis
        assert weights is not None and axis is not None
        channels = weights.shape[axis]
        bias_value = bias_of(node)
        bias = np.zeros(channels, np.float32) if bias_value is None else np.asarray(bias_value.data).reshape(-1)
        before, after = self._quantizations[source_of(node)], self._quantizations[node.output]
        taps = taps_of(node)
        codes, scales = quantize_weights(weights, axis, smallest_weight_scales(bias, taps, before.scale, after.scale))
        units = accumulator_units(before.scale, scales)
        filter_int8 = self._filter(filter_of(node), codes, scales, axis)
        bias_name = bias_value.name if bias_value is not None else f"{node.output.name}_bias"
        bias_int32 = Value(
            self._unique(bias_name),
            (channels,),
            DType.INT32,
            Quantization(tuple(units.tolist()), (0,) * channels, 0),
            quantize_bias(bias, units, taps),
        )
        made = {"input": self._as_int8(source_of(node), before), "filter": filter_int8, "bias": bias_int32}
        inputs: list[Value | None] = [
            made[operand.name] if operand.name in made else self._as_plain(node.input(i))
            for i, operand in enumerate(spec.inputs)
        ]
        quantized = Node(node.op, inputs, [self._int8_output(node.output)], dict(node.options), node.name)
        self._nodes.append(quantized)
        self._layers.append(Layer(node, quantized, units))

    def _filter(self, source: Value, codes: npt.NDArray[np.int8], scales: tuple[float, ...], axis: int) -> Value:
        """Quantized weights; layers that share them, and their scales, go on sharing."""
        key = (source, scales)
        if key not in self._filters:
            quantization = Quantization(scales, (0,) * len(scales), axis)
            self._filters[key] = Value(
                self._unique(source.name), codes.shape, DType.INT8, quantization, codes, source.origin
            )
        return self._filters[key]

    def _as_int8(self, value: Value, quantization: Quantization) -> Value:
        """The int8 form of a float value under a quantization, made where it does not exist yet."""
        key = (value, quantization)
        if key in self._int8:
            return self._int8[key]
        if value.data is not None:
            made = Value(self._unique(value.name), value.shape, DType.INT8, quantization,
                         quantize_array(value.data, quantization), value.origin)  # fmt: skip
        else:
            own = self._quantizations.get(value)
            held = self._int8.get((value, own)) if own is not None else None
            source = held if held is not None else self._plain[value]
            # The int8 form stands for the source's tensor only where this is how the value is held.
            origin = value.origin if quantization == own and value in self._source.inputs else None
            made = Value(self._unique(f"{value.name}_int8"), value.shape, DType.INT8, quantization, None, origin)
            self._nodes.append(Node("QUANTIZE", [source], [made], {}, made.name))
        self._int8[key] = made
        return made

    def _as_plain(self, value: Value) -> Value:
        """A value under its own type: as it is, or dequantized."""
        if value in self._plain:
            return self._plain[value]
        if value.is_constant:
            made = Value(
                self._unique(value.name), value.shape, value.dtype, value.quantization, value.data, value.origin
            )
            self._plain[value] = made
            return made
        held = self._int8[value, self._quantizations[value]]
        name = value.name if value in self._outputs else self._unique(f"{value.name}_float32")
        made = Value(name, value.shape, value.dtype)
        self._nodes.append(Node("DEQUANTIZE", [held], [made], {}, made.name))
        self._plain[value] = made
        return made

    def _int8_output(self, value: Value) -> Value:
        quantization = self._quantizations[value]
        # A graph output's name belongs to its float form.
        name = self._unique(f"{value.name}_int8") if value in self._outputs else value.name
        made = Value(name, value.shape, DType.INT8, quantization, None, value.origin)
        self._int8[value, quantization] = made
        return made

    def _copy(self, value: Value) -> Value:
        made = Value(value.name, value.shape, value.dtype, value.quantization, None, value.origin, value.is_variable)
        self._plain[value] = made
        return made

    def _unique(self, wish: str) -> str:
        """`wish`, or `wish_1`, `wish_2`, … where it is taken."""
        name, i = wish, 0
        while name in self._names:
            i += 1
            name = f"{wish}_{i}"
        self._names.add(name)
        return name

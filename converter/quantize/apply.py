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
from ..ir.names import Names
from ..ir.types import DType, Quantization
from ..ir.weighted import bias_of, filter_of, source_of
from .activations import quantize_array, quantize_wide
from .bias import accumulator_units, bias_limit, quantize_bias, smallest_weight_scales, wide_bias_limit
from .scheme import BIASES, Scheme, float_operands, taps_of
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
    """A new graph in which the scheme's integer nodes compute in their types."""
    builder = _Builder(graph, scheme)
    for node in graph.nodes:
        if node in scheme.integer_nodes:
            builder.add_integer(node)
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
        self._names = Names(value.name for value in graph.values() if not value.is_constant)
        self._outputs = set(graph.outputs)
        self._nodes: list[Node] = []
        self._layers: list[Layer] = []
        self._plain: dict[Value, Value] = {}
        self._integer: dict[tuple[Value, DType, Quantization], Value] = {}
        #: What an integer node made, as it made it.
        self._home: dict[Value, Value] = {}
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

    def add_integer(self, node: Node) -> None:
        """The integer form of a node."""
        spec = OPS[node.op]
        if spec.quantize == "weights":
            self._add_layer(node)
            return
        operands = set(float_operands(node))
        dtype = self._scheme.dtype_of(node)
        shared = self._scheme.held.get((node.outputs[0], dtype)) if spec.quantize == "same" else None
        inputs: list[Value | None] = []
        for value in node.inputs:
            if value is None:
                inputs.append(None)
            elif value in operands:
                inputs.append(self._as_integer(value, dtype, shared or self._scheme.held[value, dtype]))
            else:
                inputs.append(self._as_plain(value))
        outputs = [
            self._integer_output(value, dtype) if value.dtype is DType.FLOAT32 else self._copy(value)
            for value in node.outputs
        ]
        options = dict(node.options)
        if dtype is DType.INT16 and any(field.name == "pot_scale_int16" for field in spec.option_fields):
            options["pot_scale_int16"] = False
        self._nodes.append(Node(node.op, inputs, outputs, options, node.name))

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
        sources = {made: source for (source, _, _), made in self._integer.items() if not made.is_constant}
        return QuantizedGraph(graph, tuple(self._layers), sources)

    def _add_layer(self, node: Node) -> None:
        spec = OPS[node.op]
        weights, axis = filter_of(node).data, spec.channel_axis
        assert weights is not None and axis is not None
        channels = weights.shape[axis]
        bias_value = bias_of(node)
        bias = np.zeros(channels, np.float32) if bias_value is None else np.asarray(bias_value.data).reshape(-1)
        dtype = self._scheme.dtype_of(node)
        before, after = self._scheme.held[source_of(node), dtype], self._scheme.held[node.output, dtype]
        taps = taps_of(node)
        limit = wide_bias_limit(taps) if dtype is DType.INT16 else bias_limit(taps)
        codes, scales = quantize_weights(weights, axis, smallest_weight_scales(bias, limit, before.scale, after.scale))
        units = accumulator_units(before.scale, scales)
        filter_int8 = self._filter(filter_of(node), codes, scales, axis)
        bias_name = bias_value.name if bias_value is not None else f"{node.output.name}_bias"
        bias_codes = Value(
            self._names.unique(bias_name),
            (channels,),
            BIASES[dtype],
            Quantization(tuple(units.tolist()), (0,) * channels, 0),
            quantize_bias(bias, units, limit).astype(BIASES[dtype].numpy),
        )
        made = {"input": self._as_integer(source_of(node), dtype, before), "filter": filter_int8, "bias": bias_codes}
        inputs: list[Value | None] = [
            made[operand.name] if operand.name in made else self._as_plain(node.input(i))
            for i, operand in enumerate(spec.inputs)
        ]
        quantized = Node(node.op, inputs, [self._integer_output(node.output, dtype)], dict(node.options), node.name)
        self._nodes.append(quantized)
        self._layers.append(Layer(node, quantized, units))

    def _filter(self, source: Value, codes: npt.NDArray[np.int8], scales: tuple[float, ...], axis: int) -> Value:
        """Quantized weights; layers that share them, and their scales, go on sharing."""
        key = (source, scales)
        if key not in self._filters:
            quantization = Quantization(scales, (0,) * len(scales), axis)
            self._filters[key] = Value(
                self._names.unique(source.name), codes.shape, DType.INT8, quantization, codes, source.origin
            )
        return self._filters[key]

    def _as_integer(self, value: Value, dtype: DType, quantization: Quantization) -> Value:
        """The form of a float value in an integer type under a quantization, made where it does not exist yet."""
        key = (value, dtype, quantization)
        if key in self._integer:
            return self._integer[key]
        if value.data is not None:
            codes = (quantize_wide if dtype is DType.INT16 else quantize_array)(value.data, quantization)
            made = Value(self._names.unique(value.name), value.shape, dtype, quantization, codes, value.origin)
        else:
            own = self._scheme.held.get((value, dtype))
            held = self._integer.get((value, dtype, own)) if own is not None else None
            source = held or self._home.get(value) or self._plain[value]
            # The integer form stands for the source's tensor only where this is how the value is held.
            is_held = quantization == own and quantization == self._quantizations.get(value)
            origin = value.origin if is_held and value in self._source.inputs else None
            name = self._names.unique(f"{value.name}_{dtype.value}")
            made = Value(name, value.shape, dtype, quantization, None, origin)
            self._nodes.append(Node("QUANTIZE", [source], [made], {}, made.name))
        self._integer[key] = made
        return made

    def _as_plain(self, value: Value) -> Value:
        """A value under its own type: as it is, or dequantized."""
        if value in self._plain:
            return self._plain[value]
        if value.is_constant:
            made = Value(
                self._names.unique(value.name), value.shape, value.dtype, value.quantization, value.data, value.origin
            )
            self._plain[value] = made
            return made
        held = self._home[value]
        name = value.name if value in self._outputs else self._names.unique(f"{value.name}_float32")
        made = Value(name, value.shape, value.dtype)
        self._nodes.append(Node("DEQUANTIZE", [held], [made], {}, made.name))
        self._plain[value] = made
        return made

    def _integer_output(self, value: Value, dtype: DType) -> Value:
        quantization = self._scheme.held[value, dtype]
        # A graph output's name belongs to its float form.
        name = self._names.unique(f"{value.name}_{dtype.value}") if value in self._outputs else value.name
        made = Value(name, value.shape, dtype, quantization, None, value.origin)
        self._integer[value, dtype, quantization] = made
        self._home[value] = made
        return made

    def _copy(self, value: Value) -> Value:
        made = Value(value.name, value.shape, value.dtype, value.quantization, None, value.origin, value.is_variable)
        self._plain[value] = made
        return made

"""The float graph as int8 weights alone leave it: what is lost to them, and what to the rounding of activations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ..ir.graph import Graph, Node, Value
from ..ir.held import reals
from ..ir.weighted import bias_of, filter_of, position_of
from .apply import Layer


def with_rounded_weights(floats: Graph, layers: Iterable[Layer]) -> tuple[Graph, Mapping[Value, Value]]:
    """A copy with the numbers that the codes of weights and biases stand for, and its values by the float graph's."""
    values = {
        v: Value(v.name, v.shape, v.dtype, v.quantization, v.data, v.origin, v.is_variable) for v in floats.values()
    }
    quantized = {layer.source: layer.quantized for layer in layers}
    nodes = []
    for node in floats.nodes:
        inputs = [None if value is None else values[value] for value in node.inputs]
        if node in quantized:
            for name, find in (("filter", filter_of), ("bias", bias_of)):
                held, position = find(quantized[node]), position_of(node.op, name)
                if held is not None and position < len(inputs) and inputs[position] is not None:
                    inputs[position] = _numbers(f"{node.outputs[0].name}/rounded_{name}", held)
        nodes.append(Node(node.op, inputs, [values[v] for v in node.outputs], dict(node.options), node.name))
    borders = [values[v] for v in floats.inputs], [values[v] for v in floats.outputs]
    return Graph(nodes, *borders, floats.name, list(floats.input_names), list(floats.output_names)), values


def _numbers(name: str, held: Value) -> Value:
    """The real numbers of a constant as float32."""
    assert held.data is not None
    data = reals(held, held.data).astype(np.float32)
    return Value(name, data.shape, data=data)

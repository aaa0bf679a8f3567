"""A second graph of the same constants, so that one may change its borders while the other stays."""

from __future__ import annotations

from dataclasses import replace

from ..ir.graph import Graph, Node, Value
from .apply import QuantizedGraph


def copied(made: QuantizedGraph) -> QuantizedGraph:
    """The same graph with values and nodes of its own; arrays are shared."""
    old = made.graph
    values: dict[Value, Value] = {value: replace(value) for value in old.values()}
    nodes = {
        node: Node(
            node.op,
            [None if value is None else values[value] for value in node.inputs],
            [values[value] for value in node.outputs],
            dict(node.options),
            node.name,
        )
        for node in old.nodes
    }
    graph = Graph(
        list(nodes.values()),
        [values[value] for value in old.inputs],
        [values[value] for value in old.outputs],
        old.name,
        list(old.input_names),
        list(old.output_names),
        dict(old.metadata),
    )
    return QuantizedGraph(
        graph,
        tuple(replace(layer, quantized=nodes.get(layer.quantized, layer.quantized)) for layer in made.layers),
        {values[value]: source for value, source in made.sources.items() if value in values},
    )

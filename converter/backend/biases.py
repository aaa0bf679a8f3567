"""Convolutions without bias get one of zeros: LiteRT refuses some of them without, and crashes on others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ir.graph import Graph, Node, Value
from ..ir.types import DType, Quantization

_NEED_BIAS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def with_biases(graph: Graph) -> Graph:
    """A graph over the same values whose convolutions all have a bias."""
    taken = {value.name for value in graph.values()}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.op in _NEED_BIAS and node.optional(2) is None:
            bias = _zero_bias(node)
            while bias.name in taken:
                bias.name += "_"
            taken.add(bias.name)
            nodes.append(replace(node, inputs=[node.input(0), node.input(1), bias]))
        else:
            nodes.append(node)
    return replace(graph, nodes=nodes)


def _zero_bias(node: Node) -> Value:
    channels = node.output.shape[-1]
    name = f"{node.output.name}_bias"
    source, weights = node.input(0).quantization, node.input(1).quantization
    if source is None or weights is None:
        return Value(name, (channels,), data=np.zeros(channels, np.float32))
    units = np.float32(source.scale) * np.array(weights.scales, np.float32)
    quantization = Quantization(tuple(float(unit) for unit in units), (0,) * len(units))
    dtype = DType.INT64 if node.input(0).dtype is DType.INT16 else DType.INT32
    return Value(name, (channels,), dtype, quantization, np.zeros(channels, dtype.numpy))

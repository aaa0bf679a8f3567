"""Brings RESHAPEs together and leaves one of each chain."""

from __future__ import annotations

import numpy as np

from ..ir.graph import Graph, Node, Value
from ..ir.rules import infer_shapes
from ..ir.types import DType
from .manager import Context, Pass
from .rewrite import (
    RESHAPES,
    constant_operand,
    is_unary,
    only_reader,
    per_channel,
    reshape_node,
    same_representation,
)


class MergeReshapes(Pass):
    """Brings RESHAPEs together and leaves one of each chain.

    1. SQUEEZE and EXPAND_DIMS become RESHAPE, the normal form that other passes look for; SQUEEZE to a scalar stays.
    2. RESHAPE of a RESHAPE reads the first one's input.
    3. RESHAPE before an elementwise operator with one input moves behind it, where it meets others.
    4. The same for ADD and MUL with a constant that has one element, or one for each element of a last axis that the
       RESHAPE keeps.
    5. RESHAPE that only drops the axes that MEAN with keep_dims has left goes, and so does keep_dims.
    """

    name = "merge_reshapes"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            context.at(node)
            if node.op in RESHAPES and node.op != "RESHAPE" and node.output.shape:  # 1
                _normalize(graph, node)
                context.applied(node)
            if node.op == "RESHAPE" and _skip_reshape(graph, node):  # 2
                context.applied(node)
        for node in list(graph.nodes):
            if node.op == "RESHAPE" and (_sink(graph, context.at(node)) or _drop_axes(graph, node)):
                context.applied(node)


def _normalize(graph: Graph, node: Node) -> None:
    plain = reshape_node(graph, node.input(0), node.output, node.name)
    node.op, node.inputs, node.options = plain.op, plain.inputs, plain.options


def _skip_reshape(graph: Graph, node: Node) -> bool:
    producer = graph.producers().get(node.input(0))
    if producer is None or producer.op not in RESHAPES or producer.input(0).is_constant:
        return False
    if not same_representation(producer.input(0), node.output):
        return False
    node.inputs[0] = producer.input(0)
    return True


def _sink(graph: Graph, node: Node) -> bool:
    """RESHAPE, then `reader`, becomes `reader`, then RESHAPE. The reader's result keeps its identity."""
    source, flat = node.input(0), node.output
    reader = only_reader(graph, graph.consumers(), flat)
    if reader is None or source.is_constant or len(reader.outputs) != 1 or reader.output.shape != flat.shape:
        return False
    operands: list[Value | None]
    if is_unary(reader):  # 3
        operands = [source]
    elif reader.op in ("ADD", "MUL") and (constant := _last_axis_constant(graph, reader, source)) is not None:  # 4
        operands = [source, constant]
    else:
        return False
    result = reader.output
    early = Value(graph.unique_name(f"{result.name}_flat"), source.shape, result.dtype, result.quantization)
    position = next(i for i, other in enumerate(graph.nodes) if other is reader)
    graph.nodes[position] = Node(reader.op, operands, [early], dict(reader.options), reader.name)
    graph.insert_after(graph.nodes[position], reshape_node(graph, early, result, node.name))
    graph.remove([node])
    return True


def _drop_axes(graph: Graph, node: Node) -> bool:
    """Case 5. The RESHAPE's result keeps its identity."""
    mean = graph.producers().get(node.input(0))
    if mean is None or mean.op != "MEAN" or only_reader(graph, graph.consumers(), mean.output) is not node:
        return False
    dropped = Node("MEAN", mean.inputs, [node.output], {**mean.options, "keep_dims": False}, mean.name)
    if infer_shapes(dropped) != [node.output.shape] or not same_representation(mean.output, node.output):
        return False
    mean.outputs, mean.options = dropped.outputs, dropped.options
    graph.remove([node])
    return True


def _last_axis_constant(graph: Graph, reader: Node, source: Value) -> Value | None:
    """The constant operand in a shape that suits `source` as well, or None."""
    split = constant_operand(reader)
    if split is None or reader.output.dtype is not DType.FLOAT32 or not source.shape:
        return None
    computed, array = split
    constant = reader.input(1) if reader.input(0) is computed else reader.input(0)
    keeps_last_axis = computed.shape[-1:] == source.shape[-1:]
    if array.size != 1 and not (keeps_last_axis and per_channel(array, source.shape[-1]) is not None):
        return None
    if array.ndim <= 1:
        return constant
    return graph.constant(f"{constant.name}_flat", array.reshape(-1).astype(np.float32))

"""Lets weights come in the order in which a GATHER wants their results."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..ir.graph import Graph, Node
from ..ir.rules import int_option
from ..ir.weighted import bias_of, filter_of, position_of, source_of
from .layout_reshape import taken
from .manager import Context, Pass
from .rewrite import is_unary, only_reader, same_representation

#: Operators with a filter for each output channel, channel by channel along axis 0.
_BY_CHANNEL = frozenset({"CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})


class FoldGather(Pass):
    """Lets weights come in the order in which a GATHER wants their results.

    GATHER of channels by constant indices that alone reads the result of CONV_2D with one group, TRANSPOSE_CONV or
    FULLY_CONNECTED, directly or through elementwise operators with one input, goes: the filters and the bias are
    gathered instead. PyTorch's pixel shuffle behind a convolution becomes DEPTH_TO_SPACE alone.
    """

    name = "fold_gather"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            if node.op != "GATHER":
                continue
            refusal = _fold(graph, context.at(node))
            if refusal is None:
                context.applied(node)
            else:
                context.rejected(node, refusal)


def _fold(graph: Graph, gather: Node) -> str | None:
    """The reason when it does not apply."""
    order = _channel_order(gather)
    if order is None:
        return "it does not gather channels by constant indices"
    chain = _chain(graph, gather)
    if chain is None:
        return "no operator with weights of their own for each channel alone feeds it"
    weighted, between = chain
    position = position_of(weighted.op, "filter")
    weighted.inputs[position] = taken(graph, filter_of(weighted), 0, order)
    bias = bias_of(weighted)
    if bias is not None:
        weighted.inputs[position_of(weighted.op, "bias")] = taken(graph, bias, 0, order)
    last = between[-1] if between else weighted
    for node in (weighted, *between):
        node.output.shape = gather.output.shape
        node.output.origin = None  # its channels are in an order that the source never had
    last.outputs = [gather.output]
    graph.remove([gather])
    if weighted.op == "TRANSPOSE_CONV":
        shape = graph.constant(weighted.input(0).name, np.array(weighted.output.shape, np.int32))
        weighted.inputs[0] = shape
    return None


def _channel_order(gather: Node) -> npt.NDArray[np.int64] | None:
    indices = gather.input(1).data
    rank = len(gather.input(0).shape)
    if indices is None or indices.ndim != 1 or int_option(gather, "batch_dims") or rank < 2:
        return None
    if int_option(gather, "axis") % rank != rank - 1 or not same_representation(gather.input(0), gather.output):
        return None
    order = indices.astype(np.int64)
    return order if order.size and order.min() >= 0 and order.max() < gather.input(0).shape[-1] else None


def _chain(graph: Graph, gather: Node) -> tuple[Node, list[Node]] | None:
    """The operator with weights, and what lies between it and the GATHER, in order."""
    producers, readers = graph.producers(), graph.consumers()
    between: list[Node] = []
    value, reader = gather.input(0), gather
    while True:
        node = producers.get(value)
        if node is None or only_reader(graph, readers, value) is not reader or len(node.outputs) != 1:
            return None
        if node.op in _BY_CHANNEL:
            weights, bias = filter_of(node), bias_of(node)
            constant = weights.is_constant and (bias is None or bias.is_constant)
            one_group = weights.shape[-1] == source_of(node).shape[-1] or node.op != "CONV_2D"
            return (node, between) if constant and one_group else None
        if not is_unary(node):
            return None
        between.insert(0, node)
        value, reader = node.input(0), node

"""Writes pooling over whole images as MEAN, whose int8 form has an output scale of its own.

AVERAGE_POOL_2D copies codes' scale from input to output. The mean of an image reaches a fraction of what its largest
element does, so its codes would use as small a part of the 255, and what decides on the class reads nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ir.graph import Graph, Node
from ..ir.ranges import Ranges
from ..ir.rules import enum_option, int_option
from .scheme import Scheme

#: Where the mean reaches more than this part of the input's range there is next to nothing to gain.
NARROWER = 0.8


def means_of_images(graph: Graph, scheme: Scheme, ranges: Ranges) -> tuple[Graph, int]:
    """A new graph with MEAN over rows and columns where int8 pooling has one window, and how many there are."""
    nodes, changed = [], 0
    for node in graph.nodes:
        inputs, op, options = list(node.inputs), node.op, dict(node.options)
        if node in scheme.int8_nodes and _has_one_window(node) and _is_narrower(node, ranges):
            axes = graph.constant(f"{node.output.name}/axes", np.array([1, 2], np.int32))
            inputs, op, options = [node.input(0), axes], "MEAN", {"keep_dims": True}
            changed += 1
        nodes.append(Node(op, inputs, list(node.outputs), options, node.name))
    return (replace(graph, nodes=nodes), changed) if changed else (graph, 0)


def _has_one_window(node: Node) -> bool:
    """Whether the window is the image, of which nothing is left out and nothing is beside it."""
    if node.op != "AVERAGE_POOL_2D" or enum_option(node, "fused_activation_function") != "NONE":
        return False
    window = int_option(node, "filter_height"), int_option(node, "filter_width")
    return node.input(0).shape[1:3] == window and node.output.shape[1:3] == (1, 1)


def _is_narrower(node: Node, ranges: Ranges) -> bool:
    before, after = (ranges.by_name.get(value.name) for value in (node.input(0), node.output))
    if before is None or after is None:
        return False
    spans = [max(seen.high, 0.0) - min(seen.low, 0.0) for seen in (before, after)]
    return spans[1] < NARROWER * spans[0]

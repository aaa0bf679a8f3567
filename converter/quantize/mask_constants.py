"""Keeps constants that only mean "never" out of int8 ranges: the -1e9 of an attention mask, the -3e38 of a padding.

Such a number would set the scale of what it is added to or stands beside, and leave one step for everything else. What
reads it cannot tell it from a number just below all others:

1. MAX_POOL_2D of PADV2: the smallest number that the padded tensor holds.
2. SOFTMAX of ADD with a constant of zeros and masks, or of SELECT_V2 with a constant: a number NEGLIGIBLE below every
   other one weighs less than half a step of the softmax's int8 output, 1/256, beside any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..ir.graph import Graph, Node
from ..ir.judged import judged_values
from ..ir.ranges import Range, Ranges
from ..ir.statistics import Calibration
from ..ir.types import DType

#: e^-8 is 1/2981.
NEGLIGIBLE = 8.0
#: Where an operator may have the constant, and the operand beside it.
OPERANDS = {"PADV2": ((2, 0),), "ADD": ((1, 0), (0, 1)), "SELECT_V2": ((2, 1), (1, 2))}


@dataclass(frozen=True)
class _Change:
    """A node's constant operand in its new form, and the range that its output has then."""

    node: Node
    operand: int
    data: npt.NDArray[np.float32]
    output: Range


def clamp_mask_constants(graph: Graph, calibration: Calibration) -> tuple[Graph, Calibration, int]:
    """A new graph with moderate constants, its ranges, and how many constants changed."""
    changes = {change.node: change for change in _changes(graph, calibration.ranges)}
    if not changes:
        return graph, calibration, 0
    nodes = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        if node in changes:
            change = changes[node]
            inputs[change.operand] = replace(node.input(change.operand), data=change.data)
        nodes.append(Node(node.op, inputs, list(node.outputs), dict(node.options), node.name))
    ranges = {**calibration.ranges.by_name, **{node.output.name: change.output for node, change in changes.items()}}
    # Their histograms hold the old constants.
    histograms = {name: h for name, h in calibration.histograms.items() if name not in _names(changes)}
    statistics = replace(calibration, ranges=Ranges(ranges, calibration.ranges.samples), histograms=histograms)
    return replace(graph, nodes=nodes), statistics, len(changes)


def _names(changes: Mapping[Node, _Change]) -> set[str]:
    return {node.output.name for node in changes}


def _changes(graph: Graph, ranges: Ranges) -> Iterator[_Change]:
    readers = graph.consumers()
    # What a graph is judged by keeps its numbers: it is compared with the float graph's.
    kept = {*graph.outputs, *judged_values(graph)}
    for node in graph.nodes:
        if node.op not in OPERANDS or node.output in kept:
            continue
        reading = {reader.op for reader in readers[node.output]}
        if reading == {"MAX_POOL_2D" if node.op == "PADV2" else "SOFTMAX"}:
            found = (_change(node, constant, live, ranges) for constant, live in OPERANDS[node.op])
            yield from [change for change in found if change is not None][:1]


def _change(node: Node, operand: int, live: int, ranges: Ranges) -> _Change | None:
    masks, seen = node.input(operand), ranges.by_name.get(node.input(live).name)
    if seen is None or masks.data is None or masks.dtype is not DType.FLOAT32 or masks.elements == 0:
        return None
    floor = seen.low if node.op == "PADV2" else seen.low - NEGLIGIBLE
    if node.op == "ADD":
        floor -= seen.high
        # What is added to the numbers that count must stay: only a mask of zeros and such constants is understood.
        if not ((masks.data == 0) | (masks.data < floor)).all():
            return None
    moderate = np.maximum(masks.data, np.float32(floor))
    if np.array_equal(moderate, masks.data):
        return None
    low, high = float(moderate.min()), float(moderate.max())
    if node.op == "ADD":
        return _Change(node, operand, moderate, Range(seen.low + low, seen.high + high))
    return _Change(node, operand, moderate, Range(min(seen.low, low), max(seen.high, high)))

"""The values that an int8 form of a graph is judged by.

A softmax or a sigmoid at the end hides errors where it saturates, and its int8 form has 256 steps whatever the network
did: what goes into it says more. Classes and thresholds are the same on either side, as these functions are monotone.
"""

from __future__ import annotations

from .graph import Graph, Value
from .types import DType

SATURATING = ("SOFTMAX", "LOGISTIC", "TANH")
#: Operators that only move elements or change their type.
MOVING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "QUANTIZE", "DEQUANTIZE")


def judged_values(graph: Graph) -> tuple[Value, ...]:
    """For each float32 output: the value itself, or the one that goes into a saturating function at its end."""
    return tuple(dict.fromkeys(judged_by_output(graph).values()))


def judged_by_output(graph: Graph) -> dict[Value, Value]:
    """The judged value of each float32 output."""
    producers = graph.producers()
    found: dict[Value, Value] = {}
    for output in graph.outputs:
        if output.dtype is not DType.FLOAT32:
            continue
        value, judged = output, output
        while (node := producers.get(value)) is not None and node.op in (*MOVING, *SATURATING):
            value = node.input(0)
            if node.op in SATURATING:
                if value.dtype is DType.FLOAT32 and not value.is_constant:
                    judged = value
                break
        found[output] = judged
    return found

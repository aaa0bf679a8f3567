"""What is known of a value's range without running the graph."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from ..ir.graph import Node, Value
from .rewrite import activation

Bounds = tuple[float, float]

UNKNOWN: Bounds = (-inf, inf)

#: Output range of operators and of fused activations, whatever the input.
ACTIVATION_BOUNDS: Mapping[str, Bounds] = {
    "RELU": (0.0, inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "LOGISTIC": (0.0, 1.0),
    "SOFTMAX": (0.0, 1.0),
    "TANH": (-1.0, 1.0),
    "ABS": (0.0, inf),
    "EXP": (0.0, inf),
    "ELU": (-1.0, inf),
}

#: Operators whose outputs are among their inputs' elements or means of them.
_SELECTING = frozenset(
    {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CONCATENATION", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN"}
    | {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "BATCH_TO_SPACE_ND"}
)


_MAX_DEPTH = 16


def bounds(value: Value, producers: Mapping[Value, Node], depth: int = 0) -> Bounds:
    """Lower and upper bound of a float value, in real numbers; infinite where nothing is known."""
    if value.data is not None:
        if not value.dtype.is_float or value.elements == 0:
            return UNKNOWN
        return float(np.min(value.data)), float(np.max(value.data))
    node = producers.get(value)
    if node is None or depth > _MAX_DEPTH:
        return UNKNOWN
    low, high = ACTIVATION_BOUNDS.get(node.op, UNKNOWN)
    if node.op in _SELECTING:
        data = node.inputs if node.op == "CONCATENATION" else node.inputs[:1]
        parts = [bounds(operand, producers, depth + 1) for operand in data if operand is not None]
        low, high = min(part[0] for part in parts), max(part[1] for part in parts)
    fused_low, fused_high = ACTIVATION_BOUNDS.get(activation(node), UNKNOWN)
    return max(low, fused_low), min(high, fused_high)

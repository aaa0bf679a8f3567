"""What would help a layer: more samples where the mean is off, more effort where it is left, else more bits where they
are missing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.types import DType
from ..options import Options
from ..quantize import why_not
from .causes import BIAS, CLIPPING

#: From this share of a layer's own squared error on it is its weights that need more bits.
WEIGHTS = 0.5


@dataclass(frozen=True)
class Advice:
    """A flag, and the operators of the float graph to which it gives another precision: none where it gives samples or
    effort."""

    flag: str
    nodes: tuple[Node, ...] = ()
    precision: str = ""


def advice(
    cause: str, weights_share: float, result: Value, nodes: Sequence[Node], floats: Graph, options: Options
) -> Advice:
    """The flag for a layer, which `nodes` of the float graph make up; the last of them writes `result`.

    int16 holds activations: that helps where their rounding is most of the error, and only if what reads the result
    takes 16 bits too. Rounded weights, clipped ranges and operators without an int16 form need float32.
    """
    if cause == BIAS:
        return Advice("more calibration samples")
    of_weights = weights_share > WEIGHTS
    weighted = any(OPS[node.op].quantize == "weights" for node in nodes)
    if weighted and cause != CLIPPING and options.effort < (2 if of_weights else 1):
        return Advice(f"--effort {options.effort + 1}")
    own, precision = {title_of(result, nodes[-1]): nodes[-1]}, "float32"
    if of_weights:
        return _keeping(own, precision)
    reading = list(_readers(floats, result))
    if cause != CLIPPING and options.quantize == "int8" and all(_has_int16(node) for node in (*nodes, *reading)):
        precision = "int16"
    return _keeping({**own, **{title_of(node.outputs[0], node): node for node in reading}}, precision)


def _keeping(named: Mapping[str, Node], precision: str) -> Advice:
    option = {"int16": "--keep-int16", "float32": "--keep-float"}[precision]
    flag = " ".join(f"{option} {shlex.quote(name)}" for name in named)
    return Advice(flag, tuple(named.values()), precision)


def title_of(value: Value, node: Node) -> str:
    """The name that the source knows an operator by, from what it writes."""
    return value.origin.name if value.origin is not None else node.name or value.name


def _has_int16(node: Node) -> bool:
    return why_not(node, DType.INT16) is None


def _readers(graph: Graph, value: Value) -> Iterator[Node]:
    """Operators that compute with a value; those that move it on the way count as well."""
    consumers, pending, seen = graph.consumers(), [value], set[Node]()
    while pending:
        for node in consumers[pending.pop()]:
            if node not in seen:
                seen.add(node)
                yield node
                if OPS[node.op].quantize == "same":
                    pending += node.outputs

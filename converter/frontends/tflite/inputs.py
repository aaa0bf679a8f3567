"""Shapes of the graph's inputs: the file's, with open dimensions settled, or the ones that the user gives."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from ...errors import Blocker, UsageError
from ...gen import tflite
from ...ir.graph import Graph, Value
from ...ir.types import Shape
from ...options import Options
from .errors import STAGE

_log = logging.getLogger(__name__)


def set_input_shapes(graph: Graph, subgraph: tflite.SubGraph, options: Options) -> None:
    """Give every input its shape. An open first dimension becomes 1.

    Raises UsageError when another dimension is open, or `options.input_shape` names no input or has another rank.
    """
    blockers = _unknown_names(graph, options)
    indices: npt.NDArray[np.int32] = np.empty(0, np.int32) if subgraph.inputs is None else subgraph.inputs
    for value, name, index in zip(graph.inputs, graph.input_names, indices, strict=True):
        given = options.input_shape.get(name) or options.input_shape.get(value.name)
        stored = subgraph.tensors[int(index)]
        signature = stored.shape if stored.shape_signature is None else stored.shape_signature
        dims = value.shape if signature is None or len(signature) != len(value.shape) else tuple(map(int, signature))
        if given is not None:
            blockers += _apply(value, name, dims, tuple(given))
        elif any(dim < 0 for dim in dims[1:]):
            blockers.append(
                Blocker(f"input {name!r}", f"has open dimensions {_text(dims)}", f"Give --input-shape {name}=...")
            )
        elif dims and dims[0] < 0:
            _log.warning("input %r: the open first dimension becomes 1", name)
            value.shape = (1, *dims[1:])
    if blockers:
        raise UsageError(STAGE, blockers)


def _unknown_names(graph: Graph, options: Options) -> list[Blocker]:
    known = {*graph.input_names, *(value.name for value in graph.inputs)}
    listed = ", ".join(repr(name) for name in graph.input_names)
    return [
        Blocker(f"--input-shape {name}", "the model has no such input", f"Its inputs are {listed}")
        for name in options.input_shape
        if name not in known
    ]


def _apply(value: Value, name: str, dims: Shape, given: Shape) -> list[Blocker]:
    if len(given) != len(dims) or any(dim < 1 for dim in given):
        remedy = f"The model wants {len(dims)} positive dimensions"
        return [Blocker(f"--input-shape {name}", f"is {list(given)}", remedy)]
    value.shape = given
    return []


def _text(dims: Shape) -> str:
    return "[" + ", ".join("?" if dim < 0 else str(dim) for dim in dims) + "]"

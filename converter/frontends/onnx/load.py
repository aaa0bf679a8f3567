"""The main flow: an ONNX model becomes an IR graph with TFLite semantics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx

from ...errors import Blocker, InvalidModelError, IRError, UnsupportedError
from ...ir.graph import Graph
from ...ir.verify import verify
from ...options import Options
from . import (
    activation,
    cast,
    compare,
    concat,
    conv,
    dense,
    elementwise,
    expand,
    functions,
    normalization,
    pad,
    pool,
    reduce,
    reshape,
    resize,
    slice,
    softmax,
    space,
    transpose,
    transpose_conv,
)
from .builder import Builder
from .errors import STAGE, Refusal
from .graph import OnnxNode, StaticGraph
from .read import prepare
from .registry import MAPPINGS, remedy_for
from .resolve import resolve
from .shapes import MAX_ELEMENTS

#: Importing a family registers its operators.
FAMILIES = (
    activation, cast, compare, concat, conv, dense, elementwise, expand, functions, normalization, pad, pool, reduce,
    reshape, resize, slice, softmax, space, transpose, transpose_conv,
)  # fmt: skip


def load_onnx(model: onnx.ModelProto, options: Options) -> Graph:
    """Lower a model. Layout is the source's: transposes stand round every operator on images, for a pass to remove.

    Raises UsageError for unknown input shapes, InvalidModelError for a model that contradicts itself or holds NaN or
    infinity, UnsupportedError with every node that our operators cannot express.
    """
    checked = prepare(model)
    net = resolve(checked, options)
    graph = lower(net)
    try:
        verify(graph)  # ONNX's sizes and numbers have 64 bits, ours have 32
    except IRError as error:
        raise InvalidModelError(STAGE, error.blockers) from error
    return graph


def supported_operators() -> tuple[str, ...]:
    """The ONNX operator types that can be lowered, sorted. Any other is folded where its inputs are constants."""
    return tuple(sorted(MAPPINGS))


def lower(net: StaticGraph) -> Graph:
    """Map every node; collect what cannot be mapped."""
    build = Builder(net)
    refused: list[_Refused] = []
    for tensor in net.inputs:
        with _collected(refused, "input", tensor.name):
            build.add_input(tensor)
    for node in net.nodes:
        with _collected(refused, node.full_type, node.name):
            _map(node, build)
        build.stand_in(node)
    if not refused:
        for name, tensor in net.outputs:
            with _collected(refused, "output", name):
                build.add_output(name, tensor)
    if refused:
        raise UnsupportedError(STAGE, _grouped(refused))
    if build.not_finite:
        raise InvalidModelError(
            STAGE,
            [Blocker(f"tensor {name!r}", "holds NaN or infinity", "Check the training") for name in build.not_finite],
        )
    return build.graph


@dataclass(frozen=True)
class _Refused:
    """What cannot be mapped: a node by its operator type and name, or an input or output."""

    kind: str
    name: str
    refusal: Refusal


@contextmanager
def _collected(refused: list[_Refused], kind: str, name: str) -> Iterator[None]:
    """Add a refusal from inside to the list and go on."""
    try:
        yield
    except Refusal as refusal:
        refused.append(_Refused(kind, name, refusal))
    except IRError as error:  # ONNX's shape inference and our rules disagree about an absurd node
        refused += (_Refused(kind, name, Refusal(blocker.found, blocker.remedy)) for blocker in error.blockers)


def _map(node: OnnxNode, build: Builder) -> None:
    """Lower one node. A node behind one whose result is unknown is passed over: only the cause is reported."""
    mapping = MAPPINGS.get(node.full_type)
    if mapping is None:
        raise Refusal("the operator is not supported", remedy_for(node.op_type))
    if any(tensor is not None and not build.has(tensor) for tensor in node.inputs):
        return
    unknown = [tensor.name for tensor in node.outputs if tensor is not None and not tensor.is_known]
    if unknown:
        raise Refusal(
            f"the shape of {unknown[0]!r} depends on data", "Make the operands that hold shapes and sizes constants"
        )
    for tensor in node.outputs:
        if tensor is None:
            continue
        if min(tensor.dims, default=0) < 0 or math.prod(max(dim, 1) for dim in tensor.dims) > MAX_ELEMENTS:
            raise Refusal(f"a result of shape {list(tensor.dims)}", "Its elements have to be counted in 32 bits")
    build.begin(node)
    with np.errstate(all="ignore"):  # the builder finds constants that are not finite
        mapping(node, build)


def _grouped(refused: Sequence[_Refused]) -> list[Blocker]:
    """One blocker per reason, naming every node that has it."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for one in refused:
        names.setdefault((one.kind, one.refusal.found, one.refusal.remedy), []).append(one.name)
    return [
        Blocker(f"{kind} {', '.join(map(repr, having))}", found, remedy)
        for (kind, found, remedy), having in names.items()
    ]

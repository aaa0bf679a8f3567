"""What of a sound file we cannot take, and float16 weights, which become float32 constants."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from ...errors import Blocker
from ...gen.ops import OpSpec
from ...ir.graph import Graph, Node
from ...ir.rules import spec_of
from ...ir.types import DType
from ...ir.verify import describe, operand_types, types_fit
from ...ir.weighted import bias_of, stored_constants


def fold_float16(graph: Graph) -> None:
    """DEQUANTIZE of a float16 constant becomes a float32 constant: every float16 number is a float32 number.

    Quantization that is not a weight's, an activation's or a bias's (shapes, axes, indices) means nothing and goes.
    """
    folded: list[Node] = []
    biases = {id(bias_of(node)) for node in graph.nodes if spec_of(node.op).quantize == "weights"}
    for node in graph.nodes:
        source = node.input(0)
        if node.op == "DEQUANTIZE" and source.dtype is DType.FLOAT16 and source.data is not None:
            node.output.data = source.data.astype(np.float32)
            node.output.shape = source.shape
            node.output.origin = source.origin
            folded.append(node)
        for value in node.inputs:
            if value is not None and value.dtype in (DType.INT32, DType.INT64) and id(value) not in biases:
                value.quantization = None
    graph.remove(folded)


#: Operands that need not be marked as constants in ops.toml, since the runtime follows them to a shape, but that the
#: converter has to know.
_KNOWN_OPERANDS = {"RESHAPE": (1,), "SLICE": (1, 2), "STRIDED_SLICE": (1, 2, 3)}


def unsupported_nodes(graph: Graph, from_shapes: Collection[Node] = ()) -> Iterator[Blocker]:
    """Nodes whose element types, or operands computed at run time, are beyond us.

    Results of `from_shapes` will be constants, and those nodes will go.
    """
    constants = {value for node in from_shapes for value in node.outputs} | stored_constants(graph)
    for index, node in enumerate(graph.nodes):
        if node in from_shapes:
            continue
        spec = spec_of(node.op)
        where = describe(index, node)
        if not types_fit(spec, node):
            yield Blocker(where, f"has element types {operand_types(node)}", _remedy(spec))
        for i, value in enumerate(node.inputs):
            if value is None or value.is_constant or value in constants:
                continue
            operand = spec.input(i)
            if operand.constant or i in _KNOWN_OPERANDS.get(node.op, ()):
                found = f"its operand {operand.name} ({value.name!r}) is computed in the graph"
                yield Blocker(where, found, "It must be a constant")


def _remedy(spec: OpSpec) -> str:
    rows = [f"{' '.join(row.inputs)} -> {' '.join(row.outputs)}" for row in spec.types]
    return "Supported are " + "; ".join(rows)

"""From the bytes of a .tflite file to a graph.

The stored shapes of computed tensors are hints: every shape is worked out anew from those of the inputs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ...errors import Blocker, InvalidModelError, IRError, UnsupportedError
from ...gen import tflite
from ...ir.graph import Graph, Node, Value
from ...ir.rules import infer_shapes
from ...ir.verify import describe, verify
from ...options import Options
from .errors import STAGE
from .inputs import set_input_shapes
from .operators import node_of, unknown_operators
from .shape_arithmetic import fold_shape, shape_nodes
from .support import fold_float16, unsupported_nodes
from .tensors import Tensors

#: Metadata that describes the source file's bytes, not the model.
_STALE_METADATA = ("OfflineMemoryAllocation", "min_runtime_version", "liteinterp.provenance")


def load(content: bytes, options: Options) -> Graph:
    """The graph in the bytes of a .tflite file.

    Raises InvalidModelError for bytes that are no sound model, UnsupportedError with everything that we lack, and
    UsageError for input shapes that are needed or do not fit.
    """
    try:
        model = tflite.read_model(content)
    except ValueError as error:
        raise InvalidModelError.at(STAGE, "", f"it is damaged or truncated: {error}") from error
    if model.version != 3 or not model.subgraphs:
        found = f"schema version {model.version}, {len(model.subgraphs)} subgraphs"
        raise InvalidModelError.at(STAGE, "", found, "A .tflite file has version 3 and at least one subgraph")
    subgraph = model.subgraphs[0]
    blockers = [*_several_subgraphs(model), *unknown_operators(model, subgraph)]
    if blockers:
        raise UnsupportedError(STAGE, blockers)
    return _build(model, subgraph, options)


def _several_subgraphs(model: tflite.Model) -> Iterator[Blocker]:
    if len(model.subgraphs) > 1:
        yield Blocker(
            "subgraphs", f"the file has {len(model.subgraphs)}", "Export the model without control flow, as one graph"
        )


def _build(model: tflite.Model, subgraph: tflite.SubGraph, options: Options) -> Graph:
    tensors = Tensors(model, subgraph)
    nodes = [node_of(model, index, operator, tensors) for index, operator in enumerate(subgraph.operators)]
    inputs = [tensors.required(int(i), "graph input") for i in _numbers(subgraph.inputs)]
    outputs = [tensors.required(int(i), "graph output") for i in _numbers(subgraph.outputs)]
    tensors.raise_problems()
    graph = Graph(nodes, inputs, outputs, name=subgraph.name or "main", metadata=_metadata(model))
    graph.input_names, graph.output_names = _names(model, subgraph, graph)
    fold_float16(graph)
    from_shapes = shape_nodes(graph)
    blockers = list(unsupported_nodes(graph, from_shapes))
    if blockers:
        raise UnsupportedError(STAGE, blockers)
    set_input_shapes(graph, subgraph, options)
    _infer(graph, from_shapes)
    graph.remove(from_shapes)
    try:
        verify(graph)
    except IRError as error:
        raise InvalidModelError(STAGE, error.blockers) from error
    return graph


def _numbers(vector: object) -> list[int]:
    return [] if vector is None else [int(x) for x in vector]  # type: ignore[attr-defined]


def _infer(graph: Graph, from_shapes: Collection[Node]) -> None:
    """Work out the shape of every computed value, and the elements of those that follow from shapes."""
    for index, node in enumerate(graph.nodes):
        try:
            shapes = infer_shapes(node)
            if node in from_shapes:
                fold_shape(node, shapes[0])
        except (ValueError, IndexError) as error:
            raise InvalidModelError.at(STAGE, describe(index, node), str(error)) from error
        for value, shape in zip(node.outputs, shapes, strict=False):
            value.shape = shape


def _metadata(model: tflite.Model) -> dict[str, bytes]:
    entries: dict[str, bytes] = {}
    for entry in model.metadata:
        if entry.name and entry.name not in _STALE_METADATA and entry.buffer < len(model.buffers):
            data = model.buffers[entry.buffer].data
            entries[entry.name] = b"" if data is None else data.tobytes()
    return entries


def _names(model: tflite.Model, subgraph: tflite.SubGraph, graph: Graph) -> tuple[list[str], list[str]]:
    """Names of inputs and outputs: the signature's where it covers them, else those of the tensors."""
    signatures = [s for s in model.signature_defs if s.subgraph_index == 0]
    signatures.sort(key=lambda s: s.signature_key != "serving_default")
    chosen = signatures[0] if signatures else tflite.SignatureDef()
    return (
        _port_names(chosen.inputs, _numbers(subgraph.inputs), graph.inputs),
        _port_names(chosen.outputs, _numbers(subgraph.outputs), graph.outputs),
    )


def _port_names(entries: list[tflite.TensorMap], indices: list[int], values: list[Value]) -> list[str]:
    named = {entry.tensor_index: entry.name for entry in entries if entry.name}
    names = [named.get(index) or "" for index in indices]
    if all(names) and len(set(names)) == len(names):
        return names
    plain = [value.origin.name if value.origin is not None else value.name for value in values]
    return plain if len(set(plain)) == len(plain) else [value.name for value in values]

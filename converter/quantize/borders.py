"""Element types of the graph's inputs and outputs.

float32: as `apply` leaves them. int8, int16: the QUANTIZE behind a float32 input and the DEQUANTIZE before an output
go, and the value of that type takes over the name. uint8: the same bytes with zero point + 128, converted by QUANTIZE.
"""

from __future__ import annotations

from ..ir.graph import Graph, Node, Value
from ..ir.types import DType, Quantization
from ..options import IoType


def set_border_types(graph: Graph, io: IoType, input_io: IoType | None = None) -> tuple[str, ...]:
    """Change a graph with float32 borders in place. Returns notes on borders that stay float32, and why.

    `input_io` is the type of inputs where it is not that of outputs.
    """
    input_io = io if input_io is None else input_io
    notes = []
    for i, value in enumerate(graph.inputs) if input_io != "float32" else ():
        if value.dtype is DType.FLOAT32 and not _replace_input(graph, i, input_io):
            why = "float32 operators read it" if graph.consumers()[value] else "nothing reads it"
            notes.append(f"input {value.name!r} stays float32: {why}")
    for i, value in enumerate(graph.outputs) if io != "float32" else ():
        if value.dtype is DType.FLOAT32 and not _replace_output(graph, i, io):
            notes.append(f"output {value.name!r} stays float32: a float32 operator makes it")
    return tuple(notes)


def _replace_input(graph: Graph, i: int, io: IoType) -> bool:
    value = graph.inputs[i]
    readers = [node for node in graph.nodes if value in node.inputs]
    if value in graph.outputs or len(readers) != 1 or readers[0].op != "QUANTIZE":
        return False
    (reader,) = readers
    inner = reader.output
    if inner.dtype is not _inner_type(io):
        return False
    if io != "uint8":
        graph.remove([reader])
        inner.name = value.name
        graph.inputs[i] = inner
    else:
        graph.inputs[i] = Value(value.name, value.shape, DType.UINT8, _as_uint8(inner.quantization))
        reader.inputs = [graph.inputs[i]]
    return True


def _replace_output(graph: Graph, i: int, io: IoType) -> bool:
    value = graph.outputs[i]
    producer = graph.producers().get(value)
    if producer is None or producer.op != "DEQUANTIZE" or any(value in node.inputs for node in graph.nodes):
        return False
    inner = producer.input(0)
    if inner.dtype is not _inner_type(io):
        return False
    # A value that is an input or an output already keeps that name; here it is copied by a QUANTIZE.
    if io != "uint8" and inner not in graph.outputs and inner not in graph.inputs and graph.outputs.count(value) == 1:
        graph.remove([producer])
        inner.name = value.name
        graph.outputs[i] = inner
        return True
    quantization = _as_uint8(inner.quantization) if io == "uint8" else inner.quantization
    made = Value(value.name, value.shape, DType(io), quantization)
    position = graph.nodes.index(producer)
    graph.nodes[position] = Node("QUANTIZE", [inner], [made], {}, producer.name)
    graph.outputs = [made if output is value else output for output in graph.outputs]
    return True


def _inner_type(io: IoType) -> DType:
    """What a border of type `io` is made from."""
    return DType.INT16 if io == "int16" else DType.INT8


def _as_uint8(quantization: Quantization | None) -> Quantization:
    if quantization is None:
        raise ValueError("an int8 value without quantization")
    return Quantization.per_tensor(quantization.scale, quantization.zero_point + 128)

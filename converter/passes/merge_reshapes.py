"""Brings RESHAPEs together and leaves one of each chain."""

from __future__ import annotations

import math

import numpy as np

from ..gen.ops import OPS
from ..ir.graph import Graph, Node, Value
from ..ir.rules import infer_shapes, int_option
from ..ir.types import DType
from .manager import Context, Pass
from .rewrite import (
    RESHAPES,
    constant_operand,
    is_output,
    is_unary,
    only_reader,
    per_channel,
    reshape_node,
    same_representation,
)

#: Readers of a RESHAPE that read through it, beside those on elements.
FOLLOWING = ("RESHAPE", "CONCATENATION")

PADS = ("PAD", "PADV2", "MIRROR_PAD")


class MergeReshapes(Pass):
    """Brings RESHAPEs together and leaves one of each chain.

    1. SQUEEZE and EXPAND_DIMS become RESHAPE, the normal form that other passes look for; SQUEEZE to a scalar stays.
    2. RESHAPE of a RESHAPE reads the first one's input.
    3. RESHAPE before an elementwise operator with one input moves behind it, where it meets others.
    4. The same for ADD and MUL with a constant that has one element, or one for each element of a last axis that the
       RESHAPE keeps.
    5. RESHAPE that only drops the axes that MEAN with keep_dims has left goes, and so does keep_dims.
    6. RESHAPEs of all operands of an elementwise operator on several tensors become one of its result, where they
       change one shape to one other; so do those of CONCATENATION along an axis that they keep.
    7. An elementwise operator with one input that reads a RESHAPE among other readers reads what the RESHAPE reads, and
       has one of its own behind it, if the others could do the same: cases 2 and 6 bring them together again.
    8. PAD, PADV2 or MIRROR_PAD of a RESHAPE that only adds or drops axes of size 1, which it does not pad, pads before
       it: explicit padding before a convolution on one dimension.
    """

    name = "merge_reshapes"

    def run(self, graph: Graph, context: Context) -> None:
        for node in list(graph.nodes):
            context.at(node)
            if node.op in RESHAPES and node.op != "RESHAPE" and node.output.shape:  # 1
                _normalize(graph, node)
                context.applied(node)
            if node.op == "RESHAPE" and _skip_reshape(graph, node):  # 2
                context.applied(node)
        for node in list(graph.nodes):
            if node.op == "RESHAPE" and (_sink(graph, context.at(node)) or _drop_axes(graph, node)):
                context.applied(node)
        for node in list(graph.nodes):
            if _reads_through(graph, context.at(node)) or _pads_before(graph, node):  # 6, 7, 8
                context.applied(node)


def _normalize(graph: Graph, node: Node) -> None:
    plain = reshape_node(graph, node.input(0), node.output, node.name)
    node.op, node.inputs, node.options = plain.op, plain.inputs, plain.options


def _skip_reshape(graph: Graph, node: Node) -> bool:
    producer = graph.producers().get(node.input(0))
    if producer is None or producer.op not in RESHAPES or producer.input(0).is_constant:
        return False
    if not same_representation(producer.input(0), node.output):
        return False
    node.inputs[0] = producer.input(0)
    return True


def _sink(graph: Graph, node: Node) -> bool:
    """RESHAPE, then `reader`, becomes `reader`, then RESHAPE. The reader's result keeps its identity."""
    source, flat = node.input(0), node.output
    reader = only_reader(graph, graph.consumers(), flat)
    if reader is None or source.is_constant or len(reader.outputs) != 1 or reader.output.shape != flat.shape:
        return False
    operands: list[Value | None]
    if is_unary(reader):  # 3
        operands = [source]
    elif reader.op in ("ADD", "MUL") and (constant := _last_axis_constant(graph, reader, source)) is not None:  # 4
        operands = [source, constant]
    else:
        return False
    result = reader.output
    early = Value(graph.unique_name(f"{result.name}_flat"), source.shape, result.dtype, result.quantization)
    position = next(i for i, other in enumerate(graph.nodes) if other is reader)
    graph.nodes[position] = Node(reader.op, operands, [early], dict(reader.options), reader.name)
    graph.insert_after(graph.nodes[position], reshape_node(graph, early, result, node.name))
    graph.remove([node])
    return True


def _reads_through(graph: Graph, node: Node) -> bool:
    """Cases 6 and 7. The result of `node` keeps its identity."""
    producers = graph.producers()
    operands = [value for value in node.inputs if value is not None]
    reshapes = [producers.get(value) for value in operands]
    if len(node.outputs) != 1 or not reshapes or not all(_is_plain_reshape(reshape) for reshape in reshapes):
        return False
    sources = [reshape.input(0) for reshape in reshapes if reshape is not None]
    result = node.output
    options = dict(node.options)
    if node.op == "CONCATENATION":
        axis = _kept_axis(operands, sources, int_option(node, "axis") % len(result.shape))
        if axis is None:
            return False
        options["axis"] = axis
        joined = sum(source.shape[axis] for source in sources)
        shape = (*sources[0].shape[:axis], joined, *sources[0].shape[axis + 1 :])
    else:
        alike = all(value.shape == result.shape for value in operands) and len({s.shape for s in sources}) == 1
        if not alike or not (OPS[node.op].broadcast or _may_follow(graph, node)):
            return False
        shape = sources[0].shape
    early = Value(graph.unique_name(f"{result.name}_flat"), shape, result.dtype, result.quantization)
    position = next(i for i, other in enumerate(graph.nodes) if other is node)
    graph.nodes[position] = Node(node.op, list(sources), [early], options, node.name)
    graph.insert_after(graph.nodes[position], reshape_node(graph, early, result, node.name))
    return True


def _pads_before(graph: Graph, node: Node) -> bool:
    """Case 8. The result of `node` keeps its identity."""
    reshape = graph.producers().get(node.input(0)) if node.op in PADS else None
    if reshape is None or not _is_plain_reshape(reshape) or node.input(1).data is None:
        return False
    source, flat, result = reshape.input(0), node.input(0), node.output
    long_axes = [[i for i, size in enumerate(shape) if size != 1] for shape in (source.shape, flat.shape)]
    given = np.asarray(node.input(1).data).reshape(-1, 2)
    unit_axes = [i for i in range(len(flat.shape)) if i not in long_axes[1]]
    if [source.shape[i] for i in long_axes[0]] != [flat.shape[i] for i in long_axes[1]] or given[unit_axes].any():
        return False
    paddings = np.zeros((len(source.shape), 2), given.dtype)
    paddings[long_axes[0]] = given[long_axes[1]]
    shape = tuple(size + int(ends.sum()) for size, ends in zip(source.shape, paddings, strict=True))
    early = Value(graph.unique_name(f"{result.name}_flat"), shape, result.dtype, result.quantization)
    operands = [source, graph.constant(node.input(1).name, paddings), *node.inputs[2:]]
    position = next(i for i, other in enumerate(graph.nodes) if other is node)
    graph.nodes[position] = Node(node.op, operands, [early], dict(node.options), node.name)
    graph.insert_after(graph.nodes[position], reshape_node(graph, early, result, node.name))
    return True


def _is_plain_reshape(node: Node | None) -> bool:
    return (
        node is not None
        and node.op == "RESHAPE"
        and not node.input(0).is_constant
        and same_representation(node.input(0), node.output)
    )


def _may_follow(graph: Graph, node: Node) -> bool:
    """Case 7: the node has one input, and every reader of it could move before the RESHAPE."""
    if not is_unary(node) or is_output(graph, node.input(0)):
        return False
    readers = graph.consumers()[node.input(0)]
    return all(OPS[other.op].broadcast or is_unary(other) or other.op in FOLLOWING for other in readers)


def _kept_axis(operands: list[Value], sources: list[Value], axis: int) -> int | None:
    """Where the sources have the axis of a CONCATENATION of their reshaped forms; None where some have it nowhere."""
    common: set[int] | None = None
    for operand, source in zip(operands, sources, strict=True):
        before = math.prod(operand.shape[:axis])
        found = {
            i
            for i, size in enumerate(source.shape)
            if size == operand.shape[axis] and math.prod(source.shape[:i]) == before
        }
        common = found if common is None else common & found
    for i in sorted(common or (), reverse=True):
        rests = {(*source.shape[:i], *source.shape[i + 1 :]) for source in sources}
        if len(rests) == 1:
            return i
    return None


def _drop_axes(graph: Graph, node: Node) -> bool:
    """Case 5. The RESHAPE's result keeps its identity."""
    mean = graph.producers().get(node.input(0))
    if mean is None or mean.op != "MEAN" or only_reader(graph, graph.consumers(), mean.output) is not node:
        return False
    dropped = Node("MEAN", mean.inputs, [node.output], {**mean.options, "keep_dims": False}, mean.name)
    if infer_shapes(dropped) != [node.output.shape] or not same_representation(mean.output, node.output):
        return False
    mean.outputs, mean.options = dropped.outputs, dropped.options
    graph.remove([node])
    return True


def _last_axis_constant(graph: Graph, reader: Node, source: Value) -> Value | None:
    """The constant operand in a shape that suits `source` as well, or None."""
    split = constant_operand(reader)
    if split is None or reader.output.dtype is not DType.FLOAT32 or not source.shape:
        return None
    computed, array = split
    constant = reader.input(1) if reader.input(0) is computed else reader.input(0)
    keeps_last_axis = computed.shape[-1:] == source.shape[-1:]
    if array.size != 1 and not (keeps_last_axis and per_channel(array, source.shape[-1]) is not None):
        return None
    if array.ndim <= 1:
        return constant
    return graph.constant(f"{constant.name}_flat", array.reshape(-1).astype(np.float32))

"""Slice, Split and Gather: parts of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir.graph import Value
from .builder import Builder
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator


@onnx_operator("Slice")
def slice_(node: OnnxNode, build: Builder) -> None:
    """Starts and ends are attributes, since opset 10 inputs, with steps of either sign."""
    source, result = node.input(0), node.output
    steps = None
    if node.opset >= 10:
        starts, ends = node.integers(1, "starts"), node.integers(2, "ends")
        steps = node.integers(4, "steps")
    else:
        starts, ends = node.attributes.integers("starts"), node.attributes.integers("ends")
    axes = node.axes(10, source.rank, 3)
    if starts is None or ends is None:
        raise Refusal("it has no starts or ends", "The model needs to give them")
    named = tuple(range(len(starts))) if axes is None else axes
    strides = [1] * len(starts) if steps is None else list(steps)
    if len(named) > source.rank or not len(starts) == len(ends) == len(named) == len(strides):
        raise Refusal("its starts, ends, axes and steps differ in number", "Check the model")
    if 0 in strides:
        raise Refusal("a step of 0", "Check the model")
    taken = [range(size) for size in source.dims]
    for axis, start, end, stride in zip(named, starts, ends, strides, strict=True):
        taken[axis] = range(*slice(start, end, stride).indices(source.dims[axis]))
    take(build, build.value(source), taken, to=result)


def take(build: Builder, source: Value, taken: Sequence[range], *, to: Tensor | None = None, name: str = "") -> Value:
    """The elements of each dimension that a range of its indices names."""
    wish = to.name if to is not None else name
    if all(part == range(size) for part, size in zip(taken, source.shape, strict=True)):
        if to is not None:
            build.bind(to, source)
        return source
    # A range of at most one index has no step, and one of none no start.
    begins = [part.start if len(part) else 0 for part in taken]
    steps = [part.step if len(part) > 1 else 1 for part in taken]
    begin = build.indices(f"{wish}_begin", begins)
    if set(steps) == {1}:
        size = build.indices(f"{wish}_size", [len(part) for part in taken])
        return build.emit("SLICE", [source, begin, size], to=to, name=name)
    ends = [first + len(part) * step for first, part, step in zip(begins, taken, steps, strict=True)]
    operands = [build.indices(f"{wish}_end", ends), build.indices(f"{wish}_strides", steps)]
    # An end before the first element would count from the back.
    whole = sum(1 << axis for axis, end in enumerate(ends) if end < 0)
    return build.emit("STRIDED_SLICE", [source, begin, *operands], {"end_mask": whole}, to=to, name=name)


@onnx_operator("Split")
def split(node: OnnxNode, build: Builder) -> None:
    """Sizes are an attribute, since opset 13 an input; without them the parts are equal, but maybe the last."""
    source = node.input(0)
    axis = node.axis(0, source.rank)
    sizes = _split_sizes(node, source.dims[axis])
    if len(sizes) != len(node.outputs) or sum(sizes) != source.dims[axis] or min(sizes) < 0:
        raise Refusal(f"sizes {sizes} of a dimension of {source.dims[axis]}", "Check the model")
    value = build.value(source)
    read = [(i, tensor) for i, tensor in enumerate(node.outputs) if tensor is not None]
    if len(read) == 1:
        i, result = read[0]
        taken = [range(size) for size in source.dims]
        taken[axis] = range(sum(sizes[:i]), sum(sizes[: i + 1]))
        take(build, value, taken, to=result)
        return
    name = f"{value.name}_split"
    at = build.indices(f"{name}_axis", axis)
    options = {"num_splits": len(sizes)}
    if len(set(sizes)) == 1:
        build.emit_parts("SPLIT", [at, value], options, to=node.outputs, name=name)
    else:
        build.emit_parts(
            "SPLIT_V", [value, build.indices(f"{name}_sizes", sizes), at], options, to=node.outputs, name=name
        )


def _split_sizes(node: OnnxNode, whole: int) -> list[int]:
    given = node.integers(1, "split") if node.opset >= 13 else node.attributes.integers("split")
    if given is not None:
        return [int(size) for size in given]
    count = len(node.outputs)
    if node.opset < 18 and whole % count:
        raise Refusal(f"a dimension of {whole} for {count} equal parts", "Check the model")
    size = -(-whole // count)
    return [size] * (count - 1) + [whole - size * (count - 1)]


@onnx_operator("Gather")
def gather(node: OnnxNode, build: Builder) -> None:
    """Constant indices may count from the back. Computed ones below 0 stop the run: they are checked there."""
    source, indices, result = node.input(0), node.input(1), node.output
    axis = node.axis(0, source.rank)
    value, size = build.value(source), source.dims[axis]
    if indices.data is None:
        build.emit("GATHER", [value, build.value(indices)], {"axis": axis}, to=result)
        return
    places = np.where(indices.data < 0, indices.data + size, indices.data)
    if places.size and not 0 <= places.min() <= places.max() < size:
        raise Refusal(f"an index outside its dimension of {size}", "Check the model")
    if places.size == 1:
        taken = [range(dim) for dim in source.dims]
        first = int(places.reshape(()))
        taken[axis] = range(first, first + 1)
        build.reshape(take(build, value, taken, name=f"{result.name}_taken"), result.dims, to=result)
    else:
        build.emit("GATHER", [value, build.indices(f"{result.name}_indices", places)], {"axis": axis}, to=result)

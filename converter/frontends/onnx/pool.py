"""MaxPool, AveragePool, their global forms. PAD writes zeros, which ONNX means in few of them; each case says why."""

from __future__ import annotations

import numpy as np

from ...ir.graph import OptionValue, Value
from .builder import Builder, options_for
from .constants import MAX_POSITIONS
from .errors import Refusal
from .graph import OnnxNode
from .images import from_image, image_origin, spatial_sizes, to_image
from .registry import onnx_operator
from .windows import Axis, Window, read_window

#: Operators with no negative output, and those that yield none if no input is negative.
_NON_NEGATIVE = frozenset({"RELU", "RELU6", "LOGISTIC", "SOFTMAX", "ABS", "EXP"})
_KEEPS_SIGN = frozenset(
    {"TRANSPOSE", "RESHAPE", "SQUEEZE", "PAD", "CONCATENATION", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN", "ADD", "MUL"}
)


@onnx_operator("MaxPool")
def max_pool(node: OnnxNode, build: Builder) -> None:
    """MaxPool ignores padding, as MAX_POOL_2D does under SAME and VALID. Other pads:

    1. The input is never negative (behind Relu, Clip from 0, Sigmoid): padding with zero changes no maximum.
    2. As many elements before as a SAME window of stride 1 has: that window, of which a 1x1 window with the real stride
       keeps every stride-th.
    3. Otherwise the first and last rows and columns are repeated: every window that reaches into the pads holds them
       already, so no maximum changes, and nothing like the lowest number widens the range of an int8 tensor.
    """
    source = node.input(0)
    window = _pooling_window(node, spatial_sizes(source))
    result, image = node.output, to_image(build, source)
    padding = window.padding
    if padding is None and _never_negative(image, build):  # 1
        image, padding = build.pad(image, window.nhwc_pads), "VALID"
    elif padding is None and all(_is_subsampled_same(axis) for axis in window.axes):  # 2
        dense = _pool_options("SAME", window.rows.kernel, window.columns.kernel, 1, 1)
        image = build.emit("MAX_POOL_2D", [image], dense, name=f"{result.name}_dense")
        window = Window(*(Axis(axis.size, 1, axis.stride, 1, 0, 0) for axis in window.axes))
        padding = "VALID"
    elif padding is None:  # 3
        image, padding = _with_borders_repeated(build, image, window, result.name), "VALID"
    pooled = build.emit(
        "MAX_POOL_2D",
        [image],
        _options(window, padding),
        name=f"{result.name}_nhwc",
        origin=image_origin(result),
    )
    from_image(build, pooled, result)


@onnx_operator("AveragePool")
def average_pool(node: OnnxNode, build: Builder) -> None:
    """AveragePool divides by the elements inside the image, or (count_include_pad) inside the padded image.

    AVERAGE_POOL_2D does the first under SAME and VALID. Otherwise the sum is that of a zero-padded image, of which
    AVERAGE_POOL_2D takes the kernel's full size as divisor; where another one is due, MUL corrects it per position.
    """
    source = node.input(0)
    window = _pooling_window(node, spatial_sizes(source))
    counts_pads = node.attributes.integer("count_include_pad", 0) == 1
    divisors = _divisors(window, counts_pads)
    full = window.rows.kernel * window.columns.kernel
    result, image = node.output, to_image(build, source)
    name, origin = f"{result.name}_nhwc", image_origin(result)
    if window.padding is not None and np.array_equal(divisors, _divisors(window, False)):
        pooled = build.emit("AVERAGE_POOL_2D", [image], _options(window, window.padding), name=name, origin=origin)
    else:
        padded = build.pad(image, window.nhwc_pads)
        options = _options(window, "VALID")
        if (divisors == full).all():
            pooled = build.emit("AVERAGE_POOL_2D", [padded], options, name=name, origin=origin)
        else:
            mean = build.emit("AVERAGE_POOL_2D", [padded], options, name=f"{result.name}_sum")
            correction = build.new_constant(
                f"{result.name}_divisors", (full / divisors).astype(np.float32)[None, ..., None]
            )
            pooled = build.emit("MUL", [mean, correction], options_for(), name=name, origin=origin)
    from_image(build, pooled, result)


@onnx_operator("GlobalAveragePool")
def global_average_pool(node: OnnxNode, build: Builder) -> None:
    """The mean over every spatial dimension, kept with size 1."""
    source, result = node.input(0), node.output
    if source.rank not in (3, 4):
        axes = build.indices(f"{result.name}_axes", range(2, source.rank))
        build.emit("MEAN", [build.value(source), axes], {"keep_dims": True}, to=result)
        return
    axes = build.indices(f"{result.name}_axes", (1, 2))
    mean = build.emit(
        "MEAN",
        [to_image(build, source), axes],
        {"keep_dims": True},
        name=f"{result.name}_nhwc",
        origin=image_origin(result),
    )
    from_image(build, mean, result)


@onnx_operator("GlobalMaxPool")
def global_max_pool(node: OnnxNode, build: Builder) -> None:
    """A window as large as the image."""
    source, result = node.input(0), node.output
    height, width = spatial_sizes(source)
    options = _pool_options("VALID", height, width, 1, 1)
    name, origin = f"{result.name}_nhwc", image_origin(result)
    pooled = build.emit("MAX_POOL_2D", [to_image(build, source)], options, name=name, origin=origin)
    from_image(build, pooled, result)


def _pooling_window(node: OnnxNode, sizes: tuple[int, ...]) -> Window:
    kernel = node.attributes.integers("kernel_shape")
    if kernel is None:
        raise Refusal("it has no kernel_shape", "The model needs to give it")
    window = read_window(node.attributes, sizes, kernel)
    if any(axis.dilation != 1 for axis in window.axes):
        raise Refusal("a dilated window", "Dilated pooling is not supported yet")
    if any(max(axis.before, axis.after) >= axis.kernel for axis in window.axes):
        raise Refusal(f"pads {_show_pads(window)} as large as the window", "Pads have to be smaller than the window")
    return window


def _with_borders_repeated(build: Builder, image: Value, window: Window, name: str) -> Value:
    """An image padded with copies of its outermost elements, as far as windows read."""
    for dimension, axis in enumerate(window.axes, start=1):
        if axis.is_valid:
            continue
        if axis.size > MAX_POSITIONS:
            raise Refusal(f"pads {_show_pads(window)} on {axis.size} rows", "Check the model: no memory holds them")
        rows = np.arange(-axis.before, axis.size + axis.needed_after).clip(0, axis.size - 1)
        operand = build.indices(f"{name}_rows", rows)
        image = build.emit("GATHER", [image, operand], {"axis": dimension, "batch_dims": 0}, name=f"{name}_padded")
    return image


def _show_pads(window: Window) -> str:
    rows, columns = window.axes
    return f"[{rows.before}, {columns.before}, {rows.needed_after}, {columns.needed_after}]"


def _is_subsampled_same(axis: Axis) -> bool:
    """Whether windows lie where every stride-th SAME window of stride 1 lies."""
    return axis.before == (axis.kernel - 1) // 2 and axis.positions == -(-axis.size // axis.stride)


def _divisors(window: Window, counts_pads: bool) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """By what ONNX divides the sum of each window: shape [height, width] of the output."""
    positions = window.rows.positions * window.columns.positions
    if positions > MAX_POSITIONS:
        raise Refusal(f"a result of {positions} pixels", f"At most {MAX_POSITIONS} are supported")
    rows, columns = (
        axis.elements_inside(-axis.before, axis.size + axis.after)
        if counts_pads
        else axis.elements_inside(0, axis.size)
        for axis in window.axes
    )
    return np.multiply.outer(rows, columns)


def _never_negative(value: Value, build: Builder) -> bool:
    """Whether the operators that lead to a value leave no negative element."""
    pending, seen = [value], {value}
    while pending:
        current = pending.pop()
        node = build.producer(current)
        if node is None:
            if current.data is None or current.data.dtype.kind != "f" or (current.data < 0).any():
                return False
            continue
        if node.op in _NON_NEGATIVE or node.options.get("fused_activation_function") in ("RELU", "RELU6"):
            continue
        if node.op not in _KEEPS_SIGN:
            return False
        operands = node.inputs if node.op in ("ADD", "MUL", "CONCATENATION") else node.inputs[:1]
        fresh = [operand for operand in operands if operand is not None and operand not in seen]
        seen.update(fresh)
        pending += fresh
    return True


def _options(window: Window, padding: str) -> dict[str, OptionValue]:
    rows, columns = window.axes
    return _pool_options(padding, rows.kernel, columns.kernel, rows.stride, columns.stride)


def _pool_options(padding: str, filter_h: int, filter_w: int, stride_h: int, stride_w: int) -> dict[str, OptionValue]:
    return {
        "padding": padding,
        "filter_height": filter_h,
        "filter_width": filter_w,
        "stride_h": stride_h,
        "stride_w": stride_w,
        "fused_activation_function": "NONE",
    }

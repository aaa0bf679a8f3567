"""A weighted layer as matrix products: rows of what its window sees, times a matrix of weights, per group.

    y[group, position, m] = sum over n of x[group, position, n] · w[group, m, n]

CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED have one group unless the convolution is grouped; DEPTHWISE_CONV_2D has one
per input channel, with the multiplier's outputs as rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..ir.graph import Node
from ..ir.weighted import filter_of, source_of
from ..ops.windows import dilation_of, padding_of, same_padding

#: Multiples of it, less their integer parts, are spread evenly: positions do not line up with rows or columns.
GOLDEN_RATIO = 0.6180339887498949

Array = npt.NDArray[np.float64]


def weight_stack(node: Node, weights: Array) -> Array:
    """Weights in the filter's shape as [groups, outputs of a group, taps]."""
    if node.op == "FULLY_CONNECTED":
        return weights[np.newaxis]
    if node.op == "DEPTHWISE_CONV_2D":
        inputs = source_of(node).shape[3]
        taps = weights.shape[1] * weights.shape[2]
        by_input: Array = weights.reshape(taps, inputs, -1).transpose(1, 2, 0)
        return by_input
    groups = source_of(node).shape[3] // weights.shape[3]
    return weights.reshape(groups, weights.shape[0] // groups, -1)


def unstack(node: Node, stack: Array) -> Array:
    """The inverse of `weight_stack`."""
    shape = filter_of(node).shape
    if node.op == "DEPTHWISE_CONV_2D":
        filter_order: Array = stack.transpose(2, 0, 1)
        return filter_order.reshape(shape)
    return stack.reshape(shape)


def channel_stack(node: Node, values: Array) -> Array:
    """One number per output channel as [groups, outputs of a group, 1]."""
    if node.op == "FULLY_CONNECTED":
        return values.reshape(1, -1, 1)
    if node.op == "DEPTHWISE_CONV_2D":
        return values.reshape(source_of(node).shape[3], -1, 1)
    return values.reshape(source_of(node).shape[3] // filter_of(node).shape[3], -1, 1)


def spread_positions(total: int, wanted: int) -> npt.NDArray[np.int64]:
    """`wanted` different numbers below `total`, one from each of so many equal parts, the same ones each time."""
    count = min(wanted, total)
    edges = np.arange(count + 1, dtype=np.int64) * total // count
    within = np.arange(count) * GOLDEN_RATIO % 1.0
    return edges[:-1] + (within * np.diff(edges)).astype(np.int64)


def layer_windows(node: Node, runs: Sequence[Array], wanted: int) -> Array:
    """What up to `wanted` windows of each run see, as [groups, positions of all runs, taps]; padding holds 0."""
    if node.op == "FULLY_CONNECTED":
        rows = np.stack([array.reshape(-1, filter_of(node).shape[1]) for array in runs])
        return rows[:, spread_positions(rows.shape[1], wanted)].reshape(1, -1, rows.shape[2])
    array = np.concatenate(runs)
    images, channels = runs[0].shape[0], array.shape[3]
    _, kernel_height, kernel_width, _ = filter_of(node).shape
    _, out_height, out_width, _ = node.output.shape
    if node.op == "TRANSPOSE_CONV":
        view, step_h, step_w = _spread_view(node, array), 1, 1
    else:
        view, step_h, step_w = _view(node, array), _stride(node, "h"), _stride(node, "w")
    positions = images * out_height * out_width
    chosen = (np.arange(len(runs))[:, np.newaxis] * positions + spread_positions(positions, wanted)).reshape(-1)
    image, row, column = np.unravel_index(chosen, (len(array), out_height, out_width))
    seen = view[image, row * step_h, column * step_w]  # [positions, channels, kernel height, kernel width]
    if node.op == "DEPTHWISE_CONV_2D":
        return np.ascontiguousarray(seen.reshape(len(chosen), channels, -1).transpose(1, 0, 2))
    groups = channels // filter_of(node).shape[3]
    grouped = seen.reshape(len(chosen), groups, -1, kernel_height * kernel_width)
    return np.ascontiguousarray(grouped.transpose(1, 0, 3, 2)).reshape(groups, len(chosen), -1)


def _view(node: Node, array: Array) -> Array:
    """A convolution's windows at stride 1: [images, rows, columns, channels, kernel height, kernel width]."""
    _, height, width, _ = array.shape
    _, kernel_height, kernel_width, _ = filter_of(node).shape
    dilation_h, dilation_w = dilation_of(node)
    if padding_of(node) == "SAME":
        rows_around = same_padding(height, kernel_height, _stride(node, "h"), dilation_h)
        columns_around = same_padding(width, kernel_width, _stride(node, "w"), dilation_w)
        array = np.pad(array, ((0, 0), rows_around, columns_around, (0, 0)))
    reach = ((kernel_height - 1) * dilation_h + 1, (kernel_width - 1) * dilation_w + 1)
    view: Array = np.lib.stride_tricks.sliding_window_view(array, reach, axis=(1, 2))
    return view[..., ::dilation_h, ::dilation_w]


def _spread_view(node: Node, array: Array) -> Array:
    """A transposed convolution is one with the kernel reversed over the input with `stride - 1` zeros between elements:
    tap k of output y meets input (y + before - k) / stride."""
    images, height, width, channels = array.shape
    _, kernel_height, kernel_width, _ = filter_of(node).shape
    _, out_height, out_width, _ = node.output.shape
    stride_h, stride_w = _stride(node, "h"), _stride(node, "w")
    spread = np.zeros((images, (height - 1) * stride_h + 1, (width - 1) * stride_w + 1, channels))
    spread[:, ::stride_h, ::stride_w] = array
    around = []
    for kernel, size, out_size in (
        (kernel_height, spread.shape[1], out_height),
        (kernel_width, spread.shape[2], out_width),
    ):
        before = max(size - 1 + kernel - out_size, 0) // 2 if padding_of(node) == "SAME" else 0
        front = kernel - 1 - before
        around.append((front, max(out_size + kernel - 1 - size - front, 0)))
    padded = np.pad(spread, ((0, 0), *around, (0, 0)))
    view: Array = np.lib.stride_tricks.sliding_window_view(padded, (kernel_height, kernel_width), axis=(1, 2))
    return view[..., ::-1, ::-1]


def _stride(node: Node, side: str) -> int:
    stride = node.options[f"stride_{side}"]
    assert isinstance(stride, int)
    return stride

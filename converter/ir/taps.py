"""What the taps of a weighted layer see: sums of the input over all output positions, one per tap and channel.

Two stages need them, on float values (calibrate) and on int8 values (quantize), so the geometry lives with the IR.
Inputs hold integers in float64: sums below 2^53 are exact, whatever the order numpy adds in.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .graph import Node, option_int


def tap_sums(node: Node, array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums over batch and positions, [kernel height, kernel width, channels] or [inputs]. Padding adds nothing."""
    if node.op == "FULLY_CONNECTED":
        inputs = node.input(1).shape[1]
        sums: npt.NDArray[np.float64] = array.reshape(-1, inputs).sum(axis=0)
        return sums
    _, height, width, channels = array.shape
    kernel_height, kernel_width = node.input(1).shape[1:3]
    _, out_height, out_width, _ = node.output.shape
    reach = _spread if node.op == "TRANSPOSE_CONV" else _reach
    rows = [reach(node, "h", k, kernel_height, height, out_height) for k in range(kernel_height)]
    columns = [reach(node, "w", k, kernel_width, width, out_width) for k in range(kernel_width)]
    sums = np.zeros((kernel_height, kernel_width, channels))
    for ky, row_slice in enumerate(rows):
        line = array[:, row_slice].reshape(-1, width * channels).sum(axis=0).reshape(width, channels)
        for kx, column_slice in enumerate(columns):
            sums[ky, kx] = line[column_slice].sum(axis=0)
    return sums


def positions(node: Node) -> int:
    """Output positions of one run, batch included: how many windows `tap_sums` adds up."""
    return node.output.elements // node.input(1).shape[_output_axis(node)]


def output_means(
    node: Node, weights: npt.NDArray[np.float64], taps: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Sum over taps of weights·taps per output channel, without bias. `weights` has the filter's shape.

    Each channel is summed exactly (math.fsum), so that the result is the same on every machine.
    """
    rows = tap_products(node, weights, taps)
    return np.array([math.fsum(row.tolist()) for row in rows])


def tap_products(
    node: Node, weights: npt.NDArray[np.float64], taps: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """weights·taps as [output channels, taps of one channel]."""
    if node.op == "FULLY_CONNECTED":
        return weights * taps
    if node.op == "DEPTHWISE_CONV_2D":
        channels = weights.shape[3]
        seen = np.repeat(taps, channels // taps.shape[2], axis=2)
        by_channel: npt.NDArray[np.float64] = (weights[0] * seen).reshape(-1, channels).T
        return by_channel
    outputs, _, _, per_group = weights.shape
    groups = taps.shape[2] // per_group
    by_group = np.stack([taps[:, :, g * per_group : (g + 1) * per_group] for g in range(groups)])
    products: npt.NDArray[np.float64] = weights * np.repeat(by_group, outputs // groups, axis=0)
    return products.reshape(outputs, -1)


def _output_axis(node: Node) -> int:
    return 3 if node.op == "DEPTHWISE_CONV_2D" else 0


def _reach(node: Node, side: str, tap: int, kernel: int, size: int, out_size: int) -> slice:
    """The input rows (or columns) that kernel row `tap` meets inside the image."""
    stride = option_int(node, f"stride_{side}")
    dilation = option_int(node, f"dilation_{side}_factor") if f"dilation_{side}_factor" in node.options else 1
    before = 0
    if node.options["padding"] == "SAME":
        before = max((out_size - 1) * stride + (kernel - 1) * dilation + 1 - size, 0) // 2
    start = tap * dilation - before
    first = -(-max(-start, 0) // stride)
    count = min(out_size, (size - 1 - start) // stride + 1) - first
    begin = start + first * stride
    return slice(begin, begin + max(count - 1, 0) * stride + 1, stride) if count > 0 else slice(0, 0)


def _spread(node: Node, side: str, tap: int, kernel: int, size: int, out_size: int) -> slice:
    """The input rows (or columns) that kernel row `tap` of TRANSPOSE_CONV brings to places inside the result."""
    stride = option_int(node, f"stride_{side}")
    before = max((size - 1) * stride + kernel - out_size, 0) // 2 if node.options["padding"] == "SAME" else 0
    first = max(-((tap - before) // stride), 0)
    end = min((out_size - 1 - tap + before) // stride + 1, size)
    return slice(first, max(end, first))

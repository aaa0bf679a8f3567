"""Geometry of operators that slide a window over height and width (TensorFlow's definition of SAME and VALID)."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import enum_option, int_option
from ..ir.types import Shape


def rank4(what: str, shape: Shape) -> tuple[int, int, int, int]:
    """The four dimensions of a shape. Raises ValueError for another rank."""
    if len(shape) != 4:
        raise ValueError(f"{what} has rank {len(shape)} (shape {list(shape)}), it must have 4")
    a, b, c, d = shape
    return a, b, c, d


def window_extent(what: str, size: int, window: int, stride: int, dilation: int, padding: str) -> int:
    """Number of window positions along one dimension. `what` names it in the error for a window that does not fit.

    SAME: ceil(size / stride). VALID: ceil((size - (window - 1) * dilation) / stride).
    """
    reach = (window - 1) * dilation + 1
    if padding == "SAME":
        return -(-size // stride)
    if size < reach:
        raise ValueError(f"{what} is {size}, smaller than a window that reaches over {reach} (padding VALID)")
    return (size - reach) // stride + 1


def window_positions(
    node: Node, image: tuple[int, int], window: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> tuple[int, int]:
    """Height and width of what a node gives whose window slides over an image, by its strides and padding."""
    padding = padding_of(node)
    height = window_extent("height", image[0], window[0], int_option(node, "stride_h", 1), dilation[0], padding)
    width = window_extent("width", image[1], window[1], int_option(node, "stride_w", 1), dilation[1], padding)
    return height, width


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding before and after under SAME: the odd element goes to the end."""
    positions = -(-size // stride)
    total = max((positions - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def padding_of(node: Node) -> str:
    """SAME or VALID."""
    return enum_option(node, "padding")


def dilation_of(node: Node) -> tuple[int, int]:
    """Steps between neighbouring taps, down and across."""
    return int_option(node, "dilation_h_factor", 1), int_option(node, "dilation_w_factor", 1)

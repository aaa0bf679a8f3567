"""Where the windows of convolutions and pools lie on their input."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.graph import Node
from ..ir.rules import int_option
from ..ops.windows import padding_of, same_padding, window_extent

POOLS = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D"})


@dataclass(frozen=True)
class Window:
    """Along one spatial dimension: window length, step and dilation in elements."""

    size: int
    stride: int
    dilation: int = 1

    def same_padding(self, length: int) -> tuple[int, int]:
        """Elements that SAME adds before and after."""
        return same_padding(length, self.size, self.stride, self.dilation)

    def extent(self, length: int, padding: str) -> int:
        """Number of positions on an input of this length. Raises ValueError when VALID has none."""
        return window_extent("the input", length, self.size, self.stride, self.dilation, padding)


def windows(node: Node) -> tuple[Window, Window]:
    """The windows along height and width of a convolution or pool."""
    height_step, width_step = int_option(node, "stride_h"), int_option(node, "stride_w")
    if node.op in POOLS:
        height, width = int_option(node, "filter_height"), int_option(node, "filter_width")
        return Window(height, height_step), Window(width, width_step)
    _, height, width, _ = node.input(1).shape
    return (
        Window(height, height_step, int_option(node, "dilation_h_factor")),
        Window(width, width_step, int_option(node, "dilation_w_factor")),
    )


def is_padded(node: Node) -> bool:
    """Whether some window of a convolution or pool reaches beyond the input."""
    if padding_of(node) != "SAME":
        return False
    lengths = node.input(0).shape[1:3]
    return any(any(window.same_padding(length)) for window, length in zip(windows(node), lengths, strict=True))

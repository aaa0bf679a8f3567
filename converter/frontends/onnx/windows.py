"""Geometry of operators that slide a window: from ONNX's pads to SAME, VALID or an explicit PAD.

Along one dimension ONNX places windows at `i * stride - before`. That is VALID where `before` is 0, and SAME where the
number of windows and `before` are those of TensorFlow's rule; what lies behind the last window never matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...ir.types import Shape
from ...ops.windows import same_padding
from .attributes import Attributes
from .errors import Refusal


@dataclass(frozen=True)
class Axis:
    """A window's way along one spatial dimension; all counts are elements."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    ceil: bool = False

    @property
    def reach(self) -> int:
        """From the first to the last element that a window reads."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def positions(self) -> int:
        """Number of windows. With ceil mode a last window may hang over the end, if it starts before the end pad."""
        room = self.size + self.before + self.after - self.reach
        if not self.ceil:
            return room // self.stride + 1
        positions = -(-room // self.stride) + 1
        return positions - 1 if (positions - 1) * self.stride >= self.size + self.before else positions

    @property
    def needed_after(self) -> int:
        """Elements behind the end that the last window reads."""
        return max((self.positions - 1) * self.stride + self.reach - self.size - self.before, 0)

    @property
    def is_same(self) -> bool:
        before, _ = same_padding(self.size, self.kernel, self.stride, self.dilation)
        return self.positions == -(-self.size // self.stride) and self.before == before

    @property
    def is_valid(self) -> bool:
        return self.before == 0 and self.needed_after == 0

    def elements_inside(self, low: int, high: int) -> npt.NDArray[np.int64]:
        """How many elements of each window have coordinates from `low` to `high` - 1 (0: the first of the tensor)."""
        first = np.arange(self.positions, dtype=np.int64) * self.stride - self.before
        begin, end = (np.clip(-((first - at) // self.dilation), 0, self.kernel) for at in (low, high))
        return np.asarray(np.maximum(end - begin, 0), np.int64)


@dataclass(frozen=True)
class Window:
    """A window over height and width."""

    rows: Axis
    columns: Axis

    @property
    def axes(self) -> tuple[Axis, Axis]:
        return self.rows, self.columns

    @property
    def padding(self) -> str | None:
        """SAME or VALID if one of them places the windows so, else None: an explicit PAD has to come before."""
        if all(axis.is_valid for axis in self.axes):
            return "VALID"
        return "SAME" if all(axis.is_same for axis in self.axes) else None

    @property
    def nhwc_pads(self) -> list[tuple[int, int]]:
        """What a PAD before a VALID window has to add to an NHWC tensor: only what the windows read."""
        return [(0, 0), *((axis.before, axis.needed_after) for axis in self.axes), (0, 0)]


def pooled_shape(attributes: Attributes, shape: Shape) -> Shape | None:
    """The output shape of a pooling node with ceil mode over one or two dimensions; None for others.

    ONNX ignores windows that would start in the end pad; its shape inference (1.23) counts them.
    """
    kernel = attributes.integers("kernel_shape")
    if attributes.integer("ceil_mode", 0) != 1 or kernel is None or len(kernel) != len(shape) - 2:
        return None
    sizes = (1,) * (2 - len(kernel)) + shape[2:]
    try:
        window = read_window(attributes, sizes, kernel)
    except Refusal:  # the lowering refuses the node as well, by name
        return None
    return (*shape[:2], *(axis.positions for axis in window.axes[2 - len(kernel) :]))


def read_window(attributes: Attributes, sizes: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window of a Conv or pooling node over an input of the given height and width.

    A node with one spatial dimension slides along the width. Refuses pads that are negative.
    """
    count = len(kernel)
    if len(sizes) != 2 or count not in (1, 2):
        raise Refusal(
            f"{max(len(sizes), count)} spatial dimensions", "One (length) and two (height and width) are supported"
        )
    strides = attributes.integers("strides") or (1,) * count
    dilations = attributes.integers("dilations") or (1,) * count
    pads = attributes.integers("pads") or (0, 0) * count
    if count == 1 and len(strides) == len(dilations) == 1 and len(pads) == 2:
        kernel, strides, dilations, pads = (1, *kernel), (1, *strides), (1, *dilations), (0, pads[0], 0, pads[1])
    ceil = attributes.integer("ceil_mode", 0) == 1
    auto_pad = attributes.text("auto_pad", "NOTSET")
    if len(strides) != 2 or len(dilations) != 2 or len(pads) != 4 or min(*strides, *dilations, *kernel) < 1:
        raise Refusal(
            f"strides {strides}, dilations {dilations}, pads {pads}", "Check the model: it needs positive ones"
        )
    if auto_pad == "VALID":
        pads = (0, 0, 0, 0)
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        pads, ceil = _automatic(sizes, kernel, strides, dilations, auto_pad == "SAME_UPPER"), False
    if min(pads) < 0:
        raise Refusal(f"negative pads {pads}", "Slice the input before instead")
    rows, columns = (Axis(sizes[i], kernel[i], strides[i], dilations[i], pads[i], pads[i + 2], ceil) for i in (0, 1))
    return Window(rows, columns)


def _automatic(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], upper: bool
) -> tuple[int, ...]:
    """Pads of auto_pad SAME_*: TensorFlow's; SAME_LOWER puts the odd element at the start."""
    both = [same_padding(sizes[i], kernel[i], strides[i], dilations[i]) for i in (0, 1)]
    before, after = [pair[0] for pair in both], [pair[1] for pair in both]
    return (*before, *after) if upper else (*after, *before)

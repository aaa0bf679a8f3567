"""ConvTranspose: TRANSPOSE_CONV, which has SAME and VALID only, with the rest expressed in filter or slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...ir.graph import OptionValue, Value
from .attributes import Attributes
from .builder import Builder
from .constants import MAX_FOLDED_ELEMENTS
from .errors import Refusal
from .graph import OnnxNode
from .images import from_image, image_origin, spatial_sizes, to_image
from .registry import onnx_operator

#: A grouped filter becomes a dense one, zeros between groups included, up to this many elements.
_LARGEST_DENSE_FILTER = 1 << 20

#: More taps of zeros than this share of the window cost more than cutting a larger result to size.
_CHEAP_TAPS = 0.25


@dataclass(frozen=True)
class Spread:
    """One spatial dimension: input element i and tap k meet at output element i * stride + k - before."""

    size: int
    kernel: int
    stride: int
    before: int
    out: int
    #: Zeros to put before and after the window's taps.
    zeros: tuple[int, int] = (0, 0)

    @property
    def full(self) -> int:
        """Output elements that some tap meets, pads not cut off."""
        return (self.size - 1) * self.stride + self.kernel

    @property
    def is_valid(self) -> bool:
        return self.before == 0 and self.out >= self.kernel and (self.out - self.kernel) // self.stride + 1 == self.size

    @property
    def is_same(self) -> bool:
        return -(-self.out // self.stride) == self.size and max(self.full - self.out, 0) // 2 == self.before

    def widened(self) -> Spread | None:
        """The same with a window that has zeros at one end, so that SAME places it. None where no zeros help.

        SAME cuts total // 2 before, with total = full - out: zeros before the taps add to both, zeros after them to the
        total alone.
        """
        if -(-self.out // self.stride) != self.size:
            return None
        missing = 2 * self.before - (self.full - self.out)
        after, front = max(missing, 0), max(-missing - 1, 0)
        wide = replace(self, kernel=self.kernel + front + after, before=self.before + front, zeros=(front, after))
        return wide if wide.is_same else None

    def uncut(self) -> Spread | None:
        """The same without cutting before, for VALID. None where the result reaches too far behind the last tap."""
        whole = replace(self, before=0, out=max(self.full, self.before + self.out))
        return whole if whole.is_valid else None


@onnx_operator("ConvTranspose")
def conv_transpose(node: OnnxNode, build: Builder) -> None:
    """ConvTranspose(X, W, B?). Where neither SAME nor VALID fits:

    1. A few zeros at one end of the window make SAME fit.
    2. The result is computed without pads, and the pads are cut off.
    """
    source, filters, bias = node.input(0), node.input(1), node.optional(2)
    if filters.data is None:
        raise Refusal(f"its filter {filters.name!r} is computed at run time", "The filter has to be a constant")
    taps = _ohwi(build.array(filters), node.attributes, source.dims[1])
    result = node.output
    rows, columns = _spreads(node.attributes, spatial_sizes(source), taps.shape[1:3], spatial_sizes(result))
    cut = (rows, columns)
    if not _fits(rows, columns):
        wide = [axis if axis.is_same else axis.widened() for axis in (rows, columns)]
        whole = [axis.uncut() for axis in (rows, columns)]
        if wide[0] and wide[1] and (_added_taps(wide[0], wide[1]) <= _CHEAP_TAPS or None in whole):  # 1
            rows, columns = cut = wide[0], wide[1]
        elif whole[0] and whole[1]:  # 2
            rows, columns = whole[0], whole[1]
        else:
            raise Refusal(
                f"an output of {[axis.out for axis in cut]} from {[axis.size for axis in cut]}",
                "output_padding has to be smaller than the stride",
            )
    if taps.shape[0] * rows.kernel * columns.kernel * taps.shape[3] > MAX_FOLDED_ELEMENTS:
        raise Refusal(f"pads that widen its window to {rows.kernel} x {columns.kernel}", "Use smaller pads")
    zeros = [(0, 0), rows.zeros, columns.zeros, (0, 0)]
    weights = build.new_constant(f"{filters.name}_ohwi", np.ascontiguousarray(np.pad(taps, zeros)))
    shape = (source.dims[0], rows.out, columns.out, taps.shape[0])
    operands: list[Value | None] = [build.indices(f"{result.name}_shape", shape), weights, to_image(build, source)]
    if bias is not None:
        operands.append(build.weights(bias))
    whole_result = (rows.out, columns.out) == (cut[0].out, cut[1].out)
    origin = image_origin(result) if whole_result else None
    spread = build.emit("TRANSPOSE_CONV", operands, _options(rows, columns), name=f"{result.name}_nhwc", origin=origin)
    if not whole_result:
        begin = build.indices(f"{result.name}_begin", (0, cut[0].before, cut[1].before, 0))
        size = build.indices(f"{result.name}_size", (shape[0], cut[0].out, cut[1].out, shape[3]))
        spread = build.emit("SLICE", [spread, begin, size], name=f"{result.name}_cut", origin=image_origin(result))
    from_image(build, spread, result)


def _fits(rows: Spread, columns: Spread) -> bool:
    return (rows.is_valid and columns.is_valid) or (rows.is_same and columns.is_same)


def _added_taps(rows: Spread, columns: Spread) -> float:
    """How many taps of zeros were added, as a share of the others."""
    wide = rows.kernel * columns.kernel
    narrow = (rows.kernel - sum(rows.zeros)) * (columns.kernel - sum(columns.zeros))
    return (wide - narrow) / narrow


def _options(rows: Spread, columns: Spread) -> dict[str, OptionValue]:
    return {
        "padding": "VALID" if rows.is_valid and columns.is_valid else "SAME",
        "stride_h": rows.stride,
        "stride_w": columns.stride,
        "fused_activation_function": "NONE",
    }


def _ohwi(filters: npt.NDArray[np.float32], attributes: Attributes, channels: int) -> npt.NDArray[np.float32]:
    """ONNX's filter [C, M / groups, (height,) width] as [M, height, width, C], with zeros for dilation and groups."""
    groups = attributes.integer("group", 1)
    if filters.ndim == 3:
        filters = np.expand_dims(filters, 2)
    if filters.ndim != 4 or min(groups, channels) < 1 or filters.shape[0] != channels or channels % groups:
        raise Refusal(
            f"{groups} groups, {channels} channels, filter {list(filters.shape)}", "These contradict each other"
        )
    dilations = attributes.integers("dilations") or (1,) * 2
    steps = (1,) * (2 - len(dilations)) + dilations
    if len(steps) != 2 or min(steps) < 1:
        raise Refusal(f"dilations {dilations}", "They have to be positive, one for each spatial dimension")
    reach = [(filters.shape[2 + i] - 1) * steps[i] + 1 for i in (0, 1)]
    depth = channels // groups
    elements = filters.shape[1] * groups * channels * reach[0] * reach[1]
    if elements > MAX_FOLDED_ELEMENTS:
        raise Refusal(f"a window that reaches over {reach}", "Use smaller dilations")
    if groups > 1 and elements > _LARGEST_DENSE_FILTER:
        raise Refusal(
            f"{groups} groups, which would take a dense filter of {elements} elements",
            "Use one group, or resize and convolve instead",
        )
    dense = np.zeros((filters.shape[1] * groups, *reach, channels), np.float32)
    for group in range(groups):
        part = filters[group * depth : (group + 1) * depth]
        outputs = slice(group * filters.shape[1], (group + 1) * filters.shape[1])
        dense[outputs, :: steps[0], :: steps[1], group * depth : (group + 1) * depth] = part.transpose(1, 2, 3, 0)
    return dense


def _spreads(
    attributes: Attributes, sizes: Sequence[int], kernel: Sequence[int], out: Sequence[int]
) -> tuple[Spread, Spread]:
    """Both dimensions; `kernel` is what the dilated window reaches over."""
    strides = attributes.integers("strides") or (1,) * 2
    strides = (1,) * (2 - len(strides)) + strides
    pads = attributes.integers("pads")
    auto_pad = attributes.text("auto_pad", "NOTSET")
    if auto_pad == "NOTSET" and attributes.integers("output_shape") is None:
        begins = (0, 0) if pads is None else (0,) * (2 - len(pads) // 2) + pads[: len(pads) // 2]
    else:
        begins = tuple(_automatic(sizes[i], kernel[i], strides[i], out[i], auto_pad) for i in (0, 1))
    if len(strides) != 2 or len(begins) != 2 or min(strides) < 1 or min(begins) < 0:
        raise Refusal(f"strides {strides}, pads {pads}", "Positive strides and no negative pads are supported")
    rows, columns = (Spread(sizes[i], kernel[i], strides[i], begins[i], out[i]) for i in (0, 1))
    return rows, columns


def _automatic(size: int, kernel: int, stride: int, out: int, auto_pad: str) -> int:
    """What ONNX cuts off before where the output's size is given: the odd element at the end only for SAME_UPPER."""
    total = max((size - 1) * stride + kernel - out, 0)
    return total // 2 if auto_pad == "SAME_UPPER" else total - total // 2

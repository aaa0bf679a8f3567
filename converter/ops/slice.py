"""SLICE and STRIDED_SLICE: a box of the input."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.graph import Node
from ..ir.rules import bool_option, constant_ints, int_option
from ..ir.types import Shape
from .registry import Rule, operator


@operator("SLICE")
class Slice(Rule):
    """`size[i]` elements from `begin[i]` on; a size of -1 takes the rest."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape, begin, size = node.input(0).shape, constant_ints(node, 1), constant_ints(node, 2)
        if not len(begin) == len(size) == len(shape):
            raise ValueError(f"begin {list(begin)} and size {list(size)} must have {len(shape)} elements each")
        result = tuple(
            dim - first if count == -1 else count for dim, first, count in zip(shape, begin, size, strict=True)
        )
        if any(
            first < 0 or count < 0 or first + count > dim
            for dim, first, count in zip(shape, begin, result, strict=True)
        ):
            raise ValueError(f"begin {list(begin)} with size {list(size)} reaches outside the input {list(shape)}")
        return [result]


@dataclass(frozen=True)
class Entry:
    """What one dimension of the result takes: `axis` of the input from `first` on, `count` elements, `stride` apart.

    A dimension that is new has axis None; one that goes, because a single index was taken of it, is not `kept`.
    """

    axis: int | None
    first: int = 0
    count: int = 1
    stride: int = 1
    kept: bool = True


def entries_of(node: Node) -> list[Entry]:
    """The entries of a STRIDED_SLICE in order, the input's dimensions that it does not mention included.

    Raises ValueError for operands that contradict each other or point outside.
    """
    shape = node.input(0).shape
    begin, end, strides = (constant_ints(node, i) for i in (1, 2, 3))
    if not len(begin) == len(end) == len(strides):
        raise ValueError(f"begin, end and strides have {len(begin)}, {len(end)} and {len(strides)} elements")
    ellipsis, new = int_option(node, "ellipsis_mask"), int_option(node, "new_axis_mask")
    fills = [bool(ellipsis >> i & 1) for i in range(len(begin))]
    takes = [not filling and not new >> i & 1 for i, filling in enumerate(fills)]
    if sum(fills) > 1:
        raise ValueError("more than one ellipsis")
    skipped = len(shape) - sum(takes)
    if skipped < 0:
        raise ValueError(f"{sum(takes)} entries for an input of {len(shape)} dimensions")
    entries: list[Entry] = []
    axis = 0
    for i in range(len(begin)):
        if fills[i]:
            entries += [Entry(a, 0, shape[a]) for a in range(axis, axis + skipped)]
            axis += skipped
        elif takes[i]:
            entries.append(_entry(node, i, axis, begin[i], end[i], strides[i]))
            axis += 1
        else:
            entries.append(Entry(None))
    return [*entries, *(Entry(a, 0, shape[a]) for a in range(axis, len(shape)))]


def _entry(node: Node, i: int, axis: int, begin: int, end: int, stride: int) -> Entry:
    size = node.input(0).shape[axis]
    if stride == 0:
        raise ValueError("a stride of 0")

    def marked(mask: str) -> bool:
        return bool(int_option(node, mask) >> i & 1)

    if marked("shrink_axis_mask"):
        first = 0 if marked("begin_mask") else _clamped(begin, size, 1)
        if first >= size:
            raise ValueError(f"index {begin} is outside dimension {axis} of the input {list(node.input(0).shape)}")
        return Entry(axis, first, kept=False)
    first = (0 if stride > 0 else size - 1) if marked("begin_mask") else _clamped(begin, size, stride)
    last = _clamped(end + first if bool_option(node, "offset") else end, size, stride)
    if marked("end_mask"):
        last = size if stride > 0 else -1
    return Entry(axis, first, len(range(first, last, stride)), stride)


def _clamped(at: int, size: int, stride: int) -> int:
    """An index that may count from the end, brought to where a walk in the stride's direction may begin or end."""
    low, high = (0, size) if stride > 0 else (-1, size - 1)
    return min(max(at + size if at < 0 else at, low), high)


@operator("STRIDED_SLICE")
class StridedSlice(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        return [tuple(entry.count for entry in entries_of(node) if entry.kept)]

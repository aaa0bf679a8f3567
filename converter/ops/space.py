"""Operators that move elements between height and width on one side, channels or images on the other."""

from __future__ import annotations

import math

from ..ir.graph import Node
from ..ir.rules import constant_ints, int_option
from ..ir.types import Shape
from .registry import Rule, operator
from .windows import rank4


@operator("DEPTH_TO_SPACE")
class DepthToSpace(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(0).shape)
        block = int_option(node, "block_size", 1)
        if channels % block**2:
            raise ValueError(f"input has {channels} channels, which a block of {block} x {block} does not divide")
        return [(batch, height * block, width * block, channels // block**2)]


@operator("SPACE_TO_DEPTH")
class SpaceToDepth(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        batch, height, width, channels = rank4("input", node.input(0).shape)
        block = int_option(node, "block_size", 1)
        if height % block or width % block:
            raise ValueError(f"input is {height} x {width}, which a block of {block} x {block} does not divide")
        return [(batch, height // block, width // block, channels * block**2)]


def blocks_of(node: Node) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Block sizes, and what is added or cut before and after, of each spatial dimension. Raises ValueError."""
    shape = node.input(0).shape
    if len(shape) not in (3, 4):
        raise ValueError(f"input has rank {len(shape)} (shape {list(shape)}), it must have 3 or 4")
    blocks, ends = constant_ints(node, 1), constant_ints(node, 2)
    spatial = len(shape) - 2
    if len(blocks) != spatial or min(blocks) < 1:
        raise ValueError(f"block_shape is {list(blocks)}, it must have {spatial} elements of at least 1")
    if node.input(2).shape != (spatial, 2) or min(ends) < 0:
        raise ValueError(f"what is added or cut is {list(ends)}, it must have shape {[spatial, 2]} and not be negative")
    return blocks, tuple((ends[2 * i], ends[2 * i + 1]) for i in range(spatial))


@operator("SPACE_TO_BATCH_ND")
class SpaceToBatch(Rule):
    """Pads, then cuts into blocks; the elements at one place of all blocks become an image of their own."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape = node.input(0).shape
        blocks, ends = blocks_of(node)
        padded = [before + size + after for size, (before, after) in zip(shape[1:-1], ends, strict=True)]
        if any(size % block for size, block in zip(padded, blocks, strict=True)):
            raise ValueError(f"the padded input is {padded}, which blocks of {list(blocks)} do not divide")
        sizes = (size // block for size, block in zip(padded, blocks, strict=True))
        return [(shape[0] * math.prod(blocks), *sizes, shape[-1])]


@operator("BATCH_TO_SPACE_ND")
class BatchToSpace(Rule):
    """The reverse, with cropping where the other pads."""

    def infer_shapes(self, node: Node) -> list[Shape]:
        shape = node.input(0).shape
        blocks, ends = blocks_of(node)
        images = math.prod(blocks)
        if shape[0] % images:
            raise ValueError(f"input has {shape[0]} images, which blocks of {list(blocks)} do not divide")
        whole = [size * block for size, block in zip(shape[1:-1], blocks, strict=True)]
        sizes = [size - before - after for size, (before, after) in zip(whole, ends, strict=True)]
        if min(sizes) < 0:
            raise ValueError(f"crops {[list(end) for end in ends]} leave nothing of {whole}")
        return [(shape[0] // images, *sizes, shape[-1])]

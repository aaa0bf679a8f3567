"""DepthToSpace and SpaceToDepth."""

from __future__ import annotations

import numpy as np

from ...ir.types import Origin
from .builder import TO_NHWC, Builder
from .constants import MAX_POSITIONS
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("DepthToSpace")
def depth_to_space(node: OnnxNode, build: Builder) -> None:
    """Mode DCR is DEPTH_TO_SPACE; for CRD, PyTorch's pixel shuffle, the channels come in another order first."""
    source, result = node.input(0), node.output
    block = node.attributes.integer("blocksize", 0)
    mode = node.attributes.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise Refusal(f"mode {mode!r}", "Supported are DCR and CRD")
    if block < 1 or len(source.dims) != 4 or source.dims[1] % (block * block):
        raise Refusal(f"blocks of {block} in shape {list(source.dims)}", "Channels are a multiple of the block squared")
    image = build.to_nhwc(build.value(source))
    if mode == "CRD" and block > 1:
        if source.dims[1] > MAX_POSITIONS:
            raise Refusal(f"{source.dims[1]} channels", "Check the model: no memory holds them")
        order = np.arange(source.dims[1]).reshape(-1, block * block).T.reshape(-1)
        operand = build.indices(f"{result.name}_order", order)
        image = build.emit("GATHER", [image, operand], {"axis": 3, "batch_dims": 0}, name=f"{result.name}_ordered")
    name, origin = f"{result.name}_nhwc", Origin(result.name, TO_NHWC)
    moved = build.emit("DEPTH_TO_SPACE", [image], {"block_size": block}, name=name, origin=origin)
    build.from_nhwc(moved, to=result)


@onnx_operator("SpaceToDepth")
def space_to_depth(node: OnnxNode, build: Builder) -> None:
    source, result = node.input(0), node.output
    block = node.attributes.integer("blocksize", 0)
    if block < 1 or source.rank != 4 or source.dims[2] % block or source.dims[3] % block:
        raise Refusal(f"blocks of {block} in shape {list(source.dims)}", "Height and width are multiples of the block")
    options = {"block_size": block}
    name, origin = f"{result.name}_nhwc", Origin(result.name, TO_NHWC)
    moved = build.emit("SPACE_TO_DEPTH", [build.to_nhwc(build.value(source))], options, name=name, origin=origin)
    build.from_nhwc(moved, to=result)

"""Images: tensors of two spatial dimensions, and of one, which becomes the width of images of height 1."""

from __future__ import annotations

from ...ir.graph import Value
from ...ir.types import Origin, Shape
from .builder import TO_NHWC, Builder
from .errors import Refusal
from .graph import Tensor

#: Permutations between ONNX's NCW and the NWC from which images of height 1 are made.
_TO_NWC = (0, 2, 1)


def spatial_sizes(tensor: Tensor) -> Shape:
    """Height and width of a tensor in ONNX's layout; one dimension counts as the width. Refuses other ranks."""
    if tensor.rank not in (3, 4):
        count = tensor.rank - 2
        remedy = "One (length) and two (height and width) are supported"
        raise Refusal(f"{count} spatial dimension{'s' * (count != 1)}", remedy)
    return (1, *tensor.dims[2:]) if tensor.rank == 3 else tensor.dims[2:]


def to_image(build: Builder, tensor: Tensor) -> Value:
    """A tensor in NHWC."""
    value = build.value(tensor)
    if tensor.rank != 3:
        return build.to_nhwc(value)
    batch, channels, width = tensor.dims
    moved = build.transposed(value, _TO_NWC, name=f"{tensor.name}_nwc")
    return build.reshape(moved, (batch, 1, width, channels), name=f"{tensor.name}_nhwc")


def image_origin(tensor: Tensor) -> Origin | None:
    """The origin of a tensor's NHWC form."""
    return Origin(tensor.name, TO_NHWC) if tensor.rank == 4 else None


def from_image(build: Builder, image: Value, to: Tensor) -> None:
    """Bind a tensor to an NHWC value."""
    if to.rank != 3:
        build.from_nhwc(image, to)
        return
    batch, channels, width = to.dims
    flat = build.reshape(image, (batch, width, channels), name=f"{to.name}_nwc")
    flat.origin = Origin(to.name, _TO_NWC)
    build.transpose(flat, _TO_NWC, to=to)

"""Conv: ungrouped and grouped convolution to CONV_2D, one filter (or several) per channel to DEPTHWISE_CONV_2D."""

from __future__ import annotations

import numpy as np

from ...ir.graph import OptionValue, Value
from .builder import Builder
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .images import from_image, image_origin, spatial_sizes, to_image
from .registry import onnx_operator
from .windows import Window, read_window

#: From ONNX's filter OIHW to OHWI, and (with I = 1) to 1HWO: in both, output channel is input channel * multiplier + m.
_TO_OHWI = (0, 2, 3, 1)
_TO_1HWO = (1, 2, 3, 0)


@onnx_operator("Conv")
def conv(node: OnnxNode, build: Builder) -> None:
    """Conv(X, W, B?): TRANSPOSE to NHWC, PAD where neither SAME nor VALID fits, the convolution, TRANSPOSE back."""
    source, filters, bias = node.input(0), node.input(1), node.optional(2)
    if filters.data is None:
        raise Refusal(f"its filter {filters.name!r} is computed at run time", "The filter has to be a constant")
    groups = node.attributes.integer("group", 1)
    if filters.rank != source.rank or groups < 1:
        raise Refusal(f"{groups} groups, a filter of shape {list(filters.dims)}", "Check the model")
    window = read_window(node.attributes, spatial_sizes(source), filters.dims[2:])
    channels, outputs = source.dims[1], filters.dims[0]
    if filters.dims[1] * groups != channels or outputs % groups:
        raise Refusal(
            f"{groups} groups, {channels} channels, filter {list(filters.dims)}", "These contradict each other"
        )
    depthwise = groups == channels and groups > 1

    image = to_image(build, source)
    if window.padding is None:
        image = build.pad(image, window.nhwc_pads)
    operands: list[Value | None] = [image, _filter(build, filters, _TO_1HWO if depthwise else _TO_OHWI)]
    if bias is not None:
        operands.append(build.weights(bias))
    options = _options(window)
    if depthwise:
        options["depth_multiplier"] = outputs // channels
    result = node.output
    convolved = build.emit(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        operands,
        options,
        name=f"{result.name}_nhwc",
        origin=image_origin(result),
    )
    from_image(build, convolved, result)


def _filter(build: Builder, filters: Tensor, permutation: tuple[int, ...]) -> Value:
    """The filter with its axes permuted; one of rank 3 is one row high."""
    if filters.rank == 4:
        return build.weights(filters, permutation)
    rows = np.expand_dims(build.array(filters), 2)
    return build.new_constant(f"{filters.name}_rows", np.ascontiguousarray(rows.transpose(permutation)))


def _options(window: Window) -> dict[str, OptionValue]:
    return {
        "padding": window.padding or "VALID",
        "stride_h": window.rows.stride,
        "stride_w": window.columns.stride,
        "dilation_h_factor": window.rows.dilation,
        "dilation_w_factor": window.columns.dilation,
        "fused_activation_function": "NONE",
    }

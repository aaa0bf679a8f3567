"""Versions of operators: the lowest that says what a node does, so that old runtimes take the file.

The rules are facts of TensorFlow Lite's converter: by element type in ops.toml, by options and shapes here. Their
source is GetBuiltinOperatorVersion in TensorFlow's compiler/mlir/lite/tools/versioning/op_version.cc. There int16 is
version 4 of SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND, another rank than 4 version 3, and int16 version 3 of RELU and
RELU6; lite/core/kernels/register.cc registers versions 1 to 4 and 1 to 3 of these. uint8 is version 2 of RELU and
version 1 of RELU6, LOGISTIC, SOFTMAX and TANH.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..ir.graph import Node
from ..ir.rules import bool_option, enum_option, int_option, spec_of
from ..ir.types import DType

#: The first TensorFlow release that runs all versions but those below.
_RELEASE = (2, 3, 0)
_LATER_RELEASES: Mapping[tuple[str, int], tuple[int, int, int]] = {
    ("ADD", 3): (2, 4, 0),
    ("BATCH_TO_SPACE_ND", 4): (2, 12, 0),
    ("CONV_2D", 6): (2, 9, 0),
    ("CONV_2D", 7): (2, 12, 0),
    ("DEPTHWISE_CONV_2D", 7): (2, 12, 0),
    ("DEQUANTIZE", 5): (2, 9, 0),
    ("DEQUANTIZE", 6): (2, 14, 0),
    ("FULLY_CONNECTED", 10): (2, 12, 0),
    ("FULLY_CONNECTED", 12): (2, 17, 0),
    ("GATHER", 4): (2, 4, 0),
    ("MEAN", 3): (2, 4, 0),
    ("PAD", 3): (2, 4, 0),
    ("PAD", 4): (2, 6, 0),
    ("PADV2", 3): (2, 4, 0),
    ("REDUCE_MAX", 3): (2, 5, 0),
    ("REDUCE_MIN", 3): (2, 5, 0),
    ("RELU", 3): (2, 5, 0),
    ("RELU6", 3): (2, 5, 0),
    ("RESIZE_BILINEAR", 4): (2, 5, 0),
    ("RESIZE_NEAREST_NEIGHBOR", 4): (2, 4, 0),
    ("SLICE", 4): (2, 4, 0),
    ("SPACE_TO_BATCH_ND", 4): (2, 12, 0),
    ("SUB", 5): (2, 4, 0),
    ("TRANSPOSE", 5): (2, 4, 0),
    ("TRANSPOSE", 6): (2, 12, 0),
    ("TRANSPOSE_CONV", 4): (2, 13, 0),
}


def version_of(node: Node) -> int:
    """The lowest version of the node's operator that says what the node does."""
    by_type = spec_of(node.op).version(node.input(0).dtype.value)
    rule = _RULES.get(node.op)
    return by_type if rule is None else max(by_type, rule(node))


def min_runtime_version(nodes: Iterable[Node]) -> str:
    """The first TensorFlow release whose interpreter runs every node."""
    releases = (_LATER_RELEASES.get((node.op, version_of(node)), _RELEASE) for node in nodes)
    return ".".join(map(str, max(releases, default=_RELEASE)))


def _hybrid(node: Node, per_tensor: int, per_channel: int, int4: int) -> int:
    """The version for weights of another type than the activations; 1 where they have the same."""
    source, weights = node.input(0), node.input(1)
    if weights.dtype is DType.INT4:
        return int4
    if weights.dtype is not DType.INT8 or not source.dtype.is_float:
        return 1
    return per_tensor if weights.quantization is None or weights.quantization.is_per_tensor else per_channel


def _conv_2d(node: Node) -> int:
    grouped = node.input(1).shape[-1] != node.input(0).shape[-1]
    return max(6 if grouped else 1, _hybrid(node, 2, 5, 7))


def _depthwise_conv_2d(node: Node) -> int:
    dilated = int_option(node, "dilation_h_factor") > 1 or int_option(node, "dilation_w_factor") > 1
    return max(2 if dilated else 1, _hybrid(node, 4, 6, 7))


def _dequantize(node: Node) -> int:
    """Version 5 for a scale per channel."""
    scales = node.input(0).quantization
    return 5 if scales is not None and not scales.is_per_tensor else 1


def _fully_connected(node: Node) -> int:
    """Version 12 for one scale per output: older runtimes would take the first scale for all."""
    scales = node.input(1).quantization
    if scales is not None and not scales.is_per_tensor:
        return 12
    hybrid = _hybrid(node, 9 if bool_option(node, "asymmetric_quantize_inputs") else 3, 12, 10)
    if hybrid > 1:
        return max(hybrid, 6 if node.optional(2) is None else 5 if bool_option(node, "keep_num_dims") else 1)
    if node.optional(2) is None:
        return 6
    return 5 if bool_option(node, "keep_num_dims") else 1


def _quantize(node: Node) -> int:
    """Version 2 for int16."""
    return 2 if DType.INT16 in (node.input(0).dtype, node.output.dtype) else 1


def _mul(node: Node) -> int:
    """Version 3 where the product is scaled up: input scales / output scale >= 1."""
    scales = [value.quantization.scale for value in (node.input(0), node.input(1), node.output) if value.quantization]
    return 3 if len(scales) == 3 and scales[0] * scales[1] >= scales[2] else 1


def _broadcast(version: int) -> Callable[[Node], int]:
    """A version of its own where tensors of more than four dimensions are broadcast."""

    def rule(node: Node) -> int:
        return version if len(node.output.shape) > 4 and node.input(0).shape != node.input(1).shape else 1

    return rule


def _resize(node: Node) -> int:
    """Version 3 for half-pixel centres, and for aligned corners of the nearest neighbour."""
    aligned = node.op == "RESIZE_NEAREST_NEIGHBOR" and bool_option(node, "align_corners")
    return 3 if aligned or bool_option(node, "half_pixel_centers") else 1


def _transpose_conv(node: Node) -> int:
    if enum_option(node, "fused_activation_function") != "NONE":
        return 4
    if node.optional(3) is not None:
        return 3
    return 2 if node.input(1).dtype is DType.INT8 else 1


def _transpose(node: Node) -> int:
    rank = len(node.input(0).shape)
    if rank > 5:
        return 6
    return 4 if rank > 4 and node.input(0).dtype is not DType.INT16 else 1


def _pad(node: Node) -> int:
    return 4 if len(node.input(0).shape) > 4 else 1


def _batches(node: Node) -> int:
    """Version 3 for one spatial dimension."""
    return 1 if len(node.input(0).shape) == 4 else 3


def _split(node: Node) -> int:
    """The axis comes first: ops.toml's versions by the type of input 0 do not see the data's."""
    return {DType.INT8: 2, DType.INT32: 3, DType.INT16: 4}.get(node.input(1).dtype, 1)


def _slice(node: Node) -> int:
    return 5 if len(node.input(0).shape) > 4 else 1


def _strided_slice(node: Node) -> int:
    if bool_option(node, "offset"):
        return 8
    if int_option(node, "ellipsis_mask") or int_option(node, "new_axis_mask"):
        return 6
    return 4 if len(node.input(0).shape) > 4 else 1


def _gather(node: Node) -> int:
    return 5 if int_option(node, "batch_dims") else 1


_RULES: Mapping[str, Callable[[Node], int]] = {
    "BATCH_TO_SPACE_ND": _batches,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "DEQUANTIZE": _dequantize,
    "DIV": _broadcast(2),
    "FULLY_CONNECTED": _fully_connected,
    "GATHER": _gather,
    "MAXIMUM": _broadcast(3),
    "MINIMUM": _broadcast(3),
    "MUL": _mul,
    "PAD": _pad,
    "QUANTIZE": _quantize,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SPACE_TO_BATCH_ND": _batches,
    "SLICE": _slice,
    "SPLIT": _split,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _broadcast(3),
    "TRANSPOSE": _transpose,
    "TRANSPOSE_CONV": _transpose_conv,
}

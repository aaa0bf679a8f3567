"""Makes a model take bytes, 0 to 255, where it took normalised numbers: the normalisation goes into the first layer.

With x[c] = a[c]·byte + b[c] the byte that stands for x = 0 is p[c] = -b[c] / a[c]. The input becomes r = s·(byte - Z)
with one scale s and one zero point Z for all channels, which is what a quantized tensor can hold; then

    x[c] = (a[c] / s)·r + a[c]·(Z - p[c])

1. One a and p for all channels, p whole: s = a and Z = p make r = x. Nothing else changes.
2. A convolution or dense layer reads the input, behind transposes and paddings: its weights take the factors, its bias
   the summands. Padding adds r = 0, the byte Z; so this is done where nothing is padded, or where every p[c] lies
   within half a step of Z, closer than which no byte comes.
3. Otherwise a depthwise 1x1 convolution in front computes x, and what is behind pads with each channel's true zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..ir.graph import Graph, Node, Value
from ..ir.ranges import Range
from ..ir.types import DType
from ..ir.weighted import WEIGHTED, position_of
from .geometry import is_padded

STAGE = "fold input"
BYTES = 255
#: A zero that is whole up to this is one: the summands came through float64.
WHOLE = 1e-6


@dataclass(frozen=True)
class FoldedInput:
    """What the input of the graph holds now, and how it follows from the source's input x."""

    #: The source model's name, and that of the graph's Value.
    name: str
    value: str
    #: x = factor·byte + summand, one or one for each channel along `axis` of the source's input.
    factors: tuple[float, ...]
    summands: tuple[float, ...]
    axis: int
    #: The input holds r = scale·(byte - zero_point).
    scale: float
    zero_point: int
    #: How it was done, for the report.
    how: str

    @property
    def range(self) -> Range:
        """Whose quantization is `scale` and `zero_point`, whatever bytes the samples hold."""
        return Range(-self.scale * self.zero_point, self.scale * (BYTES - self.zero_point))

    def prepare(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """r from x. Raises UsageError for numbers that no byte stands for."""
        factors, summands = wide(self.factors, self.axis, x.ndim), wide(self.summands, self.axis, x.ndim)
        pixels = (x.astype(np.float64) - summands) / factors
        low, high = float(pixels.min(initial=0)), float(pixels.max(initial=0))
        if low < -0.5 or high > BYTES + 0.5:
            raise UsageError.at(
                STAGE,
                f"input {self.name!r}",
                f"a sample would need pixel values from {low:.4g} to {high:.4g}",
                "Samples must be normalised by the numbers that are folded: give the same --preset, --mean and --std",
            )
        return ((pixels - self.zero_point) * self.scale).astype(np.float32)


def fold_input(graph: Graph, factors: Sequence[float], summands: Sequence[float]) -> FoldedInput:
    """Change a float graph in place so that its image input holds bytes. Raises UsageError where there is none."""
    name, value, axis = _image_input(graph, max(len(factors), len(summands)))
    a, b = np.broadcast_arrays(np.asarray(factors, np.float64), np.asarray(summands, np.float64))
    zeros = -b / a
    uniform = bool((a == a[0]).all() and (zeros == zeros[0]).all())
    zero_point = int(np.clip(np.rint(zeros.mean()), 0, BYTES))
    scale = float(np.float32(a[0] if (a == a[0]).all() else np.abs(a).mean()))
    if scale <= 0 or a.min() <= 0:
        raise UsageError.at(STAGE, "mean and std", "make larger bytes smaller numbers", "scale and std must be above 0")
    if uniform and abs(zeros[0] - zero_point) < WHOLE:
        how = "the input's scale and zero point are the normalisation"
    else:
        how = _fold(graph, value, a / scale, a * (zero_point - zeros), float(np.abs(zero_point - zeros).max()), axis)
    return FoldedInput(name, value.name, tuple(map(float, a)), tuple(map(float, b)), axis, scale, zero_point, how)


def wide(numbers: Sequence[float], axis: int, rank: int) -> npt.NDArray[np.float64]:
    """Numbers along one axis of an array of this rank; a single one for all of it."""
    array = np.asarray(numbers, np.float64)
    return array.reshape([-1 if i == axis else 1 for i in range(rank)]) if array.size > 1 else array.reshape([1] * rank)


def _image_input(graph: Graph, channels: int) -> tuple[str, Value, int]:
    """The only float input that may be an image, and its axis of channels."""
    names = graph.input_names or [value.name for value in graph.inputs]
    images = [(n, v) for n, v in zip(names, graph.inputs, strict=True) if v.dtype is DType.FLOAT32 and v.elements > 1]
    if len(images) > 1:
        images = [(name, value) for name, value in images if len(value.shape) == 4]
    if len(images) != 1:
        raise UsageError.at(STAGE, "the model", f"has {len(images)} float inputs that may hold bytes, not one")
    ((name, value),) = images
    rank = len(value.shape)
    found = [axis for axis in dict.fromkeys((rank - 1, rank - 3)) if axis >= 0 and value.shape[axis] == channels]
    if channels > 1 and len(found) != 1:
        shape = list(value.shape)
        raise UsageError.at(STAGE, f"input {name!r}", f"of shape {shape} has not one axis of {channels} channels")
    return name, value, found[0] if channels > 1 else rank - 1


def _fold(
    graph: Graph,
    value: Value,
    factors: npt.NDArray[np.float64],
    summands: npt.NDArray[np.float64],
    off: float,
    axis: int,
) -> str:
    """Cases 2 and 3."""
    chain, layer, padded = _first_layer(graph, value)
    if layer is not None and (not padded or off <= 0.5) and _takes_factors(layer, chain, len(factors)):
        _into_layer(graph, layer, factors, summands)
        return f"the normalisation is in the weights and bias of {layer.op} {layer.name or layer.output.name!r}"
    behind = chain[0].output if chain and chain[0].op == "TRANSPOSE" else value
    permuted = [int(i) for i in _constant(chain[0], 1)].index(axis) if behind is not value else axis
    made = Value(graph.unique_name(f"{value.name}_normalised"), behind.shape, DType.FLOAT32, origin=behind.origin)
    graph.replace_uses(behind, made)
    at = 0 if behind is value else graph.nodes.index(chain[0]) + 1
    if len(behind.shape) == 4 and permuted == 3:
        graph.nodes[at:at] = [_depthwise(graph, behind, made, factors, summands)]
        return "a depthwise 1x1 convolution in front normalises, since what is behind pads with zeros"
    scaled = Value(graph.unique_name(f"{value.name}_scaled"), behind.shape, DType.FLOAT32)
    rank = len(behind.shape)
    by = graph.constant(f"{value.name}_factors", wide(list(factors), permuted, rank).astype(np.float32))
    plus = graph.constant(f"{value.name}_summands", wide(list(summands), permuted, rank).astype(np.float32))
    none = {"fused_activation_function": "NONE"}
    graph.nodes[at:at] = [
        Node("MUL", [behind, by], [scaled], dict(none), "normalise"),
        Node("ADD", [scaled, plus], [made], {**none, "pot_scale_int16": False}, "normalise"),
    ]
    return "MUL and ADD in front normalise"


def _first_layer(graph: Graph, value: Value) -> tuple[list[Node], Node | None, bool]:
    """The only readers of an input up to the first layer with weights, that layer, and whether anything is padded."""
    chain: list[Node] = []
    padded = False
    while True:
        readers = graph.consumers().get(value, [])
        if len(readers) != 1 or value in graph.outputs:
            return chain, None, padded
        (reader,) = readers
        if reader.op in WEIGHTED and reader.input(position_of(reader.op, "input")) is value:
            spatial = reader.op in ("CONV_2D", "DEPTHWISE_CONV_2D")
            return chain, reader, padded or (spatial and is_padded(reader))
        if reader.op not in ("TRANSPOSE", "PAD") or not reader.input(1).is_constant:
            return chain, None, padded
        padded = padded or reader.op == "PAD"
        chain.append(reader)
        value = reader.output


def _takes_factors(layer: Node, chain: Sequence[Node], channels: int) -> bool:
    """Whether weights and bias are constants, and the layer's last axis is that of the channels."""
    weights = layer.input(position_of(layer.op, "filter"))
    bias = layer.optional(position_of(layer.op, "bias"))
    if layer.op not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") or weights.data is None:
        return False
    if weights.dtype is not DType.FLOAT32 or (bias is not None and bias.data is None):
        return False
    source = layer.input(position_of(layer.op, "input"))
    width = weights.shape[-1] if layer.op == "FULLY_CONNECTED" else source.shape[-1]
    return channels == 1 or source.shape[-1] == width == channels


def _into_layer(graph: Graph, layer: Node, factors: npt.NDArray[np.float64], summands: npt.NDArray[np.float64]) -> None:
    """Case 2: W' = W·factor, bias' = bias + sum of W·summand, in float64, rounded once."""
    at, bias_at = position_of(layer.op, "filter"), position_of(layer.op, "bias")
    weights = _constant(layer, at).astype(np.float64)
    source = layer.input(position_of(layer.op, "input"))
    channels = weights.shape[-1] if layer.op == "FULLY_CONNECTED" else source.shape[-1]
    factors, summands = np.broadcast_to(factors, channels), np.broadcast_to(summands, channels)
    if layer.op == "DEPTHWISE_CONV_2D":
        each = np.arange(weights.shape[3]) // (weights.shape[3] // channels)
        scaled, shift = weights * factors[each], (weights * summands[each]).sum(axis=(0, 1, 2))
    else:
        depth = weights.shape[-1]
        group = np.arange(weights.shape[0]) // max(1, weights.shape[0] // (channels // depth))
        each = (group[:, None] * depth + np.arange(depth)).reshape(-1, *[1] * (weights.ndim - 2), depth)
        scaled = weights * factors[each]
        shift = (weights * summands[each]).sum(axis=tuple(range(1, weights.ndim)))
    before = layer.optional(bias_at)
    bias = shift + (0.0 if before is None or before.data is None else before.data.astype(np.float64).reshape(-1))
    layer.inputs += [None] * (bias_at + 1 - len(layer.inputs))
    layer.inputs[at] = graph.constant(layer.input(at).name, scaled.astype(np.float32))
    name = f"{layer.output.name}_bias" if before is None else before.name
    layer.inputs[bias_at] = graph.constant(name, bias.astype(np.float32))


def _depthwise(
    graph: Graph, source: Value, made: Value, factors: npt.NDArray[np.float64], summands: npt.NDArray[np.float64]
) -> Node:
    """Case 3."""
    channels = source.shape[3]
    weights = np.broadcast_to(factors, channels).astype(np.float32).reshape(1, 1, 1, channels)
    bias = np.broadcast_to(summands, channels).astype(np.float32)
    options: dict[str, Any] = {
        "padding": "VALID",
        "stride_h": 1,
        "stride_w": 1,
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
        "depth_multiplier": 1,
        "fused_activation_function": "NONE",
    }
    inputs: list[Value | None] = [
        source,
        graph.constant(f"{source.name}_factors", weights),
        graph.constant(f"{source.name}_summands", bias),
    ]
    return Node("DEPTHWISE_CONV_2D", inputs, [made], options, "normalise")


def _constant(node: Node, position: int) -> npt.NDArray[Any]:
    data = node.input(position).data
    assert data is not None
    return data

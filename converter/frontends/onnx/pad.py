"""Pad: with a number, in a mirror, or by repeating the border; negative pads crop."""

from __future__ import annotations

import math

import numpy as np

from ...ir.graph import Value
from .builder import Builder
from .constants import MAX_POSITIONS
from .errors import Refusal
from .graph import OnnxNode, Tensor
from .registry import onnx_operator
from .slice import take

_Paddings = list[tuple[int, int]]


@onnx_operator("Pad")
def pad(node: OnnxNode, build: Builder) -> None:
    """Pads are an attribute, since opset 11 an input; since opset 18 they may be for some axes only."""
    source, result = node.input(0), node.output
    mode = node.attributes.text("mode", "constant")
    paddings = _paddings(node, source.rank)
    value = build.value(source)
    cropped = [
        range(max(-before, 0), max(size - max(-after, 0), 0))
        for size, (before, after) in zip(source.dims, paddings, strict=True)
    ]
    grown = [(max(before, 0), max(after, 0)) for before, after in paddings]
    if not any(map(any, grown)):
        take(build, value, cropped, to=result)
        return
    value = take(build, value, cropped, name=f"{result.name}_cropped")
    if mode == "constant":
        _surround(node, build, value, grown, result)
    elif mode == "reflect":
        operand = build.indices(f"{result.name}_paddings", grown)
        build.emit("MIRROR_PAD", [value, operand], {"mode": "REFLECT"}, to=result)
    elif mode in ("edge", "wrap"):
        _repeat(build, value, grown, mode, result)
    else:
        raise Refusal(f"mode {mode!r}", "constant, reflect, edge and wrap are supported")


def _paddings(node: OnnxNode, rank: int) -> _Paddings:
    """(before, after) for every dimension."""
    given = node.integers(1, "pads") if node.opset >= 11 else node.attributes.integers("pads")
    if given is None:
        raise Refusal("it has no pads", "The model needs to give them")
    pads = [int(pad) for pad in given]
    named = node.axes(18, rank, 3) if node.opset >= 18 else None
    axes = list(range(rank)) if named is None else list(named)
    if len(pads) != 2 * len(axes):
        raise Refusal(f"{len(pads)} pads for {len(axes)} axes", "Check the model: there must be two for every axis")
    paddings = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        paddings[axis] = (pads[i], pads[i + len(axes)])
    return paddings


def _surround(node: OnnxNode, build: Builder, value: Value, paddings: _Paddings, result: Tensor) -> None:
    number = node.attributes.number("value", 0.0) if node.opset < 11 else node.scalar(2, "value") or 0.0
    if number == 0:
        build.pad(value, paddings, to=result)
        return
    with np.errstate(all="ignore"):
        is_held = value.dtype.is_float or float(np.array(number).astype(value.dtype.numpy)) == number
    if not math.isfinite(number) or not is_held:
        raise Refusal(f"padding with {number:g}", f"Pad with a finite number that {value.dtype.value} holds")
    operands = [
        build.indices(f"{result.name}_paddings", paddings),
        build.new_constant(f"{result.name}_value", np.array(number, value.dtype.numpy)),
    ]
    build.emit("PADV2", [value, *operands], to=result)


def _repeat(build: Builder, value: Value, paddings: _Paddings, mode: str, result: Tensor) -> None:
    """One dimension after the other: numpy says which element each place shows."""
    padded = [axis for axis, pair in enumerate(paddings) if any(pair)]
    if any(value.shape[axis] < 1 or result.dims[axis] > MAX_POSITIONS for axis in padded):
        found = f"mode {mode!r} from shape {list(value.shape)} to {list(result.dims)}"
        raise Refusal(found, f"Each dimension needs an element to repeat, and at most {MAX_POSITIONS} afterwards")
    for axis in padded:
        places = np.arange(value.shape[axis])
        places = np.pad(places, paddings[axis], "edge") if mode == "edge" else np.pad(places, paddings[axis], "wrap")
        indices = build.indices(f"{result.name}_places{axis}", places)
        last = axis == padded[-1]
        wish = f"{result.name}_padded{axis}"
        value = build.emit("GATHER", [value, indices], {"axis": axis}, to=result if last else None, name=wish)

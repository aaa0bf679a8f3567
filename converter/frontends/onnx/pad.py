"""Pad with zeros."""

from __future__ import annotations

from .builder import Builder
from .errors import Refusal
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("Pad")
def pad(node: OnnxNode, build: Builder) -> None:
    """Pads are an attribute, since opset 11 an input; since opset 18 they may be for some axes only."""
    source, result = node.input(0), node.output
    mode = node.attributes.text("mode", "constant")
    if mode != "constant":
        raise Refusal(f"mode {mode!r}", "Only padding with zeros is supported so far")
    paddings = _paddings(node, source.rank)
    if min(min(pair) for pair in paddings) < 0:
        raise Refusal(f"negative pads {paddings}", "Cropping is not supported yet")
    if not any(map(any, paddings)):
        build.bind(result, build.value(source))
        return
    value = _fill(node)
    if value != 0:
        raise Refusal(f"padding with {value:g}", "Only padding with zeros is supported so far")
    build.pad(build.value(source), paddings, to=result)


def _paddings(node: OnnxNode, rank: int) -> list[tuple[int, int]]:
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


def _fill(node: OnnxNode) -> float:
    if node.opset < 11:
        return node.attributes.number("value", 0.0)
    return node.scalar(2, "value") or 0.0

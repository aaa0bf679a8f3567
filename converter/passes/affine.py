"""Chains of MUL and ADD by constants, as one scale and one shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..ir.graph import Graph, Node, Value
from .rewrite import activation, constant_operand, only_reader, per_channel

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """output = activation(input * scale + shift), all arithmetic in float64. `nodes` in order of execution."""

    nodes: tuple[Node, ...]
    input: Value
    scale: Array
    shift: Array

    @property
    def output(self) -> Value:
        return self.nodes[-1].output

    @property
    def activation(self) -> str:
        return activation(self.nodes[-1])

    @property
    def has_shift(self) -> bool:
        return bool(np.any(self.shift))

    def per_channel(self) -> tuple[Array, Array] | None:
        """Scale and shift as one number for each element of the last axis; None when they vary along another."""
        channels = self.output.shape[-1]
        scale, shift = per_channel(self.scale, channels), per_channel(self.shift, channels)
        return None if scale is None or shift is None else (scale, shift)


@dataclass(frozen=True)
class _Link:
    node: Node
    input: Value
    constant: Array


def _link(node: Node | None) -> _Link | None:
    """The node as a link of a chain: MUL or ADD of float32 by a constant that does not widen the other operand."""
    if node is None or node.op not in ("MUL", "ADD"):
        return None
    split = constant_operand(node)
    if split is None or split[0].shape != node.output.shape or not split[0].shape:
        return None
    return _Link(node, *split)


def affine_from(graph: Graph, readers: dict[Value, list[Node]], value: Value, *, along_channels: bool) -> Affine | None:
    """The longest chain that begins by being the only reader of `value`, up to the first activation.

    With `along_channels` only constants that vary along nothing but the last axis are taken.
    """
    links: list[_Link] = []
    current = value
    while (link := _link(only_reader(graph, readers, current))) is not None and link.input is current:
        if along_channels and per_channel(link.constant, current.shape[-1]) is None:
            break
        links.append(link)
        current = link.node.output
        if activation(link.node) != "NONE":
            break
    return _compose(links, value)


def affine_into(
    graph: Graph, readers: dict[Value, list[Node]], producers: dict[Value, Node], value: Value, *, allow_shift: bool
) -> Affine | None:
    """The longest chain without activations whose result is `value`, each result read once; constants along channels.

    Without `allow_shift` it begins after the last ADD.
    """
    links: list[_Link] = []
    current = value
    while True:
        link = _link(producers.get(current))
        if link is None or activation(link.node) != "NONE" or only_reader(graph, readers, current) is None:
            break
        if per_channel(link.constant, current.shape[-1]) is None or (link.node.op == "ADD" and not allow_shift):
            break
        links.insert(0, link)
        current = link.input
    return _compose(links, current)


def _compose(links: list[_Link], source: Value) -> Affine | None:
    if not links:
        return None
    scale, shift = np.ones((), np.float64), np.zeros((), np.float64)
    for link in links:
        if link.node.op == "MUL":
            scale, shift = scale * link.constant, shift * link.constant
        else:
            shift = shift + link.constant
    return Affine(tuple(link.node for link in links), source, scale, shift)

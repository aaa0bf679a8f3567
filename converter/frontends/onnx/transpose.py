"""Transpose."""

from __future__ import annotations

from .builder import Builder
from .graph import OnnxNode
from .registry import onnx_operator


@onnx_operator("Transpose")
def transpose(node: OnnxNode, build: Builder) -> None:
    source, result = node.input(0), node.output
    permutation = node.attributes.integers("perm") or tuple(reversed(range(source.rank)))
    if source.rank < 2:
        build.bind(result, build.value(source))
    else:
        build.transpose(build.value(source), permutation, to=result)

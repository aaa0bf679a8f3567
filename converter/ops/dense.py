"""FULLY_CONNECTED: filter [outputs, inputs]; the input's leading dimensions are rows."""

from __future__ import annotations

from ..ir.graph import Node
from ..ir.rules import bool_option, enum_option
from ..ir.types import Shape
from .conv import check_bias
from .registry import Rule, operator


@operator("FULLY_CONNECTED")
class FullyConnected(Rule):
    def infer_shapes(self, node: Node) -> list[Shape]:
        source, weights = node.input(0), node.input(1)
        if len(weights.shape) != 2:
            raise ValueError(f"filter has shape {list(weights.shape)}, it must be [outputs, inputs]")
        outputs, inputs = weights.shape
        if enum_option(node, "weights_format") != "DEFAULT":
            raise ValueError("weights_format must be DEFAULT")
        check_bias(node, outputs)
        if bool_option(node, "keep_num_dims"):
            if not source.shape or source.shape[-1] != inputs:
                raise ValueError(f"input has shape {list(source.shape)}, its last dimension must be {inputs}")
            return [(*source.shape[:-1], outputs)]
        if inputs == 0 or source.elements % inputs:
            raise ValueError(f"input of shape {list(source.shape)} does not split into rows of {inputs}")
        return [(source.elements // inputs, outputs)]

    def macs(self, node: Node) -> int:
        return node.input(0).elements * node.input(1).shape[0]

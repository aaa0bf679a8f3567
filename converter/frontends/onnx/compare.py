"""Comparisons, logic and Where."""

from __future__ import annotations

from .builder import Builder
from .graph import OnnxNode
from .registry import onnx_operator

_OPERATORS = {
    "Equal": "EQUAL",
    "Greater": "GREATER",
    "GreaterOrEqual": "GREATER_EQUAL",
    "Less": "LESS",
    "LessOrEqual": "LESS_EQUAL",
    "And": "LOGICAL_AND",
    "Or": "LOGICAL_OR",
    "Xor": "NOT_EQUAL",
}


@onnx_operator(*_OPERATORS)
def comparison(node: OnnxNode, build: Builder) -> None:
    """Xor of booleans is that they differ."""
    operands = [build.value(node.input(0)), build.value(node.input(1))]
    build.emit(_OPERATORS[node.op_type], operands, to=node.output)


@onnx_operator("Not")
def negation(node: OnnxNode, build: Builder) -> None:
    build.emit("LOGICAL_NOT", [build.value(node.input(0))], to=node.output)


@onnx_operator("Where")
def where(node: OnnxNode, build: Builder) -> None:
    build.emit("SELECT_V2", [build.value(node.input(i)) for i in range(3)], to=node.output)

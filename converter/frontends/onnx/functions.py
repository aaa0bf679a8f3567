"""Functions of one element that are operators by themselves."""

from __future__ import annotations

from .builder import Builder
from .graph import OnnxNode
from .registry import onnx_operator

_OPERATORS = {"Abs": "ABS", "Exp": "EXP", "Log": "LOG", "Sqrt": "SQRT", "Tanh": "TANH"}


@onnx_operator(*_OPERATORS)
def function(node: OnnxNode, build: Builder) -> None:
    build.emit(_OPERATORS[node.op_type], [build.value(node.input(0))], to=node.output)

"""The graph as text: one line per node, for golden tests, dumps and eyes.

    graph "main"
    input "x": float32[1,4] as "serving_x"
    constant "w": float32[3,4] min -0.7 max 0.9
    "y": float32[1,3] = FULLY_CONNECTED("x", "w", -) {fused_activation_function: RELU} at "dense/MatMul"
    output "y" as "serving_y"
    data "w" eNpjY...

`to_text` writes constants in full: up to 16 elements on their line, larger ones as `data` lines at the end (zlib,
base64), so that `from_text` gives an equal graph. With `data=False` large constants show their extremes only.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator

import numpy as np

from .graph import Graph, Node, OptionValue, Value
from .text_parse import from_text
from .types import Quantization

__all__ = ["from_text", "to_text"]

#: Constants of up to this many elements are written as numbers.
INLINE_ELEMENTS = 16


def to_text(graph: Graph, data: bool = True) -> str:
    """The graph as text; `data=False` leaves out what only `from_text` needs."""
    lines = [f"graph {_quoted(graph.name)}"]
    lines += [f"metadata {_quoted(name)} {_packed(value)}" for name, value in graph.metadata.items()]
    for i, value in enumerate(graph.inputs):
        lines.append(f"input {_value(value)}{_label(graph.input_names, i)}")
    shown = set(graph.inputs)
    large: list[Value] = []
    for node in graph.nodes:
        for operand in node.inputs:
            if operand is not None and operand not in shown and (operand.is_constant or operand.is_variable):
                shown.add(operand)
                lines += _standalone(operand, large)
        shown.update(node.outputs)
        lines.append(_node(node))
    for value in graph.outputs:
        if value not in shown:
            shown.add(value)
            lines += _standalone(value, large)
    lines += [f"output {_quoted(v.name)}{_label(graph.output_names, i)}" for i, v in enumerate(graph.outputs)]
    if data:
        lines += [f"data {_quoted(value.name)} {_packed(_bytes(value))}" for value in large]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def _bytes(value: Value) -> bytes:
    assert value.data is not None
    return np.ascontiguousarray(value.data).tobytes()


def _label(names: list[str], i: int) -> str:
    return f" as {_quoted(names[i])}" if i < len(names) else ""


def _standalone(value: Value, large: list[Value]) -> Iterator[str]:
    """The line of a constant or variable; a constant too large for its line joins `large`."""
    if value.data is None:
        yield f"{'variable' if value.is_variable else 'unwritten'} {_value(value)}"
        return
    if value.data.size <= INLINE_ELEMENTS:
        yield f"constant {_value(value)} = [{', '.join(_number(x) for x in value.data.reshape(-1).tolist())}]"
        return
    large.append(value)
    low, high = value.data.min(), value.data.max()
    yield f"constant {_value(value)} min {_number(low.item())} max {_number(high.item())}"


def _number(x: float | int | bool) -> str:
    return str(int(x)) if isinstance(x, bool) else repr(x)


def _value(value: Value) -> str:
    text = f"{_quoted(value.name)}: {value.dtype.value}[{','.join(map(str, value.shape))}]"
    if value.quantization is not None:
        text += " " + _quantization(value.quantization)
    if value.origin is not None:
        text += f" from {_quoted(value.origin.name)}"
        if value.origin.permutation is not None:
            text += f"({','.join(map(str, value.origin.permutation))})"
        if value.origin.gains is not None:
            text += f" gains({','.join(map(str, value.origin.gains))})"
    return text


def _quantization(quantization: Quantization) -> str:
    """`q(scale, zero point)`, or `q(axis, [scales], [zero points])`."""
    if quantization.is_per_tensor and quantization.axis == 0:
        return f"q({quantization.scale!r}, {quantization.zero_point})"
    scales = ", ".join(map(repr, quantization.scales))
    return f"q({quantization.axis}, [{scales}], [{', '.join(map(str, quantization.zero_points))}])"


def _node(node: Node) -> str:
    operands = ", ".join("-" if value is None else _quoted(value.name) for value in node.inputs)
    text = f"{', '.join(_value(value) for value in node.outputs)} = {node.op}({operands})"
    if node.options:
        text += " {" + ", ".join(f"{name}: {_option(value)}" for name, value in node.options.items()) + "}"
    return text + (f" at {_quoted(node.name)}" if node.name else "")


def _option(value: OptionValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return value if isinstance(value, str) else repr(value)

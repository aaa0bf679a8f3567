"""Operator codes and options tables."""

from __future__ import annotations

import numpy as np

from ..gen import tflite
from ..gen.ops import OptionField, OptionValue
from ..ir.graph import Node, Value
from ..ir.rules import spec_of
from .versions import version_of

#: deprecated_builtin_code is a signed byte; codes that do not fit are told by builtin_code alone.
_SATURATED = int(tflite.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)


def operator_code(node: Node) -> tflite.OperatorCode:
    """The operator-code entry that a node needs."""
    code = spec_of(node.op).code
    return tflite.OperatorCode(
        deprecated_builtin_code=min(code, _SATURATED), version=version_of(node), builtin_code=code
    )


def options_table(node: Node) -> tflite.BuiltinOptions | None:
    """The options table of a node, options that it does not set at the wire format's default; None without a table."""
    spec = spec_of(node.op)
    if not spec.options:
        return None
    table: tflite.BuiltinOptions = getattr(tflite, spec.options)()
    for field in spec.option_fields:
        setattr(table, field.name, _stored(field, node.options.get(field.name, field.default)))
    if isinstance(table, tflite.CastOptions):
        table.in_data_type, table.out_data_type = _wire_type(node.input(0)), _wire_type(node.output)
    if isinstance(table, tflite.ShapeOptions):
        table.out_type = _wire_type(node.output)
    if isinstance(table, tflite.DepthwiseConv2DOptions):  # the shapes decide, but LiteRT reads the option
        table.depth_multiplier = node.input(1).shape[-1] // node.input(0).shape[-1]
    return table


def _wire_type(value: Value) -> int:
    return int(tflite.TensorType[value.dtype.name])


def _stored(field: OptionField, value: OptionValue) -> object:
    if field.kind == "enum":
        return field.members.index(str(value))
    if field.kind == "ints":
        return np.array(value, dtype=np.int32) if value else None
    return value

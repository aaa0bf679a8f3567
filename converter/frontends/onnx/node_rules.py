"""ONNX's own rules for one node: operands, attributes and element types, from the schemas of the onnx package."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import checker, helper

from ...errors import InvalidModelError
from .errors import STAGE
from .graph import Tensor

#: Element types whose names in the schemas differ from those of the enumeration.
_SCHEMA_NAMES = {"FLOAT": "float", "DOUBLE": "double"}


def check_node(node: onnx.NodeProto, name: str, opset: int) -> None:
    """Counts of operands, required attributes and their types. Raises InvalidModelError.

    The checker of whole models stops at the first operator that it does not know, and says nothing of those behind.
    Control flow is left to that checker: the names that a branch may use are not known here.
    """
    if any(attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for attribute in node.attribute):
        return
    context = checker.C.CheckerContext()
    context.ir_version = checker.DEFAULT_CONTEXT.ir_version
    context.opset_imports = {"": opset}
    try:
        checker.check_node(node, context)
    except checker.ValidationError as error:
        raise InvalidModelError.at(STAGE, f"{node.op_type} {name!r}", " ".join(str(error).split())) from error
    outputs = next((attribute.i for attribute in node.attribute if attribute.name == "num_outputs"), len(node.output))
    if outputs != len(node.output):  # inference would make as many as the attribute says
        found = f"num_outputs is {outputs}, but it names {len(node.output)}"
        raise InvalidModelError.at(STAGE, f"{node.op_type} {name!r}", found)


def check_types(node: onnx.NodeProto, name: str, schema: onnx.defs.OpSchema, inputs: Sequence[Tensor | None]) -> None:
    """Whether the schema takes the inputs' element types. Raises InvalidModelError."""
    for i, tensor in enumerate(inputs):
        formal = schema.inputs[min(i, len(schema.inputs) - 1)]
        if tensor is None or tensor.dtype is None:
            continue
        enumerator = onnx.TensorProto.DataType.Name(helper.np_dtype_to_tensor_dtype(tensor.dtype))
        found = f"tensor({_SCHEMA_NAMES.get(enumerator, enumerator.lower())})"
        if found not in formal.types:
            raise InvalidModelError.at(
                STAGE,
                f"{node.op_type} {name!r}",
                f"its input {tensor.name!r} holds {tensor.dtype}, which it does not take",
            )

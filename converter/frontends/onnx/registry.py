"""Which ONNX operator is lowered by which function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .builder import Builder
    from .graph import OnnxNode

Mapping = Callable[["OnnxNode", "Builder"], None]

#: Mapping function by operator type of ONNX's own domain; filled by the decorators when the families are imported.
MAPPINGS: dict[str, Mapping] = {}

#: Advice for operators that people meet often and that we do not map.
_REMEDIES = {
    "QuantizeLinear": "Already quantized ONNX is not supported yet: give the float model it was made from",
    "DequantizeLinear": "Already quantized ONNX is not supported yet: give the float model it was made from",
    "DynamicQuantizeLinear": "Give the float model that it was made from",
    "If": "The condition is computed at run time: export with it fixed",
    "Loop": "Export with the loop unrolled",
    "Scan": "Export with the loop unrolled",
    "NonMaxSuppression": "End the model before it and select boxes in the application",
    "ConstantOfShape": "Its shape must follow from the shapes of the model's inputs",
    "Range": "Its limits must follow from the shapes of the model's inputs",
    "RandomNormal": "Export in inference mode",
    "RandomUniform": "Export in inference mode",
}


def onnx_operator(*op_types: str) -> Callable[[Mapping], Mapping]:
    """Register a mapping function for one or more operator types."""

    def register(function: Mapping) -> Mapping:
        for op_type in op_types:
            if op_type in MAPPINGS:
                raise ValueError(f"{op_type} is mapped twice")
            MAPPINGS[op_type] = function
        return function

    return register


def remedy_for(op_type: str) -> str:
    """What to advise for an operator without a mapping."""
    return _REMEDIES.get(op_type, "`liteinterp inspect --operators` lists those that are")

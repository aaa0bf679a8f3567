"""Folding: a node whose inputs are all known is computed once, here, by ONNX's reference implementation."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from ...errors import InvalidModelError
from ...ir.types import Shape
from .errors import STAGE

_log = logging.getLogger(__name__)

#: A folded constant may not hold more elements: a small file could otherwise ask for any amount of memory.
MAX_FOLDED_ELEMENTS = 1 << 26

#: Positions along one dimension that are worked out one by one, as operands of GATHER and of interpolation.
MAX_POSITIONS = 1 << 24

#: Elements that operators of any cost may read and write when they are folded: some of ONNX's reference
#: implementations take microseconds for each, or grow faster than their operands.
_MAX_ELEMENTS_AT_ANY_COST = 1 << 14

#: Operators that numpy computes in time that grows with their operands and results: these fold weights.
_LINEAR = frozenset(
    [
        *(
            "Abs",
            "Add",
            "Cast",
            "CastLike",
            "Ceil",
            "Clip",
            "Concat",
            "Constant",
            "ConstantOfShape",
            "DequantizeLinear",
        ),
        *("Div", "Dropout", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "Gather", "Greater", "Identity"),
        *("Less", "Log", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Pad", "Pow", "QuantizeLinear", "Range"),
        *("Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Round", "Shape"),
        *("Sigmoid", "Sign", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze"),
        *("And", "Or", "Xor", "Where", "GreaterOrEqual", "LessOrEqual"),
    ]
)

#: Operators whose results are no larger than their operands, though ONNX does not infer their shapes.
_NEVER_GROWING = frozenset(["Compress", "NonZero", "Unique"])

#: Not functions of their inputs alone, or (control flow) more than one operator.
_NOT_FOLDABLE = frozenset(
    [
        *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        *("If", "Loop", "Scan", "SequenceMap"),
    ]
)


def read_constant(tensor: onnx.TensorProto) -> npt.NDArray[Any]:
    """The elements of an initializer. Raises InvalidModelError when its bytes do not fit its shape."""
    refuse_external(tensor)
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidModelError.at(STAGE, f"tensor {tensor.name!r}", f"its elements cannot be read: {error}") from error


def refuse_external(tensor: onnx.TensorProto) -> None:
    """Raises InvalidModelError for a tensor whose elements are in a file that has not been read."""
    if onnx.external_data_helper.uses_external_data(tensor):
        raise InvalidModelError.at(
            STAGE,
            f"tensor {tensor.name!r}",
            "its elements are in another file that has not been read",
            "Give the path of the .onnx file, with the data file next to it",
        )


def is_foldable(node: onnx.NodeProto) -> bool:
    """Whether the node computes the same every time, given constant inputs."""
    if node.op_type in _NOT_FOLDABLE or node.domain not in ("", "ai.onnx"):
        return False
    return bool(node.input) or node.op_type == "Constant"


def fold(
    node: onnx.NodeProto,
    inputs: Mapping[str, npt.NDArray[Any]],
    expected: Sequence[Shape | None],
    opset: int,
) -> list[npt.NDArray[Any]] | None:
    """The outputs of a node with constant inputs, without those left out, or None when it has to stay.

    `expected` are the inferred shapes of all outputs: they are checked against the limit before anything is computed.
    """
    if any(shape is not None and math.prod(shape) > MAX_FOLDED_ELEMENTS for shape in expected):
        _log.warning("%s %r would fold to more than %d elements", node.op_type, node.name, MAX_FOLDED_ELEMENTS)
        return None
    if not _is_bounded(node, inputs, expected):
        _log.warning("%s %r would take too long to fold", node.op_type, node.name)
        return None
    try:
        evaluator = ReferenceEvaluator(_as_graph(node), opsets={"": opset})
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # means of nothing
            results = evaluator.run(None, {name: inputs[name] for name in node.input if name})
    except Exception as error:  # the reference raises whatever numpy raises; the node then stays as it is
        _log.debug("%s %r could not be folded: %s", node.op_type, node.name, error)
        return None
    if any(not isinstance(result, np.ndarray | np.generic) for result in results):
        return None
    arrays = [np.asarray(result) for result in results]
    present = [shape for shape, name in zip(expected, node.output, strict=True) if name]
    if any(shape is not None and array.shape != shape for array, shape in zip(arrays, present, strict=True)):
        _log.debug("%s %r folds to another shape than ONNX infers", node.op_type, node.name)
        return None
    return arrays


def _is_bounded(node: onnx.NodeProto, inputs: Mapping[str, npt.NDArray[Any]], expected: Sequence[Shape | None]) -> bool:
    """Whether the operands and results say that computing the node takes little time and memory."""
    sizes = [math.prod(shape) for shape in expected if shape is not None]
    if len(sizes) < len(expected) and node.op_type not in _NEVER_GROWING:
        return False
    work = sum(sizes) + sum(array.size for array in inputs.values())
    return work <= _MAX_ELEMENTS_AT_ANY_COST or node.op_type in _LINEAR


def _as_graph(node: onnx.NodeProto) -> onnx.GraphProto:
    """The node as a graph of its own: handed a bare node, the evaluator would take the newest opset."""
    graph = onnx.GraphProto(name="fold")
    graph.node.add().CopyFrom(node)
    graph.node[0].domain = ""
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(node.input) if name)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name)
    return graph


def shape_result(node: onnx.NodeProto, shape: Shape) -> npt.NDArray[Any] | None:
    """What Shape and Size yield for a static shape; None for any other operator."""
    if node.op_type == "Size":
        size = math.prod(shape)
        return np.asarray(size, np.int64) if abs(size) < 2**63 else None
    if node.op_type != "Shape":
        return None
    bounds = {attribute.name: int(attribute.i) for attribute in node.attribute}
    return np.asarray(shape[bounds.get("start", 0) : bounds.get("end", len(shape))], np.int64)

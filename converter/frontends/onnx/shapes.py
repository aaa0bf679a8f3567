"""Static shapes: of the inputs from the model and the options, of everything else by ONNX's shape inference."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from ...errors import Blocker, InvalidModelError, UnsupportedError, UsageError
from ...ir.types import Shape
from ...options import Options
from .attributes import Attributes
from .errors import STAGE
from .graph import Tensor
from .node_rules import check_types
from .windows import pooled_shape

_log = logging.getLogger(__name__)

#: Constants up to this size are shown to shape inference: operands such as shapes, axes and pads, no weights.
_MAX_OPERAND_ELEMENTS = 4096

#: Operators that are functions of others at first, and whose outputs ONNX infers since this opset only.
_INFERRED_SINCE = {"GreaterOrEqual": 16, "LessOrEqual": 16}

#: A tensor takes at most 2 GiB, and indices have 32 bits.
MAX_ELEMENTS = 2**31 - 1

#: A dimension as the model states it: a size, a symbol, or "" where it says nothing.
_Dim = int | str


def input_tensors(inputs: Sequence[onnx.ValueInfoProto], options: Options) -> list[Tensor]:
    """The model's inputs with static shapes.

    A shape comes from `options.input_shape`, else from the model. A symbol that one input settles holds for the
    others; an unknown first dimension becomes 1, with a warning. Raises UsageError listing every other unknown
    dimension and every option that does not fit, UnsupportedError for inputs that are no tensors.
    """
    strange = [value.name for value in inputs if _dtype(value.type.tensor_type.elem_type) is None]
    if strange:
        raise UnsupportedError(STAGE, [Blocker(f"input {name!r}", "is no tensor of a known type") for name in strange])
    declared = {value.name: _declared(value) for value in inputs}
    symbols = _settle_symbols(declared, options)

    shapes: dict[str, Shape] = {}
    blockers: list[Blocker] = []
    for name, dims in declared.items():
        given = options.input_shape.get(name)
        dims = (
            list(given) if given is not None else [symbols.get(d, d) if isinstance(d, str) else d for d in dims or []]
        )
        unknown = [dim for dim in dims if isinstance(dim, str)]
        if unknown or (given is None and declared[name] is None):
            blockers.append(_unknown(name, declared[name], dims))
        else:
            shapes[name] = tuple(int(dim) for dim in dims)
    if blockers:
        raise UsageError(STAGE, blockers)
    return [Tensor(value.name, shapes[value.name], _dtype(value.type.tensor_type.elem_type)) for value in inputs]


def refuse_huge(tensor: Tensor) -> None:
    """Raises InvalidModelError for a tensor with more elements than any that our format can hold."""
    if tensor.shape is not None and math.prod(max(dim, 1) for dim in tensor.shape) > MAX_ELEMENTS:
        raise InvalidModelError.at(
            STAGE, f"tensor {tensor.name!r}", f"its shape {list(tensor.shape)} has more than {MAX_ELEMENTS} elements"
        )


def _declared(value: onnx.ValueInfoProto) -> list[_Dim] | None:
    """Dimensions as stated; None when not even the rank is."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return [dim.dim_value if dim.dim_value > 0 else dim.dim_param for dim in tensor.shape.dim]


def _settle_symbols(declared: Mapping[str, list[_Dim] | None], options: Options) -> dict[str, int]:
    """What each symbolic dimension stands for. Raises UsageError for options that contradict the model."""
    blockers: list[Blocker] = []
    symbols: dict[str, int] = {}
    for name, given in options.input_shape.items():
        where = f"--input-shape {name}={','.join(map(str, given))}"
        if name not in declared:
            known = ", ".join(declared)
            blockers.append(Blocker(where, "the model has no such input", f"Its inputs are: {known}"))
            continue
        dims = declared[name]
        if any(size < 1 for size in given):
            blockers.append(Blocker(where, "dimensions must be positive"))
        elif dims is not None and len(dims) != len(given):
            blockers.append(Blocker(where, f"the input has {len(dims)} dimensions: {_show(dims)}"))
        elif dims is not None:
            if any(isinstance(dim, int) and dim != size for dim, size in zip(dims, given, strict=True)):
                blockers.append(Blocker(where, f"the model fixes the shape {_show(dims)}"))
            symbols.update({dim: size for dim, size in zip(dims, given, strict=True) if isinstance(dim, str) and dim})
    if blockers:
        raise UsageError(STAGE, blockers)
    for name, stated in declared.items():
        if name not in options.input_shape and stated and isinstance(stated[0], str) and stated[0] not in symbols:
            _log.warning("input %r: the unknown first dimension of %s becomes 1", name, _show(stated))
            if stated[0]:
                symbols[stated[0]] = 1
            stated[0] = 1
    return symbols


def _unknown(name: str, stated: list[_Dim] | None, dims: list[_Dim]) -> Blocker:
    """The blocker for an input with unknown dimensions, with the flag that settles them."""
    if stated is None:
        return Blocker(f"input {name!r}", "the model does not state its rank", f"Give it: --input-shape {name}=D0,D1,…")
    wish = ",".join(str(dim) if dim else f"D{i}" for i, dim in enumerate(dims))
    return Blocker(
        f"input {name!r}",
        f"its shape {_show(stated)} is not fully known",
        f"Give it, with numbers for the names: --input-shape {name}={wish}",
    )


def _show(dims: Sequence[_Dim]) -> str:
    return "[" + ", ".join(str(dim) if dim else "?" for dim in dims) + "]"


#: What onnx's inference raises for operands that do not fit, a shape that no memory holds among them.
_INFERENCE_ERRORS = (
    shape_inference.InferenceError,
    onnx.checker.ValidationError,
    RuntimeError,
    ValueError,
    MemoryError,
)


def infer_outputs(
    node: onnx.NodeProto,
    inputs: Sequence[Tensor | None],
    attributes: Attributes,
    opset: int,
    options: Options,
) -> list[Tensor]:
    """What is known of a node's outputs: shapes and types where they follow from the inputs, else None in them.

    Raises InvalidModelError when the inputs do not fit the operator (UsageError when --input-shape may be why).
    """
    unknown = [Tensor(name, None, None) for name in node.output]
    present = {tensor.name: tensor for tensor in inputs if tensor is not None}
    if any(not tensor.is_known for tensor in present.values()) or node.domain not in ("", "ai.onnx"):
        return unknown
    try:
        schema = onnx.defs.get_schema(node.op_type, max(opset, _INFERRED_SINCE.get(node.op_type, 0)), "")
    except onnx.defs.SchemaError:
        return unknown
    check_types(node, attributes.node, schema, inputs)
    types = {tensor.name: _type_proto(tensor) for tensor in present.values()}
    data = {
        tensor.name: numpy_helper.from_array(tensor.data, tensor.name)
        for tensor in present.values()
        if tensor.data is not None and tensor.data.size <= _MAX_OPERAND_ELEMENTS and tensor.data.dtype != object
    }
    renamed = _with_input_names(node, inputs)
    try:
        inferred = shape_inference.infer_node_outputs(
            schema, renamed, types, data, opset_imports=[helper.make_opsetid("", opset)]
        )
    except _INFERENCE_ERRORS as error:
        blocker = Blocker(f"{node.op_type} {node.name!r}", f"its inputs do not fit: {_first_line(error)}")
        if options.input_shape:
            raise UsageError(STAGE, [Blocker(blocker.where, blocker.found, "Check --input-shape")]) from error
        raise InvalidModelError(STAGE, [blocker]) from error
    outputs = [_known(name, inferred.get(name)) for name in node.output]
    if node.op_type in ("MaxPool", "AveragePool") and inputs[0] is not None:
        shape = pooled_shape(attributes, inputs[0].dims) or outputs[0].shape
        outputs = [Tensor(output.name, shape, output.dtype) for output in outputs]
    return outputs


def _with_input_names(node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> onnx.NodeProto:
    """The node reading the tensors that its input names stand for: an inlined branch gives them other names."""
    renamed = onnx.NodeProto()
    renamed.CopyFrom(node)
    renamed.input[:] = ["" if tensor is None else tensor.name for tensor in inputs]
    return renamed


def _known(name: str, inferred: onnx.TypeProto | None) -> Tensor:
    if inferred is None or inferred.WhichOneof("value") != "tensor_type":
        return Tensor(name, None, None)
    tensor = inferred.tensor_type
    dtype = _dtype(tensor.elem_type)
    if not tensor.HasField("shape") or any(not dim.HasField("dim_value") for dim in tensor.shape.dim):
        return Tensor(name, None, dtype)
    return Tensor(name, tuple(dim.dim_value for dim in tensor.shape.dim), dtype)


def _type_proto(tensor: Tensor) -> onnx.TypeProto:
    if tensor.dtype is None:
        raise ValueError(f"tensor {tensor.name!r} has no element type")
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(tensor.dtype), tensor.shape)


def _dtype(elem_type: int) -> np.dtype[Any] | None:
    """The numpy type of an ONNX element type, None for the undefined one and for numbers that mean nothing."""
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))
    except KeyError:
        return None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

"""Tensors of a file as values: names, types, constants, quantization."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import Blocker, InvalidModelError, UnsupportedError
from ...gen import tflite
from ...ir.graph import Value
from ...ir.types import DType, Origin, Quantization
from .errors import STAGE

#: Types whose integers can stand for real numbers.
_QUANTIZED = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64, DType.INT4)
_TYPES = {int(tflite.TensorType[dtype.name]): dtype for dtype in DType}


class Tensors:
    """The values of a subgraph by tensor index, made when they are first asked for; problems are collected."""

    def __init__(self, model: tflite.Model, subgraph: tflite.SubGraph) -> None:
        self.model = model
        self.tensors = subgraph.tensors
        self.values: dict[int, Value] = {}
        self.names = _unique([tensor.name or f"tensor_{i}" for i, tensor in enumerate(subgraph.tensors)])
        self.invalid: list[Blocker] = []
        self.unsupported: list[Blocker] = []

    def optional(self, index: int, what: str) -> Value | None:
        """The value of an operand; None for -1, an operand that is left out."""
        return None if index == -1 else self.required(index, what)

    def required(self, index: int, what: str) -> Value:
        """The value of a tensor. `what` says who names it, in the error for an index out of range."""
        if not 0 <= index < len(self.tensors):
            raise InvalidModelError.at(STAGE, what, f"names tensor {index} of {len(self.tensors)}")
        if index not in self.values:
            self.values[index] = self._value(index)
        return self.values[index]

    def raise_problems(self) -> None:
        """Raises what was wrong with the tensors asked for so far."""
        if self.invalid:
            raise InvalidModelError(STAGE, self.invalid)
        if self.unsupported:
            raise UnsupportedError(STAGE, self.unsupported)

    def _value(self, index: int) -> Value:
        tensor = self.tensors[index]
        name = self.names[index]
        where = f"tensor {index} {name!r}"
        shape = () if tensor.shape is None else tuple(int(dim) for dim in tensor.shape)
        dtype = _TYPES.get(tensor.type)
        refused = _refused(tensor, dtype)
        if dtype is None or refused:
            self.unsupported.append(Blocker(where, refused))
            return Value(name, shape)
        value = Value(name, shape, dtype, origin=Origin(tensor.name or name), is_variable=tensor.is_variable)
        try:
            value.data = self._constant(tensor, value)
            value.quantization = _quantization(tensor.quantization, value)
        except ValueError as error:
            self.invalid.append(Blocker(where, str(error)))
        return value

    def _constant(self, tensor: tflite.Tensor, value: Value) -> npt.NDArray[Any] | None:
        """The elements of a constant, None for a computed value."""
        if tensor.buffer >= len(self.model.buffers):
            raise ValueError(f"names buffer {tensor.buffer} of {len(self.model.buffers)}")
        buffer = self.model.buffers[tensor.buffer]
        if buffer.offset > 1:
            raise ValueError("its data lies behind the end of the FlatBuffers part of the file, as in files above 2 GB")
        if tensor.buffer == 0 or buffer.data is None or buffer.data.size == 0:
            return None
        if any(dim < 0 for dim in value.shape):
            raise ValueError(f"a constant cannot have the shape {list(value.shape)}")
        wanted = value.size_bytes
        if buffer.data.size != wanted:
            needs = f"shape {list(value.shape)} of {value.dtype.value} needs {wanted} bytes"
            raise ValueError(f"{needs}, its buffer has {buffer.data.size}")
        data = _elements(buffer.data, value.dtype, value.elements).reshape(value.shape)
        if value.dtype.is_float and not np.isfinite(data).all():
            bad = int(data.size - np.isfinite(data).sum())
            raise ValueError(f"{bad} of its {data.size} elements are NaN or infinite")
        return data


def _refused(tensor: tflite.Tensor, dtype: DType | None) -> str:
    """What about a tensor is beyond us; empty when nothing is."""
    if dtype is None:
        known = {int(member): member.name for member in tflite.TensorType}
        return f"element type {known.get(tensor.type, tensor.type)} is not supported"
    if tensor.sparsity is not None:
        return "sparse tensors are not supported"
    if tensor.external_buffer:
        return "data in another file is not supported"
    if tensor.quantization is not None and tensor.quantization.details is not None:
        return "block-wise and custom quantization are not supported"
    return ""


def _elements(data: npt.NDArray[np.uint8], dtype: DType, count: int) -> npt.NDArray[Any]:
    """A constant's elements, an array of their own that is aligned and writable."""
    if dtype is DType.INT4:
        halves = np.stack([data & 15, data >> 4], axis=-1).reshape(-1)[:count].astype(np.int8)
        return np.where(halves > 7, halves - 16, halves).astype(np.int8)
    stored = np.dtype(np.uint8) if dtype is DType.BOOL else dtype.numpy.newbyteorder("<")
    elements: npt.NDArray[Any] = np.frombuffer(data.tobytes(), stored)
    return elements.astype(dtype.numpy)


def _quantization(stored: tflite.QuantizationParameters | None, value: Value) -> Quantization | None:
    """Scales and zero points; None where a file keeps only the observed range, or the type is none of integers."""
    if stored is None or stored.scale is None or stored.scale.size == 0 or value.dtype not in _QUANTIZED:
        return None
    scales = tuple(float(scale) for scale in stored.scale)
    zero_points = () if stored.zero_point is None else tuple(int(z) for z in stored.zero_point)
    if len(zero_points) not in (0, 1, len(scales)):
        raise ValueError(f"{len(scales)} scales and {len(zero_points)} zero points do not go together")
    if len(zero_points) < len(scales):
        zero_points = (zero_points[0] if zero_points else 0,) * len(scales)
    # A vector has one dimension to choose from; files exist whose biases name that of their weights.
    axis = stored.quantized_dimension if len(scales) > 1 and len(value.shape) > 1 else 0
    return Quantization(scales, zero_points, axis)


def _unique(names: list[str]) -> list[str]:
    """Names with a number behind those that occur before."""
    taken: set[str] = set(names)
    seen: set[str] = set()
    result: list[str] = []
    for name in names:
        unique, count = name, 0
        while unique in seen or (count and unique in taken):
            count += 1
            unique = f"{name}_{count}"
        seen.add(unique)
        result.append(unique)
    return result

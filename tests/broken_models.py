"""Variants of a model with one broken thing each: a dimension, a rank, a type, a value, an option, a scale, an index.

Other than random damage they stay well formed: constants get the bytes that their new shape needs, so that the operator
itself has to find what is wrong.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from tiny_models import BOOL, FLOAT16, FLOAT32, INT8, INT16, INT32, INT64, TYPES, UINT8, ModelMaker

from converter.gen import tflite

INT4 = 17
NUMBERS = (0, 1, -1, 3, 127, 1 << 15, (1 << 30) + 1, (1 << 31) - 1, -(1 << 31))
WIDE = (1 << 31, -(1 << 31) - 1, (1 << 63) - 1)
SCALES = (1e-38, 1e-9, 0.3, 0.9999, 1.0, 300.0, 1e6, 3e38)

Break = Callable[[ModelMaker], None]


def broken_models(maker: ModelMaker) -> Iterator[tuple[str, ModelMaker]]:
    """Every variant with a name. ``maker`` itself stays as it is."""
    for name, change in _breaks(maker):
        variant = copy.deepcopy(maker)
        change(variant)
        yield name, variant


def _breaks(maker: ModelMaker) -> Iterator[tuple[str, Break]]:
    for k, operator in enumerate(maker.graph.operators):
        yield from _options(k, operator)
        yield from _operands(k, operator)
    for i, tensor in enumerate(maker.graph.tensors):
        yield from _shape(i, tensor)
        yield from _types(i, tensor)
        yield from _quantization(i, tensor)
        if tensor.buffer != 0:
            yield from _constant(i, tensor, maker)


# ---- operators ----


def _options(k: int, operator: tflite.Operator) -> Iterator[tuple[str, Break]]:
    def without(maker: ModelMaker) -> None:
        maker.graph.operators[k].builtin_options = None

    if not is_dataclass(operator.builtin_options):
        return
    yield f"operator {k}: no options", without
    for field in fields(operator.builtin_options):
        old = getattr(operator.builtin_options, field.name)
        for value in _other_values(old):

            def change(maker: ModelMaker, name: str = field.name, value: Any = value) -> None:
                setattr(maker.graph.operators[k].builtin_options, name, value)

            yield f"operator {k}: {field.name} = {value}", change


def _other_values(old: Any) -> list[Any]:
    if isinstance(old, bool):
        return [not old]
    if isinstance(old, float):
        return [0.0, -1.0, 1e-30, 1e30, float("inf"), float("nan")]
    if isinstance(old, int):
        return [value for value in NUMBERS if value != old]  # enums and flags refuse the large ones
    if isinstance(old, np.ndarray):
        same = [np.full_like(old, value) for value in (0, 1, -1, 7, -9, (1 << 31) - 1)]
        return [None, old[:0], np.zeros(7, old.dtype), np.append(old, old), *same]
    return []


def _operands(k: int, operator: tflite.Operator) -> Iterator[tuple[str, Break]]:
    for side in ("inputs", "outputs"):
        old = getattr(operator, side)
        made = [old[:-1], np.append(old, old[-1:]), np.append(old, np.repeat(old[-1:], 17)), old[:0]]
        for i in range(len(old)):
            for value in (-1, -2, 1 << 30, int(old[0])):
                changed = old.copy()
                changed[i] = value
                made.append(changed)
        for indices in made:

            def change(maker: ModelMaker, side: str = side, indices: Any = indices) -> None:
                setattr(maker.graph.operators[k], side, indices.astype(np.int32))

            yield f"operator {k}: {side} = {indices.tolist()}", change


# ---- tensors ----


def _set_shape(i: int, shape: tuple[int, ...]) -> Break:
    def change(maker: ModelMaker) -> None:
        tensor = maker.graph.tensors[i]
        tensor.shape = np.asarray(shape, np.int32)
        _fill(maker, i)

    return change


def _fill(maker: ModelMaker, i: int) -> None:
    """Gives a constant the bytes that its shape and type need: its own, repeated; as many as a file may hold here."""
    tensor = maker.graph.tensors[i]
    old = maker.model.buffers[tensor.buffer].data
    if tensor.buffer == 0 or old is None or tensor.type not in TYPES:
        return
    elements = int(np.prod([int(d) for d in tensor.shape], dtype=np.int64)) if tensor.shape is not None else 1
    size = elements * np.dtype(TYPES[tensor.type]).itemsize
    if 0 <= size <= 1 << 16:
        maker.model.buffers[tensor.buffer] = tflite.Buffer(data=np.resize(old, size))


def _shape(i: int, tensor: tflite.Tensor) -> Iterator[tuple[str, Break]]:
    shape = tuple(int(d) for d in (tensor.shape if tensor.shape is not None else ()))
    variants = {(), (1, *shape), (*shape, 1), shape[1:], shape[:-1], (1,) * 7, (0,), (2, *shape), (*shape, 2)}
    for d in range(len(shape)):
        for size in (0, 1, 2, shape[d] + 1, shape[d] - 1, (1 << 30) + 1, (1 << 31) - 1, -1):
            variants.add((*shape[:d], size, *shape[d + 1 :]))
            variants.add((0, *shape[1:d], size, *shape[d + 1 :]))
    for variant in sorted(variants - {shape}):
        yield f"tensor {i}: shape {list(variant)}", _set_shape(i, variant)


def _types(i: int, tensor: tflite.Tensor) -> Iterator[tuple[str, Break]]:
    for type in (FLOAT32, FLOAT16, INT8, UINT8, INT16, INT32, INT64, BOOL, INT4, 5, 99):

        def change(maker: ModelMaker, type: int = type) -> None:
            maker.graph.tensors[i].type = type
            _fill(maker, i)

        yield f"tensor {i}: type {type}", change


def _quantization(i: int, tensor: tflite.Tensor) -> Iterator[tuple[str, Break]]:
    def put(scales: list[float], zeros: list[int], axis: int = 0) -> Break:
        def change(maker: ModelMaker) -> None:
            maker.graph.tensors[i].quantization = tflite.QuantizationParameters(
                scale=np.asarray(scales, np.float32), zero_point=np.asarray(zeros, np.int64), quantized_dimension=axis
            )

        return change

    old = tensor.quantization
    if old is None or old.scale is None:
        return
    yield f"tensor {i}: no scale", put([], [])
    zeros = [] if old.zero_point is None else [int(z) for z in old.zero_point]
    for scale in SCALES:
        yield f"tensor {i}: scale {scale}", put([scale] * len(old.scale), zeros, old.quantized_dimension)
    for zero in (0, 1, -128, 127, 255, 1 << 40):
        yield f"tensor {i}: zero point {zero}", put([float(old.scale[0])], [zero])
    rank = 0 if tensor.shape is None else len(tensor.shape)
    for axis in range(-1, rank + 1):
        count = int(tensor.shape[axis]) if 0 <= axis < rank else 3
        yield f"tensor {i}: scales along {axis}", put([0.05] * count, [0] * count, axis)
        yield f"tensor {i}: one zero point along {axis}", put([0.05] * count, [0], axis)


# ---- constants ----


def _constant(i: int, tensor: tflite.Tensor, maker: ModelMaker) -> Iterator[tuple[str, Break]]:
    def computed(variant: ModelMaker) -> None:
        """The same values, made by an operator: known to nobody before the run."""
        made = len(variant.graph.tensors)
        variant.graph.tensors.append(copy.deepcopy(variant.graph.tensors[i]))
        variant.graph.tensors[made].buffer = 0
        for operator in variant.graph.operators:
            operator.inputs = np.where(operator.inputs == i, made, operator.inputs).astype(np.int32)
        variant.op("RESHAPE", [i], [made], tflite.ReshapeOptions(np.asarray(tensor.shape, np.int32)))
        variant.graph.operators.insert(0, variant.graph.operators.pop())

    def absent(variant: ModelMaker) -> None:
        variant.graph.tensors[i].buffer = 0

    def empty(variant: ModelMaker) -> None:
        absent(variant)
        variant.graph.tensors[i].shape = np.zeros(1, np.int32)

    yield f"tensor {i}: computed", computed
    yield f"tensor {i}: absent", absent
    yield f"tensor {i}: empty", empty
    data = maker.model.buffers[tensor.buffer].data
    if data is None or tensor.type not in (INT32, INT64) or tensor.shape is None:
        return
    values = data.view(TYPES[tensor.type]).astype(np.int64)
    for at in range(min(values.size, 8)):
        for value in (*NUMBERS, *WIDE, int(values[0]), int(values[at]) + 1):
            changed = values.copy()
            changed[at] = value
            yield f"tensor {i}: element {at} = {value}", _set_values(i, changed)
    for value in (0, 1, -1, 1 << 30, (1 << 31) - 1, 1 << 40):
        yield f"tensor {i}: all = {value}", _set_values(i, np.full_like(values, value))


def _set_values(i: int, values: Any) -> Break:
    """As int32 where they fit, else as int64."""

    def change(maker: ModelMaker) -> None:
        tensor = maker.graph.tensors[i]
        wide = bool((values != values.astype(np.int32)).any()) or tensor.type == INT64
        tensor.type = INT64 if wide else INT32
        maker.model.buffers[tensor.buffer] = tflite.Buffer(data=values.astype(TYPES[tensor.type]).view(np.uint8))

    return change

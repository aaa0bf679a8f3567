"""Changes one or a few fields of a model: what it says is wrong, how it says so is right.

Random bytes seldom get past the parsers; these mutants do, since the model is taken apart, changed, and put together
again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from onnx import helper, numpy_helper

from converter.frontends.onnx import supported_operators
from converter.gen import tflite

INTEGERS = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    65535,
    2**31 - 1,
    -(2**31),
    -1,
    -2,
    -3,
    -128,
    2**40,
    -(2**62),
)
REALS = (0.0, 1.0, -1.0, 0.05, 1e-38, 1e-45, 1e38, 3.4e38, 2.0, 0.5, float("inf"), float("nan"), -0.0)

Change = Callable[[], None]


# ---- .tflite ----


def mutate_tflite(content: bytes, rng: random.Random) -> bytes | None:
    """A changed model; None where the bytes are no model or the change cannot be written."""
    try:
        model = tflite.read_model(content)
        for _ in range(rng.choice((1, 1, 2, 3))):
            changes = list(_tflite_changes(model, rng))
            rng.choice(changes)()
        return bytes(tflite.write_model(model))
    except (ValueError, TypeError, OverflowError, AttributeError, IndexError):
        return None


def _tflite_changes(table: Any, rng: random.Random) -> Iterator[Change]:
    """Every change to one field of a table, or of those below it."""
    for field in fields(table):
        value = getattr(table, field.name)
        yield from _field_changes(table, field.name, value, rng)
        for below in value if isinstance(value, list) else [value]:
            if is_dataclass(below):
                yield from _tflite_changes(below, rng)


def _field_changes(table: Any, name: str, value: Any, rng: random.Random) -> Iterator[Change]:
    def put(new: Callable[[], Any]) -> Change:
        return lambda: setattr(table, name, new())

    if isinstance(value, bool):
        yield put(lambda: not value)
    elif isinstance(value, int):
        yield put(lambda: rng.choice((*INTEGERS, value + 1, value - 1, rng.randrange(160))))
    elif isinstance(value, float):
        yield put(lambda: rng.choice((*REALS, value * 2, -value)))
    elif isinstance(value, str):
        yield put(lambda: rng.choice(("", value * 2, "\0", "serving_default")))
    elif isinstance(value, list):
        if value:
            yield put(lambda: _shuffled(value, rng))
    elif isinstance(value, np.ndarray) or value is None:
        yield put(lambda: _changed_array(value, rng))
    elif is_dataclass(value):
        yield put(lambda: None)


def _shuffled(items: list[Any], rng: random.Random) -> list[Any]:
    i, j = rng.randrange(len(items)), rng.randrange(len(items))
    kind = rng.randrange(3)
    if kind == 0:
        return items[:i] + items[i + 1 :]
    if kind == 1:
        return [*items, items[i]]
    swapped = list(items)
    swapped[i], swapped[j] = swapped[j], swapped[i]
    return swapped


def _changed_array(array: Any, rng: random.Random) -> Any:
    if array is None or array.size == 0:
        return np.zeros(rng.randrange(4), np.int32 if array is None else array.dtype)
    kind = rng.randrange(4)
    if kind == 0:
        return array[: rng.randrange(array.size)]
    if kind == 1:
        return np.append(array, array[: rng.randrange(1, 5)])
    changed = array.copy()
    if kind == 2 and array.dtype == np.uint8 and array.size % 4 == 0:  # a buffer: most small ones hold int32
        words = changed.view(np.int32)
        words[rng.randrange(words.size)] = rng.choice([i for i in INTEGERS if -(2**31) <= i < 2**31])
    elif array.dtype.kind == "f":
        changed[rng.randrange(array.size)] = rng.choice(REALS)
    else:
        limits = np.iinfo(array.dtype)
        changed[rng.randrange(array.size)] = rng.choice([i for i in INTEGERS if limits.min <= i <= limits.max])
    return changed


# ---- ONNX ----


def mutate_onnx(content: bytes, rng: random.Random) -> bytes | None:
    """A changed model; None where the bytes are no model or the change cannot be written."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
        for _ in range(rng.choice((1, 1, 2, 3))):
            if rng.random() < 0.7 and model.graph.node:
                rng.choice(_SOUND_CHANGES)(model, rng)
                continue
            changes = list(_message_changes(model, rng, _words(model)))
            rng.choice(changes)()
        return bytes(model.SerializeToString())
    except (DecodeError, ValueError, TypeError, IndexError, KeyError, OverflowError, NotImplementedError):
        return None


def _words(model: onnx.ModelProto) -> list[str | bytes]:
    """Names and operator types to exchange."""
    words: list[str | bytes] = [
        "",
        "Add",
        "Conv",
        "Reshape",
        "Slice",
        "Concat",
        "Gather",
        "Shape",
        "Constant",
        "If",
        "Loop",
        "axes",
    ]
    for node in model.graph.node:
        words += [node.op_type, *node.input, *node.output, *(attribute.name for attribute in node.attribute)]
    return words


def _message_changes(message: Message, rng: random.Random, words: list[str | bytes]) -> Iterator[Change]:
    for field, value in message.ListFields():
        if isinstance(value, Message):
            yield partial(message.ClearField, field.name)
            yield from _message_changes(value, rng, words)
        elif isinstance(value, int | float | str | bytes):
            yield partial(message.ClearField, field.name)
            yield partial(_change_scalar, message, field.name, rng, words)
        else:
            yield partial(_change_repeated, value, rng, words)
            for item in value:
                if isinstance(item, Message):
                    yield from _message_changes(item, rng, words)


def _change_scalar(message: Message, name: str, rng: random.Random, words: list[str | bytes]) -> None:
    setattr(message, name, _changed_scalar(getattr(message, name), rng, words))


def _change_repeated(items: Any, rng: random.Random, words: list[str | bytes]) -> None:
    i = rng.randrange(len(items))
    kind = rng.randrange(3)
    if kind == 0:
        del items[i]
    elif kind == 1 or isinstance(items[i], Message):
        items.extend([items[i]])
    else:
        items[i] = _changed_scalar(items[i], rng, words)


def _changed_scalar(value: Any, rng: random.Random, words: list[str | bytes]) -> Any:
    if isinstance(value, int):
        return rng.choice((*INTEGERS, value + 1, value - 1, rng.randrange(24)))
    if isinstance(value, float):
        return rng.choice((*REALS, value * 2, -value))
    if isinstance(value, bytes):
        return _changed_bytes(value, rng)
    return rng.choice(words)


def _changed_bytes(value: bytes, rng: random.Random) -> bytes:
    if not value or rng.randrange(4) == 0:
        return value[: rng.randrange(len(value) + 1)] + bytes(rng.randrange(9))
    changed = bytearray(value)
    if len(value) % 8 == 0 and rng.randrange(2):  # shapes and axes are int64
        at = rng.randrange(len(value) // 8) * 8
        changed[at : at + 8] = rng.choice(INTEGERS).to_bytes(8, "little", signed=True)
    else:
        changed[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
    return bytes(changed)


# Changes that leave the model well formed, so that it comes as far as the mapping of its operators.

_DIMENSIONS = (0, 1, 1, 2, 2, 3, 4, 5, 8)
_SMALL = (-4, -3, -2, -1, 0, 0, 1, 1, 2, 3, 4, 5, 8)


def _change_attribute(model: onnx.ModelProto, rng: random.Random) -> None:
    """One attribute that the operator has in its schema gets a value of its type, or goes."""
    node = rng.choice(model.graph.node)
    if not onnx.defs.has(node.op_type) or not (known := onnx.defs.get_schema(node.op_type).attributes):
        return
    name = rng.choice(sorted(known))
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    old = [attribute for attribute in node.attribute if attribute.name == name]
    del node.attribute[:]
    node.attribute.extend(kept)
    if rng.randrange(6):
        value = _attribute_value(known[name], old, rng)
        if value is not None:
            node.attribute.append(helper.make_attribute(name, value))


def _attribute_value(known: onnx.defs.OpSchema.Attribute, old: list[onnx.AttributeProto], rng: random.Random) -> Any:
    integers = _SMALL if rng.randrange(4) else INTEGERS
    kind = known.type.name
    if kind == "INT":
        return rng.choice(integers)
    if kind == "FLOAT":
        return rng.choice(REALS)
    if kind == "STRING":
        return rng.choice(_ATTRIBUTE_WORDS)
    length = len(old[0].ints or old[0].floats) if old and rng.randrange(4) else rng.randrange(7)
    if kind == "INTS":
        items = list(old[0].ints) if old and len(old[0].ints) == length else [rng.choice(_SMALL)] * length
        if items:
            items[rng.randrange(length)] = rng.choice(integers)
        return items or None
    return [rng.choice(REALS) for _ in range(length)] or None if kind == "FLOATS" else None


_ATTRIBUTE_WORDS = (
    *("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "constant", "reflect", "edge", "wrap", "DCR", "CRD", "nearest"),
    *("linear", "cubic", "half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn", "pytorch_half_pixel"),
    *("half_pixel_symmetric", "floor", "ceil", "round_prefer_ceil", "not_larger", "not_smaller", "tanh", "none", ""),
)


def _change_constant(model: onnx.ModelProto, rng: random.Random) -> None:
    """A constant gets other elements, another shape, or another type."""
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    array = numpy_helper.to_array(tensor)
    kind = rng.randrange(4)
    if kind == 0:
        array = np.resize(array, [rng.choice(_DIMENSIONS) for _ in range(rng.randrange(5))])
    elif kind == 1:
        array = array.reshape(rng.choice([(-1,), (1, *array.shape), (*array.shape, 1), array.shape[::-1]]))
    elif kind == 2:
        array = array.astype(rng.choice([np.int32, np.int64, np.float32, np.float64, np.int8, np.bool_]))
    elif array.size:
        array = array.copy()
        limits = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
        choices = _SMALL if rng.randrange(4) else INTEGERS
        array.reshape(-1)[rng.randrange(array.size)] = (
            rng.choice(REALS) if limits is None else min(max(rng.choice(choices), int(limits.min)), int(limits.max))
        )
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _change_input(model: onnx.ModelProto, rng: random.Random) -> None:
    """An input gets another shape or type."""
    if not model.graph.input:
        return
    kind = rng.choice(model.graph.input).type.tensor_type
    dims = [dim.dim_value for dim in kind.shape.dim]
    if rng.randrange(3) and dims:
        dims[rng.randrange(len(dims))] = rng.choice(_DIMENSIONS if rng.randrange(4) else INTEGERS)
    elif rng.randrange(2):
        dims = [rng.choice(_DIMENSIONS) for _ in range(rng.randrange(7))]
    else:
        kind.elem_type = rng.choice((1, 1, 2, 3, 6, 7, 9, 10, 11))
    del kind.shape.dim[:]
    for dim in dims:
        kind.shape.dim.add().dim_value = dim


def _exchange_operator(model: onnx.ModelProto, rng: random.Random) -> None:
    node = rng.choice(model.graph.node)
    node.op_type = rng.choice(supported_operators())
    if rng.randrange(2):
        del node.attribute[:]


def _exchange_role(model: onnx.ModelProto, rng: random.Random) -> None:
    """A constant becomes an input of its shape and type, or an input a constant of zeros."""
    graph = model.graph
    if rng.randrange(2) and graph.initializer:
        i = rng.randrange(len(graph.initializer))
        tensor = graph.initializer[i]
        if all(value.name != tensor.name for value in graph.input):
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
        del graph.initializer[i]
    elif graph.input:
        i = rng.randrange(len(graph.input))
        value = graph.input[i]
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if 0 <= int(np.prod(shape, dtype=np.float64)) < 4096:
            graph.initializer.append(numpy_helper.from_array(np.zeros(shape, dtype), value.name))
            del graph.input[i]


def _change_operands(model: onnx.ModelProto, rng: random.Random) -> None:
    """An operand is left out, repeated, or exchanged for another tensor of the graph."""
    node = rng.choice(model.graph.node)
    names = [tensor.name for tensor in (*model.graph.input, *model.graph.initializer)]
    kind = rng.randrange(3)
    if kind == 0 and node.input:
        node.input[rng.randrange(len(node.input))] = ""
    elif kind == 1:
        node.input.append(rng.choice(names))
    elif node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)


def _change_opset(model: onnx.ModelProto, rng: random.Random) -> None:
    if model.opset_import:
        model.opset_import[0].version = rng.randrange(1, onnx.defs.onnx_opset_version() + 1)


def _append_node(model: onnx.ModelProto, rng: random.Random) -> None:
    """Another operator behind an output: a result becomes the first operand of something."""
    graph = model.graph
    if not graph.output or len(graph.node) > 12:
        return
    output = graph.output[rng.randrange(len(graph.output))]
    source, output.name = output.name, f"{output.name}_{len(graph.node)}"
    others = [tensor.name for tensor in (*graph.initializer, *graph.input)]
    operands = [source, *rng.sample(others, min(len(others), rng.randrange(3)))]
    graph.node.append(helper.make_node(rng.choice(supported_operators()), operands, [output.name]))
    output.type.tensor_type.ClearField("shape")


_SOUND_CHANGES: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    *(_change_attribute, _change_attribute, _change_attribute, _change_constant, _change_constant, _change_constant),
    *(_change_input, _exchange_operator, _exchange_role, _change_operands, _change_opset, _append_node),
)


MUTATORS: dict[str, Callable[[bytes, random.Random], bytes | None]] = {"onnx": mutate_onnx, "tflite": mutate_tflite}

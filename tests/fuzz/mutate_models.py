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
            changes = list(_message_changes(model, rng, _words(model)))
            rng.choice(changes)()
        return bytes(model.SerializeToString())
    except (DecodeError, ValueError, TypeError, IndexError):
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


MUTATORS: dict[str, Callable[[bytes, random.Random], bytes | None]] = {"onnx": mutate_onnx, "tflite": mutate_tflite}

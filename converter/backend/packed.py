"""Packed weights beside the plain ones: a finished file gets a new root in front and data behind, and keeps every byte.

    [root offset, identifier][new Model table, its vectors and names][the old file][packed weights, at multiples of 64]

References count from their own position, so what refers forward from the new root finds the old tables where they are.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping

from ..errors import UnsupportedError, UsageError
from ..gen import tflite

#: Names of the metadata entries begin so; the name of a kernel set follows.
PACKED = "liteinterp.packed."

_ALIGNMENT = 64
#: Slots of the Model table: the version is a number, all others refer to something.
_VERSION, _BUFFERS, _METADATA, _SLOTS = 0, 4, 6, 10


def with_packed(model: bytes, blocks: Mapping[str, bytes]) -> bytes:
    """The file with packed weights by kernel set. Raises UsageError for a file that holds some already,
    UnsupportedError for one of a form that cannot be extended."""
    read = tflite.read_model(model)
    held = [entry.name for entry in read.metadata if (entry.name or "").startswith(PACKED)]
    if held:
        found = f"the file holds {', '.join(map(str, held))}"
        raise UsageError.at("pack", "model", found, "Pack the file that it was made from")
    if any(buffer.offset > 1 for buffer in read.buffers):
        raise UnsupportedError.at("pack", "model", "buffers lie outside the tables, at places that would move")
    root = _u32(model, 0)
    offsets = _field_offsets(model, root)
    if any(offsets[_SLOTS:]):
        raise UnsupportedError.at("pack", "model", "the Model table has fields that this version does not know")
    children = {slot: _children(model, root, offsets, slot) for slot in (_BUFFERS, _METADATA)}
    size = _front_bytes(children, blocks.keys())
    behind, places, at = [], [], size + len(model)
    for block in blocks.values():
        start = _rounded(at + 4)
        behind += [bytes(start - 4 - at), struct.pack("<I", len(block)), block]
        places.append(start - 4)
        at = start + len(block)
    return b"".join([_front(model, root, offsets, children, dict(zip(blocks, places, strict=True))), model, *behind])


def _rounded(at: int) -> int:
    return -(-at // _ALIGNMENT) * _ALIGNMENT


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def _field_offsets(data: bytes, table: int) -> tuple[int, ...]:
    """Of a table's fields by slot, from the table on, 0 for those left out; at least as many as a Model has."""
    vtable = table - int(struct.unpack_from("<i", data, table)[0])
    size = int(struct.unpack_from("<H", data, vtable)[0])
    found: tuple[int, ...] = struct.unpack_from(f"<{size // 2 - 2}H", data, vtable + 4)
    return found + (0,) * (_SLOTS - len(found))


def _children(data: bytes, table: int, offsets: tuple[int, ...], slot: int) -> list[int]:
    """Positions of the tables that a vector of a table refers to."""
    if not offsets[slot]:
        return []
    vector = table + offsets[slot]
    first = vector + _u32(data, vector) + 4
    return [first + 4 * i + _u32(data, first + 4 * i) for i in range(_u32(data, first - 4))]


#: Lists of fields of the Buffer (data) and Metadata (name, buffer) tables, and where they and the Model table lie.
_BUFFER_FIELDS, _METADATA_FIELDS = struct.pack("<3H2x", 6, 8, 4), struct.pack("<4H", 8, 12, 4, 8)
_MODEL_FIELDS_AT = 8
_BUFFER_FIELDS_AT = _MODEL_FIELDS_AT + 4 + 2 * _SLOTS
_METADATA_FIELDS_AT = _BUFFER_FIELDS_AT + len(_BUFFER_FIELDS)
_MODEL_AT = _METADATA_FIELDS_AT + len(_METADATA_FIELDS)
_MODEL_BYTES = 4 + 4 * _SLOTS


def _name(kernels: str) -> bytes:
    """A string as it lies in the file: length, characters, a zero, padding."""
    text = (PACKED + kernels).encode()
    return struct.pack("<I", len(text)) + text + bytes(4 - len(text) % 4)


def _front_bytes(children: Mapping[int, list[int]], names: Collection[str]) -> int:
    """What lies before the old file."""
    tables = sum(8 + 12 + len(_name(name)) for name in names)
    vectors = sum(4 + 4 * (len(rows) + len(names)) for rows in children.values())
    return _rounded(_MODEL_AT + _MODEL_BYTES + vectors + tables)


def _front(
    model: bytes, root: int, offsets: tuple[int, ...], children: Mapping[int, list[int]], places: Mapping[str, int]
) -> bytes:
    """The new root and all that is new before the old file; `places` are those of the vectors that hold the blocks."""
    size = _front_bytes(children, places.keys())
    out = bytearray(size)

    def refer(at: int, target: int) -> None:
        struct.pack_into("<I", out, at, target - at)

    buffers_at = _MODEL_AT + _MODEL_BYTES
    metadata_at = buffers_at + 4 + 4 * (len(children[_BUFFERS]) + len(places))
    at = metadata_at + 4 + 4 * (len(children[_METADATA]) + len(places))
    tables: dict[int, list[int]] = {slot: [size + target for target in rows] for slot, rows in children.items()}
    for name, place in places.items():
        text, index = _name(name), len(tables[_BUFFERS])
        tables[_BUFFERS].append(at)
        struct.pack_into("<i", out, at, at - _BUFFER_FIELDS_AT)
        refer(at + 4, place)
        tables[_METADATA].append(at + 8)
        struct.pack_into("<iII", out, at + 8, at + 8 - _METADATA_FIELDS_AT, 8, index)
        out[at + 20 : at + 20 + len(text)] = text
        at += 20 + len(text)
    for vector, rows in ((buffers_at, tables[_BUFFERS]), (metadata_at, tables[_METADATA])):
        struct.pack_into("<I", out, vector, len(rows))
        for i, target in enumerate(rows):
            refer(vector + 4 + 4 * i, target)
    out[4:8] = model[4:8]
    struct.pack_into("<I", out, 0, _MODEL_AT)
    out[_BUFFER_FIELDS_AT:_MODEL_AT] = _BUFFER_FIELDS + _METADATA_FIELDS
    struct.pack_into("<i", out, _MODEL_AT, _MODEL_AT - _MODEL_FIELDS_AT)
    fields = [4 + 4 * slot if offsets[slot] or slot in children else 0 for slot in range(_SLOTS)]
    struct.pack_into(f"<{2 + _SLOTS}H", out, _MODEL_FIELDS_AT, 4 + 2 * _SLOTS, _MODEL_BYTES, *fields)
    for slot, field in enumerate(fields):
        old = root + offsets[slot]
        if field and slot == _VERSION:
            out[_MODEL_AT + field : _MODEL_AT + field + 4] = model[old : old + 4]
        elif field:
            targets = {_BUFFERS: buffers_at, _METADATA: metadata_at}
            refer(_MODEL_AT + field, targets.get(slot, size + old + _u32(model, old)))
    return bytes(out)

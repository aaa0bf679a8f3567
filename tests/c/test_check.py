"""Structure of the file: each kind of broken offset, list, string and union is refused, in bounded time."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import flatbuffers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import chain, int8_conv_net

BAD_FILE = -2

# Slots used below.
VERSION, CODES, SUBGRAPHS, DESCRIPTION, BUFFERS, METADATA = 0, 1, 2, 3, 4, 6
TENSORS, OPERATORS, OPTIONS_TAG, OPTIONS, TENSOR_NAME, QUANTIZATION, BUFFER_DATA = 0, 3, 3, 4, 3, 4, 0


class File:
    """A file that can be patched at the places that its own offsets lead to."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def u32(self, at: int) -> int:
        return int(struct.unpack_from("<I", self.data, at)[0])

    def put32(self, at: int, value: int) -> None:
        struct.pack_into("<I", self.data, at, value & 0xFFFFFFFF)

    def put16(self, at: int, value: int) -> None:
        struct.pack_into("<H", self.data, at, value)

    def follow(self, at: int) -> int:
        return at + self.u32(at)

    def vtable(self, table: int) -> int:
        return table - int(struct.unpack_from("<i", self.data, table)[0])

    def field(self, table: int, slot: int) -> int:
        """Where the field lies; it must be present."""
        offset = int(struct.unpack_from("<H", self.data, self.vtable(table) + 4 + 2 * slot)[0])
        assert offset
        return table + offset

    def entry(self, table: int, slot: int) -> int:
        """Where the vtable says the field's offset."""
        return self.vtable(table) + 4 + 2 * slot

    @property
    def model(self) -> int:
        return self.follow(0)

    def element(self, table: int, slot: int, index: int) -> int:
        """A table of a vector of tables."""
        return self.follow(self.follow(self.field(table, slot)) + 4 + 4 * index)

    @property
    def graph(self) -> int:
        return self.element(self.model, SUBGRAPHS, 0)

    def tensor(self, index: int) -> int:
        return self.element(self.graph, TENSORS, index)

    def operator(self, index: int) -> int:
        return self.element(self.graph, OPERATORS, index)


Patch = Callable[[File], object]


def unterminated(f: File) -> None:
    string = f.follow(f.field(f.tensor(0), TENSOR_NAME))
    f.data[string + 4 + f.u32(string)] = 65


STRUCTURE: dict[str, tuple[str, Patch]] = {
    "identifier": ("FILE_IDENTIFIER", lambda f: f.data.__setitem__(7, 0x32)),
    "root at end": ("OFFSET_RANGE", lambda f: f.put32(0, len(f.data))),
    "root huge": ("OFFSET_RANGE", lambda f: f.put32(0, 0xFFFFFFFC)),
    "root zero": ("OFFSET_RANGE", lambda f: f.put32(0, 0)),
    "root odd": ("OFFSET_ALIGNMENT", lambda f: f.put32(0, f.u32(0) + 2)),
    "vtable before the file": ("VTABLE", lambda f: f.put32(f.model, f.model + 4)),
    "vtable behind the file": ("VTABLE", lambda f: f.put32(f.model, f.model - len(f.data))),
    "vtable far away": ("VTABLE", lambda f: f.put32(f.model, 0x80000000)),
    "vtable odd": ("VTABLE", lambda f: f.put32(f.model, f.u32(f.model) + 1)),
    "vtable too short": ("VTABLE", lambda f: f.put16(f.vtable(f.model), 2)),
    "vtable of odd size": ("VTABLE", lambda f: f.put16(f.vtable(f.model), 7)),
    "vtable too long": ("VTABLE", lambda f: f.put16(f.vtable(f.model), 0xFFFE)),
    "table empty": ("VTABLE", lambda f: f.put16(f.vtable(f.model) + 2, 0)),
    "table too long": ("VTABLE", lambda f: f.put16(f.vtable(f.model) + 2, 0xFFFF)),
    "field in the header": ("FIELD_RANGE", lambda f: f.put16(f.entry(f.model, VERSION), 2)),
    "field behind its table": ("FIELD_RANGE", lambda f: f.put16(f.entry(f.model, VERSION), 0x7FFC)),
    "field odd": ("OFFSET_ALIGNMENT", lambda f: f.put16(f.entry(f.model, VERSION), 6)),
    "vector behind the file": ("OFFSET_RANGE", lambda f: f.put32(f.field(f.model, SUBGRAPHS), len(f.data))),
    "vector count": ("VECTOR_RANGE", lambda f: f.put32(f.follow(f.field(f.model, SUBGRAPHS)), 0x40000000)),
    "vector count wraps": ("VECTOR_RANGE", lambda f: f.put32(f.follow(f.field(f.model, SUBGRAPHS)), 0xFFFFFFFF)),
    "element behind the file": (
        "OFFSET_RANGE",
        lambda f: f.put32(f.follow(f.field(f.model, SUBGRAPHS)) + 4, 0x7FFFFFFF),
    ),
    "element is itself": ("OFFSET_RANGE", lambda f: f.put32(f.follow(f.field(f.model, SUBGRAPHS)) + 4, 0)),
    "string without an end": ("STRING_TERMINATOR", unterminated),
    "string count": ("VECTOR_RANGE", lambda f: f.put32(f.follow(f.field(f.tensor(0), TENSOR_NAME)), 0x7FFFFFFF)),
    "union tag without value": ("UNION_TAG", lambda f: f.put16(f.entry(f.operator(0), OPTIONS), 0)),
    "union value without tag": ("UNION_TAG", lambda f: f.put16(f.entry(f.operator(0), OPTIONS_TAG), 0)),
    "union value behind the file": (
        "OFFSET_RANGE",
        lambda f: f.put32(f.field(f.operator(0), OPTIONS), 0x7FFFFFF0),
    ),
    "buffer body": (
        "VECTOR_RANGE",
        lambda f: f.put32(f.follow(f.field(f.element(f.model, BUFFERS, 1), BUFFER_DATA)), 0x7FFFFFFF),
    ),
}


@pytest.mark.parametrize(("rule", "patch"), list(STRUCTURE.values()), ids=list(STRUCTURE))
def test_broken_structure(core, rule: str, patch: Patch) -> None:
    file = File(int8_conv_net().bytes())
    core.check(bytes(file.data))
    patch(file)
    with pytest.raises(Exception) as caught:
        core.check(bytes(file.data))
    assert (caught.value.rule, caught.value.status) == (rule, BAD_FILE)


@pytest.mark.parametrize("size", range(9))
def test_short_files(core, size: int) -> None:
    with pytest.raises(Exception) as caught:
        core.check(b"\x08\0\0\0TFL3\0"[:size])
    assert caught.value.rule == ("FILE_SIZE" if size < 8 else "OFFSET_RANGE")


def test_file_of_more_than_2_gib_is_refused_by_its_size(core) -> None:
    from liteinterp.gen.cdef import ffi

    data = int8_conv_net().bytes()
    model, fault = core._model(data), ffi.new("li_fault *")
    assert core.lib.li_check(model, 1 << 31, ffi.NULL, fault) == BAD_FILE  # the size alone decides: nothing is read
    assert core.rules[fault.rule] == "FILE_SIZE"


def test_unknown_union_tag_is_checked_as_a_table(core) -> None:
    file = File(int8_conv_net().bytes())
    file.data[file.field(file.operator(0), OPTIONS_TAG)] = 250
    core.check(bytes(file.data))
    file.put32(file.field(file.operator(0), OPTIONS), 0x7FFFFFF0)
    with pytest.raises(Exception) as caught:
        core.check(bytes(file.data))
    assert caught.value.rule == "OFFSET_RANGE"


def test_fields_of_later_schemas_are_ignored(core) -> None:
    """A Model table with 14 fields, the last of which points nowhere."""
    builder = flatbuffers.Builder()
    builder.StartObject(14)
    builder.PrependUint32Slot(0, 3, 0)
    builder.PrependUint32Slot(13, 0x7FFFFFFF, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    info = core.check(bytes(builder.Output()))
    assert info.subgraphs == 0


# ---- bounded time ----


def shared_tensors(count: int, name: int) -> bytes:
    """``count`` tensors that are one and the same table, whose name has ``name`` characters."""
    builder = flatbuffers.Builder()
    text = builder.CreateString("n" * name)
    builder.StartObject(11)
    builder.PrependUOffsetTRelativeSlot(TENSOR_NAME, text, 0)
    tensor = builder.EndObject()
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    builder.StartObject(6)
    builder.PrependUOffsetTRelativeSlot(TENSORS, tensors, 0)
    graph = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    builder.StartObject(10)
    builder.PrependUint32Slot(VERSION, 3, 0)
    builder.PrependUOffsetTRelativeSlot(SUBGRAPHS, graphs, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_sharing_on_purpose_is_refused_soon(core) -> None:
    core.check(shared_tensors(100, 100))  # some sharing is fine
    data = shared_tensors(200_000, 200_000)
    start = time.monotonic()
    with pytest.raises(Exception) as caught:
        core.check(data)
    assert caught.value.rule == "FILE_BUDGET"
    assert time.monotonic() - start < 1


def test_budget_leaves_room_for_real_files(core, zoo) -> None:
    for path in sorted((zoo / "models").glob("*.tflite")):
        assert core.check(path.read_bytes()).subgraphs >= 1


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200), at=st.integers(0, 199))
def test_random_bytes(core, data: bytes, at: int) -> None:
    """Any bytes behind a sound header, or over the start of a sound file, get an answer."""
    for file in (b"\x10\0\0\0TFL3" + data, bytearray(chain("RELU").bytes())):
        if isinstance(file, bytearray):
            file[at : at + len(data)] = data
        try:
            core.plan(bytes(file))
        except Exception as fault:
            assert type(fault).__name__ == "Fault" and fault.rule != "NONE"  # type: ignore[attr-defined]

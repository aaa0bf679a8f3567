"""read_model and write_model: round trip, alignment, and what damaged bytes get."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.gen import tflite as writer
from liteinterp.gen import tflite as reader


def small_model() -> writer.Model:
    tensor = writer.Tensor(
        shape=np.array([2, 3], np.int32),
        type=int(writer.TensorType.INT8),
        buffer=1,
        name="weights",
        quantization=writer.QuantizationParameters(
            scale=np.array([0.5, 0.25], np.float32), zero_point=np.array([0, 0], np.int64), quantized_dimension=0
        ),
    )
    operator = writer.Operator(
        inputs=np.array([0, -1], np.int32),
        outputs=np.array([0], np.int32),
        builtin_options=writer.Conv2DOptions(stride_w=2, dilation_h_factor=3),
    )
    return writer.Model(
        version=3,
        operator_codes=[writer.OperatorCode(builtin_code=3, version=2)],
        subgraphs=[writer.SubGraph(tensors=[tensor], operators=[operator], name="main")],
        buffers=[writer.Buffer(), writer.Buffer(data=np.arange(6, dtype=np.uint8))],
        metadata=[writer.Metadata(name="note", buffer=1)],
        signature_defs=[writer.SignatureDef(inputs=[writer.TensorMap("x", 0)], signature_key="serving_default")],
    )


def content(item: object) -> object:
    """Tables as nested tuples, so that they compare by value."""
    if isinstance(item, np.ndarray):
        return item.dtype.str, item.tolist()
    if isinstance(item, list):
        return [content(element) for element in item]
    if dataclasses.is_dataclass(item) or hasattr(item, "__slots__"):
        names = getattr(item, "__slots__", None) or [field.name for field in dataclasses.fields(item)]
        return type(item).__name__, [content(getattr(item, name)) for name in sorted(names)]
    return item


def test_a_written_model_reads_back() -> None:
    model = small_model()
    data = writer.write_model(model)
    assert content(writer.read_model(data)) == content(model)
    model.subgraphs[0].operators[0].builtin_options = writer.Opaque(1)  # the reader knows no options
    assert content(reader.read_model(data)) == content(model)


def test_the_same_model_gives_the_same_bytes() -> None:
    data = writer.write_model(small_model())
    assert writer.write_model(small_model()) == data == writer.write_model(writer.read_model(data))


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 333])
def test_buffers_lie_at_multiples_of_16(length: int) -> None:
    marker = np.arange(length, dtype=np.uint8)[::-1] | 0x80
    model = writer.Model(version=3, description="x" * length, buffers=[writer.Buffer(), writer.Buffer(data=marker)])
    data = writer.write_model(model)
    assert data.index(marker.tobytes() + b"") % 16 == 0 or length < 4
    read = reader.read_model(data).buffers[1].data
    assert read is not None
    start = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    assert (read.__array_interface__["data"][0] - start) % 16 == 0


def test_defaults_take_no_space() -> None:
    """dilation 1 and padding SAME are defaults of the format; dilation 3 is not."""
    plain = writer.write_model(_with_options(writer.Conv2DOptions(dilation_h_factor=1)))
    dilated = writer.write_model(_with_options(writer.Conv2DOptions(dilation_h_factor=3)))
    assert len(plain) < len(dilated)


def _with_options(options: writer.Conv2DOptions) -> writer.Model:
    return writer.Model(subgraphs=[writer.SubGraph(operators=[writer.Operator(builtin_options=options)])])


def test_vectors_are_read_only_views_of_the_file() -> None:
    data = writer.write_model(small_model())
    weights = reader.read_model(data).buffers[1].data
    assert weights is not None and not weights.flags.writeable and not weights.flags.owndata


def test_options_without_description_keep_their_tag() -> None:
    model = _with_options(writer.Conv2DOptions())
    model.subgraphs[0].operators[0].builtin_options = writer.Opaque(4)
    read = reader.read_model(writer.write_model(model)).subgraphs[0].operators[0].builtin_options
    assert read == reader.Opaque(4) and reader.BUILTIN_OPTIONS_NAMES[4] == "LSHProjectionOptions"


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0" * 8, b"\x08\0\0\0TFL3", b"\xff\xff\xff\x7fTFL3"])
def test_bytes_that_are_no_file_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        reader.read_model(data)


def test_every_truncation_is_refused() -> None:
    data = writer.write_model(small_model())
    for length in range(len(data) - 1):
        with pytest.raises(ValueError):
            reader.read_model(data[:length])


@settings(max_examples=400, deadline=None)
@given(at=st.integers(0, 10**6), word=st.sampled_from([0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF]))
def test_damaged_words_give_a_model_or_a_value_error(at: int, word: int) -> None:
    data = bytearray(writer.write_model(small_model()))
    struct.pack_into("<I", data, at % (len(data) - 3), word)
    try:
        reader.read_model(bytes(data))
    except ValueError:
        return


def test_shared_objects_do_not_multiply_the_work() -> None:
    """3000 references to one vector of 3000 references to one table: 9 million visits for 25 kB, if nobody counts."""
    count = 3000
    inner = struct.pack("<I", count)
    data = bytearray(struct.pack("<I4s", 0, b"TFL3"))

    def table(fields: dict[int, int]) -> int:
        """Append a vtable and a table whose slots hold 4-byte references, to be patched; answers its position."""
        slots = max(fields) + 1
        offsets = [0] * slots
        for i, slot in enumerate(fields):
            offsets[slot] = 4 + 4 * i
        while len(data) % 4:
            data.append(0)
        vtable = len(data)
        data.extend(struct.pack(f"<HH{slots}H", 4 + 2 * slots, 4 + 4 * len(fields), *offsets))
        while len(data) % 4:
            data.append(0)
        at = len(data)
        data.extend(struct.pack("<i", at - vtable) + b"\0" * (4 * len(fields)))
        return at

    model = table({2: 0})
    struct.pack_into("<I", data, 0, model)
    subgraphs = len(data)
    struct.pack_into("<I", data, model + 4, subgraphs - (model + 4))
    data.extend(inner + b"\0" * (4 * count))
    subgraph = table({0: 0})
    tensors = len(data)
    struct.pack_into("<I", data, subgraph + 4, tensors - (subgraph + 4))
    data.extend(inner + b"\0" * (4 * count))
    tensor = table({0: 0})
    shape = len(data)
    data.extend(struct.pack("<I", 0))
    struct.pack_into("<I", data, tensor + 4, shape - (tensor + 4))
    for i in range(count):
        struct.pack_into("<I", data, subgraphs + 4 + 4 * i, subgraph - (subgraphs + 4 + 4 * i))
        struct.pack_into("<I", data, tensors + 4 + 4 * i, tensor - (tensors + 4 + 4 * i))
    with pytest.raises(ValueError, match="shared so often"):
        reader.read_model(bytes(data))

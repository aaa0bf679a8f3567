"""What a model file is, judged by its bytes and never by its name."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from ..errors import InvalidModelError

STAGE = "opening the model"
_REMEDY = "Give an .onnx or a .tflite file"


class Format(Enum):
    """The formats that can be read."""

    TFLITE = "tflite"
    ONNX = "onnx"


#: Beginnings of files that people mistake for models, or for models that we read: (offset, bytes, what it is, remedy).
_KNOWN = (
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5)", "Convert it with tf.lite.TFLiteConverter or tf2onnx first"),
    (
        0,
        b"PK\x03\x04",
        "a ZIP archive (PyTorch .pt, Keras .keras, NumPy .npz)",
        "Export it with torch.onnx.export or tf2onnx",
    ),
    (0, b"\x80\x02", "a Python pickle (old PyTorch .pt or .pth)", "Export the model with torch.onnx.export"),
    (0, b"\x80\x04", "a Python pickle", "Export the model with torch.onnx.export"),
    (0, b"\x93NUMPY", "a NumPy array", _REMEDY),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Fetch it with `git lfs pull`"),
    (0, b"\x1f\x8b", "a gzip archive", "Unpack it first"),
    (0, b"GGUF", "a GGUF language model", _REMEDY),
    (4, b"ORTM", "an ONNX Runtime .ort file", "Give the .onnx file that it was made from"),
    (0, b"\x7fELF", "a program or library", _REMEDY),
)

#: Wire types of ModelProto's fields (onnx.proto): 0 is a number, 2 has a length.
_MODEL_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_GRAPH_FIELD = 7


def detect(data: bytes) -> Format:
    """The format of a file's content. Raises InvalidModelError saying what it looks like instead."""
    if not data:
        raise InvalidModelError.at(STAGE, "", "the file is empty", _REMEDY)
    if data[4:8] == b"TFL3":
        return Format.TFLITE
    for offset, magic, what, remedy in _KNOWN:
        if data[offset : offset + len(magic)] == magic:
            raise InvalidModelError.at(STAGE, "", f"the file is {what}", remedy)
    if data.lstrip()[:1] in (b"<", b"{"):
        raise InvalidModelError.at(
            STAGE, "", "the file is text (a web page, XML or JSON), perhaps the page of a failed download", _REMEDY
        )
    return _detect_onnx(data)


def _detect_onnx(data: bytes) -> Format:
    """ONNX has no magic number: the fields of its outermost message must be ModelProto's, up to the end."""
    fields: set[int] = set()
    for field, wire, missing in _top_fields(data):
        if _MODEL_FIELDS.get(field) != wire:
            break
        fields.add(field)
        if missing and (_GRAPH_FIELD in fields or len(fields) > 1):
            raise InvalidModelError.at(
                STAGE,
                "",
                f"the file is an ONNX model that breaks off: at least {missing} bytes are missing",
                "Copy it again",
            )
    else:
        if _GRAPH_FIELD in fields:
            return Format.ONNX
        if fields == {1, 2}:
            raise InvalidModelError.at(
                STAGE,
                "",
                "the file is a TensorFlow SavedModel",
                "Convert it with tf.lite.TFLiteConverter or tf2onnx first",
            )
    raise InvalidModelError.at(STAGE, "", "the file is neither an ONNX model nor a .tflite", _REMEDY)


def _top_fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The fields of a protobuf message: number, wire type, and how many bytes of the field the file lacks.

    Ends at the end of the data; a byte that starts no field yields the number 0.
    """
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        field, wire = tag >> 3, tag & 7
        if wire == 2:
            length, position = _varint(data, position)
            position += length
        elif wire == 0:
            _, position = _varint(data, position)
        else:
            yield 0, wire, 0
            return
        yield field, wire, max(position - len(data), 0)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A base-128 number and the position behind it; behind the end where it breaks off."""
    value = 0
    for i in range(10):
        if position + i >= len(data):
            return value, len(data) + 1
        byte = data[position + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, position + i + 1
    return value, position + 10

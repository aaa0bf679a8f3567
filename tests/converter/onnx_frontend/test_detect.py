"""Files are told apart by content; what is neither ONNX nor .tflite is named."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import one_node

from converter import frontends
from converter.errors import ConvertError, InvalidModelError, UsageError
from converter.frontends.detect import Format, detect
from converter.frontends.onnx import supported_operators
from converter.options import Options

MODEL = one_node("Add", {"x": (2, 3)}, {"w": np.ones(3, np.float32)}).SerializeToString()


def test_models_are_recognised_whatever_they_are_called(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(MODEL)
    assert detect(MODEL) is Format.ONNX
    assert frontends.load(path, Options()).input_names == ["x"]


def test_tflite_goes_by_its_identifier() -> None:
    assert detect(b"\x1c\0\0\0TFL3" + bytes(20)) is Format.TFLITE


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
        (_zip(), "ZIP archive"),
        (pickle.dumps({"state": 1}, protocol=2), "pickle"),
        (pickle.dumps({"state": 1}, protocol=4), "pickle"),
        (b"<!DOCTYPE html><html>404</html>", "text"),
        (b'{"model": "json"}', "text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\x18\0\0\0ORTM" + bytes(32), ".ort"),
        (b"\x08\x01\x12\x04abcd", "SavedModel"),
        (b"\x0a\x04abcd", "neither"),
        (bytes(range(256)), "neither"),
        (b"just some words", "neither"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_files_are_named(data: bytes, text: str) -> None:
    with pytest.raises(InvalidModelError) as caught:
        detect(data)
    assert text in str(caught.value)


def test_every_truncation_is_an_invalid_model(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    for size in range(len(MODEL)):
        path.write_bytes(MODEL[:size])
        with pytest.raises(InvalidModelError):
            frontends.load(path, Options())


def test_a_truncated_model_is_called_so() -> None:
    with pytest.raises(InvalidModelError, match="breaks off"):
        detect(MODEL[: len(MODEL) // 2])


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(MODEL) - 1), byte=st.integers(0, 255))
def test_a_damaged_model_is_read_or_refused(position: int, byte: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(MODEL[:position] + bytes([byte]) + MODEL[position + 1 :])
    try:
        frontends.load(path, Options())
    except ConvertError as error:
        assert error.exit_status in (2, 3, 5)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    try:
        detect(data)
    except InvalidModelError as error:
        assert str(error)


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.onnx.*No such file"):
        frontends.load(tmp_path / "absent.onnx", Options())
    with pytest.raises(UsageError, match="is a directory"):
        frontends.load(tmp_path, Options())
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(InvalidModelError, match="SavedModel"):
        frontends.load(tmp_path, Options())


def test_the_list_of_operators() -> None:
    names = supported_operators()
    assert list(names) == sorted(names)
    assert {"Conv", "BatchNormalization", "Gemm", "Softmax", "GlobalAveragePool"} <= set(names)

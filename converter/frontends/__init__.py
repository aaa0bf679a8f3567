"""Any model file becomes an IR graph. The only rooms that know a source format are `onnx` and `tflite`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidModelError, UsageError
from ..ir.graph import Graph
from ..options import Options
from .detect import STAGE, Format, detect

if TYPE_CHECKING:
    import onnx

__all__ = ["Format", "detect", "load"]


def load(model: Path | onnx.ModelProto, options: Options) -> Graph:
    """Read a model: a path of an .onnx or .tflite file (told apart by content), or a loaded ONNX model.

    Raises UsageError for a path that cannot be read, InvalidModelError for what is no model, UnsupportedError with all
    the operators that we lack.
    """
    if not isinstance(model, Path):
        from .onnx import load_onnx

        return load_onnx(model, options)
    data = _read(model)
    if detect(data) is Format.TFLITE:
        from . import tflite

        return tflite.load(data, options)
    from .onnx import load_onnx, parse

    return load_onnx(parse(data, model.parent), options)


def _read(path: Path) -> bytes:
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise InvalidModelError.at(
                STAGE,
                str(path),
                "is a TensorFlow SavedModel",
                "Convert it with tf.lite.TFLiteConverter or tf2onnx first",
            )
        raise UsageError.at(STAGE, str(path), "is a directory", "Give a model file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError.at(STAGE, str(path), f"cannot be read: {error.strerror}", "Check the path") from error

"""What the frontends promise about any bytes: a graph that the verifier accepts, or an error of ours."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from converter.errors import InvalidModelError, UnsupportedError, UsageError
from converter.frontends import tflite
from converter.frontends.detect import detect
from converter.frontends.onnx import load_onnx, parse
from converter.ir.graph import Graph
from converter.ir.verify import verify
from converter.options import Options

Read = Callable[[bytes], Graph]

#: Where a file of external data would lie: there is none.
EMPTY = Path(tempfile.gettempdir()) / "liteinterp-fuzz-without-files"


def read_onnx(content: bytes) -> Graph:
    return load_onnx(parse(content, EMPTY), Options())


def read_tflite(content: bytes) -> Graph:
    return tflite.load(content, Options())


READERS: Mapping[str, Read] = {"onnx": read_onnx, "tflite": read_tflite}


def is_read(format: str, content: bytes) -> bool:
    """Whether the bytes become a graph. An error of ours is an answer; any other exception leaves this function."""
    try:
        detect(content)
    except InvalidModelError as error:
        assert str(error)
    try:
        graph = READERS[format](content)
    except (UsageError, UnsupportedError, InvalidModelError) as error:
        assert error.blockers and str(error)
        return False
    verify(graph)
    return True


def be_quiet() -> None:
    """What cannot be folded is logged; here that would be most files."""
    logging.disable(logging.CRITICAL)

"""The backend: a graph becomes the bytes of a .tflite file. Nothing else knows how to write them."""

from __future__ import annotations

from .metadata import CALIBRATION, FOLDED_INPUT, calibration, folded_input
from .packed import PACKED, with_packed
from .write import tensor_order, write

__all__ = [
    "CALIBRATION",
    "FOLDED_INPUT",
    "PACKED",
    "calibration",
    "folded_input",
    "tensor_order",
    "with_packed",
    "write",
]

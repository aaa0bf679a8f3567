"""ONNX to IR. Start reading at `load.py`; one file per family of operators holds the mappings."""

from __future__ import annotations

from .load import load_onnx, supported_operators
from .read import parse

__all__ = ["load_onnx", "parse", "supported_operators"]

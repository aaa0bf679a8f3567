"""Reads .tflite files: float, float16 weights, and quantized ones, which keep their quantization."""

from __future__ import annotations

from .load import load

__all__ = ["load"]

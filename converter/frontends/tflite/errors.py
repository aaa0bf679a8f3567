"""The stage's name in messages."""

from __future__ import annotations

STAGE = "reading the .tflite file"

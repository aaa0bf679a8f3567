"""The metadata entry `liteinterp.calibration`: which samples calibrated a model (docs/FORMAT.md)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .model_file import ModelFile

ENTRY = "liteinterp.calibration"
DIGEST_BYTES = 6


@dataclass(frozen=True)
class Manifest:
    """What the file tells of its calibration data."""

    samples: int
    random: bool
    digests: frozenset[bytes]

    def holds(self, sample: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Whether a sample, in the terms of the source model's inputs, is one of those that calibrated."""
        return digest(sample) in self.digests


def read_manifest(file: ModelFile) -> Manifest | None:
    """None for a file without the entry, or with one that is malformed."""
    text = file.metadata(ENTRY)
    if text is None:
        return None
    try:
        entry = json.loads(text)
        packed = base64.b64decode(entry["digests"], validate=True)
        digests = frozenset(packed[i : i + DIGEST_BYTES] for i in range(0, len(packed), DIGEST_BYTES))
        return Manifest(int(entry["samples"]), bool(entry["random"]), digests)
    except (ValueError, KeyError, TypeError):
        return None


def digest(sample: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """As docs/FORMAT.md defines it."""
    total = hashlib.sha256()
    for name in sorted(sample):
        array = sample[name]
        is_float = array.dtype.kind == "f"
        total.update(name.encode() + b"\0")
        total.update((array + np.float32(0) if is_float else array).astype("<f4" if is_float else "<i8").tobytes())
    return total.digest()[:DIGEST_BYTES]

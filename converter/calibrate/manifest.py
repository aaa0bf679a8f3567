"""Which samples calibrated a model: short digests in the file, so that nobody judges the model by them unawares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir.statistics import Manifest

#: Two different samples have the same digest once in 2^48.
DIGEST_BYTES = 6
#: Digests kept at most: the smallest, so that which ones they are depends on the data alone. Any overlap of size shows.
MAX_DIGESTS = 256
#: Samples that later ones are compared with.
MAX_REMEMBERED = 4096


def digest(sample: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Of a sample in the source model's terms: SHA-256 over its inputs in order of names, each as name, a zero byte,
    and the elements as little-endian float32 or int64. Shape and the sign of zero do not count. The format is in
    docs/FORMAT.md; `liteinterp/manifest.py` computes the same."""
    total = hashlib.sha256()
    for name in sorted(sample):
        array = sample[name]
        plain = array + np.float32(0) if array.dtype.kind == "f" else array
        total.update(name.encode() + b"\0")
        total.update(plain.astype("<f4" if array.dtype.kind == "f" else "<i8").tobytes())
    return total.digest()


class ManifestBuilder:
    """Digests of the samples as they pass."""

    def __init__(self, random: bool) -> None:
        self._random = random
        self._all = hashlib.sha256()
        self._kept: list[bytes] = []
        self._count = 0
        self._seen: set[bytes] = set()
        #: Samples that came before already, as far as MAX_REMEMBERED tells.
        self.repeated = 0

    def add(self, sample: Mapping[str, npt.NDArray[Any]]) -> None:
        found = digest(sample)
        self._all.update(found)
        self.repeated += found[:DIGEST_BYTES] in self._seen
        if len(self._seen) < MAX_REMEMBERED:
            self._seen.add(found[:DIGEST_BYTES])
        self._count += 1
        self._kept.append(found[:DIGEST_BYTES])
        if len(self._kept) > 2 * MAX_DIGESTS:
            self._shorten()

    def result(self) -> Manifest:
        self._shorten()
        return Manifest(self._count, self._all.hexdigest(), self._random, tuple(self._kept))

    def _shorten(self) -> None:
        self._kept = sorted(set(self._kept))[:MAX_DIGESTS]

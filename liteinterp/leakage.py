"""Refuses to judge a model by the samples that calibrated it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from .engines import Engine
from .errors import UsageError
from .manifest import read_manifest


class Leakage:
    """Looks every sample up in the model's own list of calibration samples."""

    def __init__(self, model: Engine, name: str, title: str, allowed: bool) -> None:
        file = getattr(model, "file", None)
        self._manifest = None if file is None else read_manifest(file)
        self._name, self._title, self._allowed = name, title, allowed
        self._found = 0

    def check(self, sample: Mapping[str, npt.NDArray[Any]], number: int) -> None:
        """A sample in the terms of the source model's inputs. Raises UsageError for one that calibrated."""
        if self._manifest is None or not self._manifest.holds(sample):
            return
        self._found += 1
        if not self._allowed:
            raise UsageError(
                f"sample {number} of {self._title} is one of the {self._manifest.samples} that calibrated "
                f"{self._name}: figures on it would flatter. Give samples that were held back; "
                "--allow-calibration-data (allow_calibration_data=True) compares all the same"
            )

    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know."""
        found = []
        if self._found:
            found.append(f"{self._found} of these samples calibrated {self._name}: the figures flatter")
        if self._manifest is not None and self._manifest.random:
            found.append(f"{self._name} was calibrated with random numbers")
        return tuple(found)

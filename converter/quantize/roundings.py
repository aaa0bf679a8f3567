"""How weights become codes: each by itself, or for the sake of the layer's output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from .adaround import round_adaptively
from .fixed_order import Matrices
from .second_order import round_codes

#: `adaptive` tries AdaRound beside second-order rounding.
Rounding = Literal["nearest", "second-order", "adaptive"]


def roundings(weights: Matrices, moments: Matrices, limit: int, rounding: Rounding) -> Iterator[Matrices]:
    """Codes in [-limit, limit] to choose from, for weights [groups, m, taps] in steps of their scales."""
    if rounding == "nearest":
        yield np.clip(np.rint(weights), -limit, limit)
        return
    codes = round_codes(weights, moments, limit)
    yield codes
    if rounding == "adaptive":
        yield round_adaptively(weights, codes, moments, limit)

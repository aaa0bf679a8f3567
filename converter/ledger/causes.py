"""Why a layer's result differs from the float layer's on the same inputs, from sums over elements and channels.

The squared error splits into what was clipped, what is a constant shift of each channel, and the rest, which is
rounding. Rounding is coarse for all channels where one of them sets the scale.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

#: A channel that reaches this many times as far as the median channel leaves the others 3 bits fewer.
OUTLIER = 8.0

CLIPPING, ROUNDING, BIAS, OUTLIER_CHANNEL = "clipping", "rounding", "bias", "outlier channel"
#: Causes of which a part may be the weights'.
ROUNDED = (ROUNDING, OUTLIER_CHANNEL)


class ErrorSum:
    """Sums of one layer's errors over samples. Channels are on the last axis."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high
        self.signal = self.noise = self._clipped = 0.0
        self._count = 0
        self._shift: Reals | None = None
        self._largest: Reals | None = None

    def add(self, wanted: Reals, found: Reals) -> None:
        """One sample: the float layer's result and what stands for it."""
        error = found - wanted
        squares = error * error
        self.signal += float(np.sum(wanted * wanted))
        self.noise += float(np.sum(squares))
        self._clipped += float(np.sum(squares[(wanted < self._low) | (wanted > self._high)]))
        by_channel = error.reshape(-1, error.shape[-1] if error.ndim else 1)
        largest = np.abs(wanted.reshape(by_channel.shape)).max(axis=0, initial=0.0)
        shift = by_channel.sum(axis=0)
        self._count += len(by_channel)
        self._shift = shift if self._shift is None else self._shift + shift
        self._largest = largest if self._largest is None else np.maximum(self._largest, largest)

    @property
    def spread(self) -> float:
        """The squared error about each channel's mean error."""
        return self.noise * (1.0 - self.bias_share)

    @property
    def clipped_share(self) -> float:
        """Of the squared error: that of elements outside the range."""
        return self._clipped / self.noise if self.noise else 0.0

    @property
    def bias_share(self) -> float:
        """Of the squared error: what would go if every channel's mean error went."""
        if self._shift is None or not self.noise:
            return 0.0
        return min(1.0, float(np.sum(self._shift**2)) / self._count / self.noise)

    @property
    def outlier_ratio(self) -> float:
        """How far the widest channel reaches, in parts of the median channel."""
        if self._largest is None or self._largest.size < 2:
            return 1.0
        median = float(np.median(self._largest))
        return float(self._largest.max()) / median if median else 1.0

    @property
    def widest_channel(self) -> int:
        return 0 if self._largest is None else int(np.argmax(self._largest))


def cause_of(alone: ErrorSum, cumulated: ErrorSum) -> str:
    """What makes most of a layer's error; empty where there is none.

    A shift counts where it is left with everything quantized: by itself a layer has one on purpose, since its bias
    makes up for the layers ahead.
    """
    if cumulated.bias_share > 0.5:
        return BIAS
    if not alone.spread:
        return ""
    if alone.clipped_share > 0.5:
        return CLIPPING
    return OUTLIER_CHANNEL if alone.outlier_ratio >= OUTLIER else ROUNDING

"""int8 quantization of weights: symmetric in [-127, 127], one scale per output channel.

scale[c] = fl32(max|W[c]| / 127)        q = clamp(round(W / scale), -127, 127)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WEIGHT_LIMIT = 127


def channel_scales(weights: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """max|W| / 127 per channel of dimension `axis`; 0 for a channel of zeros."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights).max(axis=others, initial=0.0)
    scales: npt.NDArray[np.float32] = (largest.astype(np.float64) / WEIGHT_LIMIT).astype(np.float32)
    return scales


def quantize_weights(
    weights: npt.NDArray[np.float32], axis: int, smallest: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int8], tuple[float, ...]]:
    """Codes and scales. A channel whose scale would lie below its `smallest` legal one (`bias.py`) is raised to it."""
    wanted = channel_scales(weights, axis)
    raised = np.nextafter(smallest.astype(np.float32), np.float32(np.inf))
    scales = np.where(wanted >= smallest, wanted, raised).astype(np.float64)
    shape = [1] * weights.ndim
    shape[axis] = -1
    codes = np.rint(weights.astype(np.float64) / scales.reshape(shape))
    return np.clip(codes, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8), tuple(scales.tolist())

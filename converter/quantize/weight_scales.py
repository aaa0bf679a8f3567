"""Scales of weights alone: the largest weight of a channel, or less where that rounds the others better.

scale[c] = f * max|W[c]| / limit with the f of 1/50 ... 50/50 from one half on that makes sum (W - scale * Q)² smallest;
Q = clamp(rint(W / scale), -limit, limit). At 8 bits f is nearly always 1; at 4 bits it gains 1 to 3 dB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .fixed_order import row_sums

#: Largest code by number of bits; the lowest one, -128 or -8, is not used, as products of it overflow some kernels.
LIMITS = {8: 127, 4: 7}
_FACTORS = tuple(i / 50 for i in range(50, 24, -1))

Reals = npt.NDArray[np.float64]


def code_weights(
    weights: npt.NDArray[np.float32], axis: int, bits: int
) -> tuple[npt.NDArray[np.int8], tuple[float, ...]]:
    """Codes of `bits` bits, in the shape of `weights`, and one float32 scale per element of dimension `axis`."""
    limit = LIMITS[bits]
    rows: Reals = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.float64)
    widest = np.abs(rows).max(axis=1, initial=0.0) / limit
    widest = np.where(widest < np.finfo(np.float32).tiny, 1.0, widest)  # a channel of zeros
    best_scales = widest.astype(np.float32).astype(np.float64)
    best_errors = row_sums((rows - _codes(rows, best_scales, limit) * best_scales[:, np.newaxis]) ** 2)
    for factor in _FACTORS[1:]:
        scales = (factor * widest).astype(np.float32).astype(np.float64)
        errors = row_sums((rows - _codes(rows, scales, limit) * scales[:, np.newaxis]) ** 2)
        better = errors < best_errors
        best_scales, best_errors = np.where(better, scales, best_scales), np.where(better, errors, best_errors)
    codes = _codes(rows, best_scales, limit).astype(np.int8)
    moved = (weights.shape[axis], *np.delete(weights.shape, axis))
    return np.ascontiguousarray(np.moveaxis(codes.reshape(moved), 0, axis)), tuple(best_scales.tolist())


def _codes(rows: Reals, scales: Reals, limit: int) -> Reals:
    return np.clip(np.rint(rows / scales[:, np.newaxis]), -limit, limit)

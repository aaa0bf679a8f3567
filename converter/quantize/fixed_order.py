"""Linear algebra whose bits do not depend on the machine.

BLAS and LAPACK add in an order that depends on the processor. Here products are either of integers small enough that
their sums in float64 are exact, whatever the order, or elementwise with one rounding each.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Matrices = npt.NDArray[np.float64]
#: float64 holds integers up to 2^53.
EXACT_BITS = 53
#: Columns that are worked on one by one before a product brings the others up to date.
BLOCK = 64


def fixed_point(array: Matrices, bits: int) -> tuple[Matrices, int]:
    """Integers below 2^bits in size, and the exponent: array ≈ integers · 2^exponent."""
    largest = float(np.abs(array).max(initial=0.0))
    exponent = math.frexp(largest)[1] - bits
    return np.rint(scaled(array, -exponent)), exponent


def scaled(array: Matrices, exponent: int) -> Matrices:
    """array · 2^exponent, exactly."""
    result: Matrices = np.ldexp(array, exponent)
    return result


def product(a: Matrices, b: Matrices) -> Matrices:
    """a @ b over the last two dimensions, to about 2^-40 of the largest elements: each factor is cut in two."""
    bits = (EXACT_BITS - max(a.shape[-1], 1).bit_length()) // 2
    left, left_rest = _halves(a, bits)
    right, right_rest = _halves(b, bits)
    result: Matrices = np.matmul(left, right) + (np.matmul(left, right_rest) + np.matmul(left_rest, right))
    return result


def _halves(array: Matrices, bits: int) -> tuple[Matrices, Matrices]:
    """Two multiples of powers of two of `bits` bits each that sum up to an array."""
    high, exponent = fixed_point(array, bits)
    first = scaled(high, exponent)
    low, exponent = fixed_point(array - first, bits)
    return first, scaled(low, exponent)


def row_sums(array: Matrices) -> Matrices:
    """Sums over the last dimension."""
    integers, exponent = fixed_point(array, EXACT_BITS - 1 - max(array.shape[-1], 1).bit_length())
    sums: Matrices = integers.sum(axis=-1)
    return scaled(sums, exponent)


def cholesky(symmetric: Matrices) -> Matrices:
    """Lower triangular L with L·Lᵀ = symmetric, for a stack [groups, n, n] of positive definite matrices."""
    rest = symmetric.copy()
    n = rest.shape[-1]
    lower: Matrices = np.zeros(rest.shape)
    for start in range(0, n, BLOCK):
        end = min(start + BLOCK, n)
        for j in range(start, end):
            column = rest[:, j:, j] / np.sqrt(rest[:, j, j])[:, np.newaxis]
            lower[:, j:, j] = column
            rest[:, j + 1 :, j + 1 : end] -= column[:, 1:, np.newaxis] * column[:, np.newaxis, 1 : end - j]
        panel = lower[:, end:, start:end]
        rest[:, end:, end:] -= product(panel, panel.transpose(0, 2, 1))
    return lower


def nearest_plane(lower: Matrices, wanted: Matrices, limit: int) -> Matrices:
    """Integers Q in [-limit, limit] that make |(wanted - Q)·L| small, for wanted [groups, m, n].

    The last column is rounded first; each one takes over what those behind it left, seen through L.
    """
    n = lower.shape[-1]
    taken_over = np.zeros_like(wanted)
    chosen = np.empty_like(wanted)
    for start in reversed(range(0, n, BLOCK)):
        end = min(start + BLOCK, n)
        for k in reversed(range(start, end)):
            asked = wanted[:, :, k] + taken_over[:, :, k] / lower[:, k, k][:, np.newaxis]
            chosen[:, :, k] = np.clip(np.rint(asked), -limit, limit)
            left = wanted[:, :, k] - chosen[:, :, k]
            taken_over[:, :, start:k] += left[:, :, np.newaxis] * lower[:, np.newaxis, k, start:k]
        left_over = wanted[:, :, start:end] - chosen[:, :, start:end]
        taken_over[:, :, :start] += product(left_over, lower[:, start:end, :start])
    return chosen

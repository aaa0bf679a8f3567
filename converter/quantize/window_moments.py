"""Second moments of what a layer's window sees, on samples to fit on and on others to check with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..ir.graph import Node
from .fixed_order import Matrices
from .layer_windows import layer_windows

#: Windows looked at per layer, over all samples: enough for the largest layers, and seconds of work.
WINDOWS = 1 << 15
#: Every fifth sample judges what was fitted on the others.
CHECK_EVERY = 5
#: Elements of the samples whose windows are taken together.
AT_A_TIME = 1 << 16


def window_moments(node: Node, arrays: Iterable[Matrices], samples: int) -> tuple[Matrices, Matrices]:
    """E[x xᵀ] about the mean, [groups, taps, taps], of the samples to fit on and of those to check with.

    `arrays` are the layer's inputs on `samples` samples, in whole steps: sums of integers are exact in any order.
    """
    wanted = max(1, WINDOWS // samples)
    sums = (_Sums(node, wanted), _Sums(node, wanted))
    for i, array in enumerate(arrays):
        sums[i % CHECK_EVERY == CHECK_EVERY - 1].add(array)
    return sums[0].moments(), sums[1].moments()


class _Sums:
    """Of windows and of products of their taps. Small samples are taken several at a time, for numpy's sake."""

    def __init__(self, node: Node, wanted: int) -> None:
        self._node, self._wanted = node, wanted
        self._pending: list[Matrices] = []
        self._count = 0
        self._total: Matrices | float = 0.0
        self._squares: Matrices | float = 0.0

    def add(self, array: Matrices) -> None:
        self._pending.append(array)
        if sum(pending.size for pending in self._pending) >= AT_A_TIME:
            self._take()

    def moments(self) -> Matrices:
        self._take()
        mean = np.asarray(self._total) / self._count
        moments: Matrices = np.asarray(self._squares) / self._count - mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
        return moments

    def _take(self) -> None:
        if not self._pending:
            return
        x = layer_windows(self._node, self._pending, self._wanted)
        self._count += x.shape[1]
        self._total = self._total + x.sum(axis=1)
        self._squares = self._squares + x.transpose(0, 2, 1) @ x
        self._pending.clear()

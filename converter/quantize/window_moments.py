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


def window_moments(node: Node, arrays: Iterable[Matrices], samples: int) -> tuple[Matrices, Matrices]:
    """E[x xᵀ] about the mean, [groups, taps, taps], of the samples to fit on and of those to check with.

    `arrays` are the layer's inputs on `samples` samples, in whole steps: sums of integers are exact in any order.
    """
    wanted = max(1, WINDOWS // samples)
    sums: list[tuple[float, Matrices | float, Matrices | float]] = [(0.0, 0.0, 0.0), (0.0, 0.0, 0.0)]
    for i, array in enumerate(arrays):
        x = layer_windows(node, array, wanted)
        into = i % CHECK_EVERY == CHECK_EVERY - 1
        count, total, squares = sums[into]
        sums[into] = count + x.shape[1], total + x.sum(axis=1), squares + x.transpose(0, 2, 1) @ x
    found = []
    for count, total, squares in sums:
        mean = np.asarray(total) / count
        found.append(np.asarray(squares) / count - mean[:, :, np.newaxis] * mean[:, np.newaxis, :])
    return found[0], found[1]

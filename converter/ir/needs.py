"""What samples must hold for a graph's inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .graph import Graph

Sample = Mapping[str, npt.ArrayLike]


@dataclass(frozen=True)
class InputNeed:
    """What samples must hold for one input: its source name, exact shape and element type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


#: Samples map input names to arrays with the batch dimension. A function is handed the model's inputs first.
Samples = Iterable[Sample] | Callable[[Sequence[InputNeed]], Iterable[Sample]]


def input_needs(graph: Graph) -> tuple[InputNeed, ...]:
    """What samples for a graph must hold."""
    names = graph.input_names or [value.name for value in graph.inputs]
    return tuple(
        InputNeed(name, value.shape, value.dtype.numpy) for name, value in zip(names, graph.inputs, strict=True)
    )

"""What the stages ask of whatever runs a graph. `converter/execute.py` implements it on the C runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .graph import Graph, Value


class Session(Protocol):
    """An open graph with every value readable. Use as a context manager."""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """One pass. Keys are names of the graph's input Values; arrays have their exact shape and type."""

    def run_nodes(self, first: int, last: int) -> None:
        """Run the nodes first..last-1 of graph.nodes on what the values hold now."""

    def read(self, value: Value) -> npt.NDArray[Any]:
        """A copy of what a value holds."""

    def write(self, value: Value, array: npt.NDArray[Any]) -> None:
        """Set what a non-constant value holds."""

    def __enter__(self) -> Session: ...

    def __exit__(self, *exc: object) -> None: ...


class Executor(Protocol):
    """Opens graphs. Float arithmetic is `exact`: the same bits on every machine."""

    def open(self, graph: Graph) -> Session: ...


def evaluate(executor: Executor, graph: Graph, inputs: Mapping[str, npt.NDArray[np.generic]]) -> list[npt.NDArray[Any]]:
    """Run a graph once and return its outputs in order."""
    with executor.open(graph) as session:
        session.run(inputs)
        return [session.read(value) for value in graph.outputs]

"""Runs graphs on the C runtime: the one place of the converter that knows `liteinterp`.

A graph is written to bytes and opened with every tensor readable, in `exact` float mode, so that statistics and folded
constants are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from liteinterp.net import EXACT, KEEP_TENSORS, ModelBytes, Net, Request

from . import backend
from .errors import UsageError
from .ir.graph import Graph, Value
from .ir.memory import StateBytes


class CSession:
    """An open graph (`ir.executor.Session`). The net's memory goes when the session is garbage."""

    def __init__(self, graph: Graph) -> None:
        content = backend.write(graph)
        self._net = Net(ModelBytes(content), Request(flags=KEEP_TENSORS | EXACT))
        self._indices = {value: index for index, value in enumerate(backend.tensor_order(graph))}
        self._inputs = {value.name: value for value in graph.inputs}
        self._views: dict[Value, npt.NDArray[Any]] = {}

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """One pass. Raises UsageError for a missing or misshapen input."""
        for name, value in self._inputs.items():
            if name not in inputs:
                raise UsageError.at("execute", f"input {name!r}", "is not given")
            self.write(value, inputs[name])
        self._net.run()

    def run_nodes(self, first: int, last: int) -> None:
        """Run the nodes first..last-1 on what the values hold now."""
        for i in range(first, last):
            self._net.run_operator(i)

    def read(self, value: Value) -> npt.NDArray[Any]:
        """A copy of what a value holds."""
        return np.array(self._view(value))

    def write(self, value: Value, array: npt.NDArray[Any]) -> None:
        """Set what a non-constant value holds. Raises UsageError for another shape or type."""
        view = self._view(value)
        if array.shape != view.shape or array.dtype != view.dtype:
            found, wanted = f"{array.dtype}{list(array.shape)}", f"{view.dtype}{list(view.shape)}"
            raise UsageError.at("execute", f"tensor {value.name!r}", f"is given {found}, it takes {wanted}")
        view[...] = array

    def __enter__(self) -> CSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self._views.clear()

    def _view(self, value: Value) -> npt.NDArray[Any]:
        if value not in self._views:
            self._views[value] = self._net.view(self._indices[value])
        return self._views[value]


def state_bytes(content: bytes) -> StateBytes:
    """The state that a written model takes; the same on every target."""
    net = Net(ModelBytes(content), Request(isa="ref"))
    return StateBytes(net.need.state, tuple(net.operator_bytes(i).state for i in range(net.operations)))


class CExecutor:
    """Opens graphs on the C runtime (`ir.executor.Executor`)."""

    def open(self, graph: Graph) -> CSession:
        return CSession(graph)

"""Runs graphs on the C runtime: the one place of the converter that knows `liteinterp`.

A graph is written to bytes and opened with every tensor readable, in `exact` float mode, so that statistics and folded
constants are the same on every machine.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liteinterp.errors import LiteinterpError
from liteinterp.model_file import ModelFile
from liteinterp.net import EXACT, IGNORE_PACKED, KEEP_INPUTS, KEEP_TENSORS, TARGETS, ModelBytes, Net, Request

from . import backend
from .errors import Blocker, InvalidModelError, UnsupportedError, UsageError
from .ir.graph import Graph, Value
from .ir.memory import StateBytes

log = logging.getLogger(__name__)


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


def check_targets(targets: Sequence[str]) -> list[Blocker]:
    """What speaks against packing weights for targets by these names."""
    packing = [name for name in TARGETS if name != "portable"]
    found = [Blocker("pack", f"names {name!r}", f"There are {', '.join(packing)}") for name in targets]
    return [blocker for name, blocker in zip(targets, found, strict=True) if name not in packing]


def with_packed(content: bytes, targets: Sequence[str]) -> bytes:
    """A written model and its packed weights for targets, of the `fast` float mode and the file's shapes.

    Raises UsageError for targets that are not known, InvalidModelError for bytes that are no model, UnsupportedError
    for targets whose kernels this machine does not run.
    """
    wrong = check_targets(targets)
    if wrong:
        raise UsageError("pack", wrong)
    try:
        model = ModelBytes(content)
        dims = ModelFile(content).open_input_dims()
    except ValueError as error:
        raise InvalidModelError.at("pack", "model", str(error)) from error
    blocks = {}
    for target in dict.fromkeys(targets):
        request = Request(KEEP_INPUTS | IGNORE_PACKED, TARGETS[target], input_dims=dims)
        try:
            packed = Net(model, request).packed_weights()
        except LiteinterpError as error:
            remedy = f"Packing takes a model that runs here and a machine that runs {TARGETS[target]} kernels"
            raise UnsupportedError.at("pack", f"target {target}", str(error), remedy) from error
        if packed:
            blocks[TARGETS[target]] = packed
        else:
            log.warning("no weights of this model are packed for %s", target)
    return backend.with_packed(content, blocks) if blocks else content


class CExecutor:
    """Opens graphs on the C runtime (`ir.executor.Executor`)."""

    def open(self, graph: Graph) -> CSession:
        return CSession(graph)

"""Runs an int8 graph piece by piece over a few samples, so that constants may change between the pieces.

Each piece is a small graph of its own; between pieces only the values that are still needed are kept. One walk over all
pieces costs one forward pass per sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Graph, Node, Value
from ..ir.statistics import Arrays


class SegmentRunner:
    """Holds what is alive of each sample at the point that the walk has reached."""

    def __init__(self, graph: Graph, samples: Sequence[Arrays], executor: Executor) -> None:
        self._graph = graph
        self._executor = executor
        self._held: list[dict[Value, npt.NDArray[Any]]] = [
            {value: np.asarray(sample[value.name]) for value in graph.inputs} for sample in samples
        ]
        self._position = 0

    def run_until(self, node: Node) -> None:
        """Run all nodes before `node` that have not run."""
        end = next(i for i, other in enumerate(self._graph.nodes) if other is node)
        self._run(end)

    def held(self, value: Value) -> list[npt.NDArray[Any]]:
        """A value that some node ahead reads, of each sample."""
        return [sample[value] for sample in self._held]

    def _run(self, end: int) -> None:
        if end <= self._position:
            return
        nodes = self._graph.nodes[self._position : end]
        made = {value for node in nodes for value in node.outputs}
        ahead = {value for node in self._graph.nodes[end:] for value in node.inputs if value is not None}
        ahead.update(self._graph.outputs)
        inputs = [value for value in self._held[0] if any(value in node.inputs for node in nodes)] if self._held else []
        outputs = [value for node in nodes for value in node.outputs if value in ahead]
        if outputs and self._held:
            piece = Graph(list(nodes), inputs, outputs)
            with self._executor.open(piece) as session:
                for sample in self._held:
                    session.run({value.name: sample[value] for value in inputs})
                    sample.update((value, session.read(value)) for value in outputs)
        for sample in self._held:
            for value in [value for value in sample if value not in ahead and value not in made]:
                del sample[value]
        self._position = end

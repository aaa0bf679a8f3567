"""Leave-one-out: what the output's error becomes when one unit computes in float32 and all else stays as it is.

No graph is built for it. The quantized graph and the float graph are open side by side; the quantized one runs, and
where an operator of the unit comes, the float one computes it, from the values that the quantized graph holds or,
inside the unit, from its own. Units are taken from the last to the first, so that what lies ahead of each is still as
it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..ir.executor import Executor, Session
from ..ir.graph import Node, Value
from ..ir.held import codes, reals
from ..ir.statistics import HeldOut
from ..quantize import Quantized
from .units import Unit


def output_errors(
    quantized: Quantized, units: Sequence[Unit], samples: Sequence[HeldOut], executor: Executor
) -> tuple[float, list[float]]:
    """Squared error in parts of the squared signal, mean over the judged values: of the graph, and with each unit in
    float32."""
    splicer = _Splicer(quantized)
    order = sorted(range(len(units)), key=lambda i: splicer.first(units[i]), reverse=True)
    names = list(samples[0].answers)
    signal = np.zeros(len(names))
    plain, spliced = np.zeros(len(names)), np.zeros((len(units), len(names)))
    with executor.open(quantized.floats) as floats, executor.open(quantized.unmerged.graph) as session:
        for sample in samples:
            session.run(sample.inputs)
            wanted = [sample.answers[name].astype(np.float64) for name in names]
            signal += [float(np.sum(answer**2)) for answer in wanted]
            plain += splicer.noise(names, wanted, set(), floats, session)
            for i in order:
                made = splicer.run(units[i], floats, session)
                spliced[i] += splicer.noise(names, wanted, made, floats, session)
    signal = np.maximum(signal, 1e-300)
    return float(np.mean(plain / signal)), [float(np.mean(row / signal)) for row in spliced]


class _Splicer:
    """How the two graphs correspond."""

    def __init__(self, quantized: Quantized) -> None:
        self._floats, self._graph = quantized.floats, quantized.unmerged.graph
        sources: Mapping[Value, Value] = quantized.unmerged.sources
        #: By the name in the float graph: how the quantized graph holds each value.
        self._held = {value.name: value for value in self._graph.values() if value.dtype.is_float}
        self._values = {value.name: value for value in self._floats.values()}
        producers = self._floats.producers()
        self._float_index = {node: i for i, node in enumerate(self._floats.nodes)}
        #: The float operator that each node of the quantized graph stands for.
        self._twins: list[Node | None] = []
        for node in self._graph.nodes:
            source = sources.get(node.outputs[0]) if node.outputs else None
            twin = producers.get(source) if source is not None and node.op not in ("QUANTIZE", "DEQUANTIZE") else None
            self._twins.append(twin if twin is not None and twin.op == node.op else None)
            if twin is not None:
                self._held.update((sources[value].name, value) for value in node.outputs if value in sources)
        for value in self._graph.values():
            if value in sources:
                self._held.setdefault(sources[value].name, value)

    def first(self, unit: Unit) -> int:
        """Where in the quantized graph a unit begins."""
        members = set(unit.nodes)
        return next((i for i, twin in enumerate(self._twins) if twin in members), len(self._twins))

    def run(self, unit: Unit, floats: Session, session: Session) -> set[str]:
        """Run from the unit's first operator to the end; names of the values that are exact in the float graph."""
        members = set(unit.nodes)
        exact: set[str] = set()
        for j in range(self.first(unit), len(self._twins)):
            twin = self._twins[j]
            if twin is None or twin not in members:
                session.run_nodes(j, j + 1)
                continue
            for value in twin.inputs:
                if value is None or value.is_constant or value.name in exact:
                    continue
                held = self._held[value.name]
                floats.write(value, reals(held, session.read(held)).astype(value.dtype.numpy))
            i = self._float_index[twin]
            floats.run_nodes(i, i + 1)
            for value in twin.outputs:
                exact.add(value.name)
                held = self._held[value.name]
                session.write(held, codes(held, floats.read(value)))
        return exact

    def noise(
        self, names: Sequence[str], wanted: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
        exact: set[str], floats: Session, session: Session,
    ) -> list[float]:  # fmt: skip
        """Squared error of each judged value."""
        found = []
        for name, answer in zip(names, wanted, strict=True):
            held = self._held[name]
            got = floats.read(self._values[name]) if name in exact else reals(held, session.read(held))
            found.append(float(np.sum((answer - got) ** 2)))
        return found

"""Leave-one-out: what the network answers when a few operators compute in a higher precision and all else stays.

No graph is built for it. The quantized graph and a float graph are open side by side; the quantized one runs, and where
one of these operators comes, the float one computes it, from the values that the quantized graph holds or, between two
of them, from its own. In int16 it is the same on a float graph whose weights are the int8 codes' numbers: activations
are as good as exact. What is raised last in the graph is taken first, so that what lies ahead of each is still as it
was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from ..ir.executor import Executor
from ..ir.graph import Node, Value
from ..ir.held import codes, reals
from ..quantize import Quantized, with_rounded_weights

Answers = Mapping[Value, npt.NDArray[Any]]


class Raised(Protocol):
    """Operators of the float graph, and the precision that they get: int16 or float32."""

    @property
    def nodes(self) -> Sequence[Node]: ...

    @property
    def precision(self) -> str: ...


class Splicer:
    """A quantized graph in which operators can be raised, some at a time. Use as a context manager."""

    def __init__(self, quantized: Quantized, executor: Executor) -> None:
        self._floats, self._graph = quantized.floats, quantized.unmerged.graph
        rounded, values = with_rounded_weights(self._floats, quantized.unmerged.layers)
        self._session = executor.open(self._graph)
        #: By precision: the graph that computes what is raised, open, and its values by those of the float graph.
        self._exact = {
            "float32": (executor.open(self._floats), {value: value for value in self._floats.values()}),
            "int16": (executor.open(rounded), values),
        }
        sources: Mapping[Value, Value] = quantized.unmerged.sources
        by_name = {value.name: value for value in self._floats.values()}
        #: How the quantized graph holds each value of the float graph.
        self._held = {by_name[v.name]: v for v in self._graph.values() if v.dtype.is_float and v.name in by_name}
        producers = self._floats.producers()
        self._float_index = {node: i for i, node in enumerate(self._floats.nodes)}
        #: The float operator that each node of the quantized graph stands for.
        self._twins: list[Node | None] = []
        for node in self._graph.nodes:
            source = sources.get(node.outputs[0]) if node.outputs else None
            twin = producers.get(source) if source is not None and node.op not in ("QUANTIZE", "DEQUANTIZE") else None
            self._twins.append(twin if twin is not None and twin.op == node.op else None)
            if twin is not None:
                self._held.update((sources[value], value) for value in node.outputs if value in sources)
        for value in self._graph.values():
            if value in sources:
                self._held.setdefault(sources[value], value)

    def __enter__(self) -> Splicer:
        return self

    def __exit__(self, *exc: object) -> None:
        for session in (self._session, *(session for session, _ in self._exact.values())):
            session.__exit__(*exc)

    def run(
        self, inputs: Mapping[str, npt.NDArray[Any]], raises: Sequence[Raised], wanted: Sequence[Value]
    ) -> Iterator[tuple[int | None, Answers]]:
        """What the values of the float graph in `wanted` are: as the quantized graph stands (None), then with each of
        `raises` (its index), in an order of their own."""
        self._session.run({value.name: codes(value, inputs[value.name]) for value in self._graph.inputs})
        yield None, self._read(wanted, {})
        for i in sorted(range(len(raises)), key=lambda i: self._first(raises[i]), reverse=True):
            yield i, self._read(wanted, self._splice(raises[i]))

    def _first(self, raised: Raised) -> int:
        """Where in the quantized graph the first of them stands."""
        members = set(raised.nodes)
        return next((i for i, twin in enumerate(self._twins) if twin in members), len(self._twins))

    def _splice(self, raised: Raised) -> Answers:
        """Run from the first raised operator to the end; what it computes, by the float graph's values."""
        floats, own = self._exact[raised.precision]
        members, exact = set(raised.nodes), dict[Value, npt.NDArray[Any]]()
        for j in range(self._first(raised), len(self._twins)):
            twin = self._twins[j]
            if twin is None or twin not in members:
                self._session.run_nodes(j, j + 1)
                continue
            for value in twin.inputs:
                if value is None or value.is_constant or value in exact:
                    continue
                held = self._held[value]
                floats.write(own[value], reals(held, self._session.read(held)).astype(value.dtype.numpy))
            i = self._float_index[twin]
            floats.run_nodes(i, i + 1)
            for value in twin.outputs:
                exact[value] = floats.read(own[value])
                held = self._held[value]
                self._session.write(held, codes(held, exact[value]))
        return exact

    def _read(self, wanted: Sequence[Value], exact: Answers) -> Answers:
        found = {}
        for value in wanted:
            if value in exact:
                found[value] = exact[value]
            else:
                held = self._held[value]
                found[value] = reals(held, self._session.read(held)).astype(value.dtype.numpy)
        return found

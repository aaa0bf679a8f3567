"""One pass over the data: run the float graph, look at every tensor, keep numbers of bounded size.

Integers and sums in a fixed order only, so the same data gives the same statistics on every machine: bins are counted,
sums over positions are exact (`ir/taps.py`), and samples are added one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..ir.executor import Executor, Session
from ..ir.graph import Graph, Node, Value
from ..ir.judged import judged_values
from ..ir.ranges import Range, Ranges
from ..ir.statistics import Arrays, Calibration, ChannelRange, HeldOut, TapMeans
from ..ir.taps import positions, tap_sums
from ..ir.types import DType
from ..ir.weighted import WEIGHTED, source_of
from .histogram import HistogramBuilder
from .samples import STAGE, CheckedSamples, Prepare
from .selection import Role, Selection

#: Told after each sample: how many are done, and how many there are where that is known.
Progress = Callable[[int, int | None], None]


def collect(
    graph: Graph,
    samples: Iterable[Mapping[str, npt.ArrayLike]],
    executor: Executor,
    *,
    limit: int | None = None,
    prepare: Mapping[str, Prepare] | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Statistics of a float graph. `samples` maps the source's input names to arrays and is read once.

    Raises UsageError for data that does not fit the inputs, and where NaN or infinity appears in a tensor.
    """
    checked = CheckedSamples(graph, samples, limit, prepare)
    total = _count(samples, limit)
    judged = judged_values(graph)
    selection = _select(graph, judged, total)
    tensors = [TensorStatistics(value) for value in graph.values() if _is_measured(value)]
    layers = [LayerStatistics(node) for node in graph.nodes if node.op in WEIGHTED and _is_measured(source_of(node))]
    fit: list[Arrays] = []
    held_out: list[HeldOut] = []
    with executor.open(graph) as session:
        for index, inputs in enumerate(checked):
            session.run(inputs)
            for tensor in tensors:
                tensor.add(session, index)
            role = selection.role(index)
            if role is Role.FIT:
                fit.append(inputs)
                for layer in layers:
                    layer.add(session)
            elif role is Role.HELD_OUT:
                held_out.append(HeldOut(inputs, {value.name: session.read(value) for value in judged}))
            if progress is not None:
                progress(index + 1, total)
    return Calibration(
        ranges=Ranges({tensor.value.name: tensor.range for tensor in tensors}, checked.count),
        histograms={tensor.value.name: tensor.histogram.result() for tensor in tensors},
        channels={tensor.value.name: tensor.channels for tensor in tensors if len(tensor.value.shape) > 1},
        tap_means={layer.node.output.name: layer.result() for layer in layers},
        fit=tuple(fit),
        held_out=tuple(held_out),
        warnings=checked.warnings(),
        manifest=checked.manifest.result(),
    )


class TensorStatistics:
    """Extremes, also of each channel, and histogram of one tensor."""

    def __init__(self, value: Value) -> None:
        self.value = value
        self.histogram = HistogramBuilder()
        self.range = Range(math.inf, -math.inf)
        count = value.shape[-1] if value.shape else 1
        self.channels = ChannelRange(np.full(count, np.inf, np.float32), np.full(count, -np.inf, np.float32))

    def add(self, session: Session, sample: int) -> None:
        array = session.read(self.value)
        rows = array.reshape(-1, len(self.channels.low))
        lows, highs = rows.min(axis=0), rows.max(axis=0)
        low, high = float(lows.min()), float(highs.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            bad = int(array.size - np.isfinite(array).sum())
            source = self.value.origin.name if self.value.origin else self.value.name
            raise UsageError.at(
                STAGE,
                f"tensor {source!r}, sample {sample}",
                f"the float model computes {bad} NaN or infinite values of {array.size}",
                "Check the weights and the preprocessing of this sample",
            )
        self.range = self.range.union(Range(low, high))
        self.channels = ChannelRange(np.minimum(self.channels.low, lows), np.maximum(self.channels.high, highs))
        self.histogram.add(array, low, high)


class LayerStatistics:
    """Sums of what the taps of one layer see."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._total: npt.NDArray[np.float64] | float = 0.0
        self._windows = 0

    def add(self, session: Session) -> None:
        array = session.read(source_of(self.node))
        largest = max(abs(float(array.min())), abs(float(array.max())))
        # 24 bits below the largest element: float32 has no more, and 2^29 of them still add up exactly in float64.
        exponent = 24 - math.frexp(largest)[1]
        integers = np.rint(np.ldexp(array.astype(np.float64), exponent))
        self._total = self._total + np.ldexp(tap_sums(self.node, integers), -exponent)
        self._windows += positions(self.node)

    def result(self) -> TapMeans:
        return TapMeans(np.asarray(self._total) / max(self._windows, 1))


def _is_measured(value: Value) -> bool:
    return not value.is_constant and value.dtype is DType.FLOAT32 and value.elements > 0


def _count(samples: object, limit: int | None) -> int | None:
    """How many samples will come, where that is known: from their length, or an attribute `count`."""
    count = len(samples) if isinstance(samples, Sized) else getattr(samples, "count", None)
    if not isinstance(count, int):
        return None
    return count if limit is None else min(count, limit)


def _select(graph: Graph, judged: Sequence[Value], total: int | None) -> Selection:
    """A sample to judge by keeps its inputs and answers; one to fit on its inputs, then int8 values alive together."""
    largest = max((value.elements for value in graph.values() if not value.is_constant), default=0)
    inputs = sum(value.size_bytes for value in graph.inputs)
    return Selection.of(total, inputs + sum(value.size_bytes for value in judged), inputs + 3 * largest)

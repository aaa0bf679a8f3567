"""What is looked at in each sample, in a form that adds up: the same sums whoever adds them, in however many parts.

Extremes and histograms do not depend on the order. The sums of a layer's taps are floats, so the parts keep one for
each sample, and the whole adds them in the order of samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..ir.executor import Executor, Session
from ..ir.graph import Graph, Node, Value
from ..ir.judged import judged_values
from ..ir.ranges import Range
from ..ir.statistics import Arrays, ChannelRange
from ..ir.taps import positions, tap_sums
from ..ir.types import DType
from ..ir.weighted import WEIGHTED, source_of
from .histogram import HistogramBuilder
from .samples import STAGE
from .selection import Role


@dataclass(frozen=True)
class Task:
    """One sample to look at."""

    index: int
    role: Role
    inputs: Arrays


@dataclass
class Observations:
    """Of some samples, by the names of the graph's values."""

    ranges: dict[str, Range] = field(default_factory=dict)
    histograms: dict[str, HistogramBuilder] = field(default_factory=dict)
    #: Of tensors that have channels.
    channels: dict[str, ChannelRange] = field(default_factory=dict)
    #: Per sample that is fitted on: by layer output, the sums of its taps.
    taps: list[dict[str, npt.NDArray[np.float64]]] = field(default_factory=list)
    #: Per sample that is held out: the float graph's answers.
    answers: list[dict[str, npt.NDArray[Any]]] = field(default_factory=list)

    def add(self, other: Observations) -> None:
        """Those of the samples that follow."""
        for name, found in other.ranges.items():
            self.ranges[name] = self.ranges[name].union(found) if name in self.ranges else found
        for name, rows in other.channels.items():
            self.channels[name] = _union(self.channels.get(name), rows)
        for name, histogram in other.histograms.items():
            if name in self.histograms:
                self.histograms[name].merge(histogram)
            else:
                self.histograms[name] = histogram
        self.taps += other.taps
        self.answers += other.answers


class Observer:
    """Looks at samples in an open session of the float graph."""

    def __init__(self, graph: Graph, session: Session) -> None:
        self._session = session
        self._tensors = measured_values(graph)
        self._layers = measured_layers(graph)
        self._judged = judged_values(graph)
        self.found = Observations(histograms={value.name: HistogramBuilder() for value in self._tensors})

    def look(self, task: Task) -> None:
        """Run one sample. Raises UsageError where NaN or infinity appears in a tensor."""
        self._session.run(task.inputs)
        for value in self._tensors:
            array = self._session.read(value)
            rows = array.reshape(-1, value.shape[-1] if value.shape else 1)
            channels = ChannelRange(rows.min(axis=0), rows.max(axis=0))
            low, high = _extremes(channels, array, value, task.index)
            if len(value.shape) > 1:
                self.found.channels[value.name] = _union(self.found.channels.get(value.name), channels)
            now = Range(low, high)
            before = self.found.ranges.get(value.name)
            self.found.ranges[value.name] = now if before is None else before.union(now)
            self.found.histograms[value.name].add(array, low, high)
        if task.role is Role.FIT:
            self.found.taps.append({node.output.name: self._tap_sums(node) for node in self._layers})
        elif task.role is Role.HELD_OUT:
            self.found.answers.append({value.name: self._session.read(value) for value in self._judged})

    def _tap_sums(self, node: Node) -> npt.NDArray[np.float64]:
        array = self._session.read(source_of(node))
        largest = max(abs(float(array.min())), abs(float(array.max())))
        # 24 bits below the largest element: float32 has no more, and 2^29 of them still add up exactly in float64.
        exponent = 24 - math.frexp(largest)[1]
        integers = np.rint(np.ldexp(array.astype(np.float64), exponent))
        return np.ldexp(tap_sums(node, integers), -exponent)


def observe(graph: Graph, executor: Executor, tasks: Sequence[Task]) -> Observations:
    """What some samples show, in a session of their own: what one worker does."""
    with executor.open(graph) as session:
        observer = Observer(graph, session)
        for task in tasks:
            observer.look(task)
    return observer.found


class TapTotals:
    """Sums of what the taps of the layers see, added sample by sample in the order of samples."""

    def __init__(self, graph: Graph) -> None:
        self._windows = {node.output.name: positions(node) for node in measured_layers(graph)}
        self._totals: dict[str, npt.NDArray[np.float64] | float] = dict.fromkeys(self._windows, 0.0)
        self._samples = 0

    def add(self, taps: Iterable[dict[str, npt.NDArray[np.float64]]]) -> None:
        for sample in taps:
            self._samples += 1
            for name, sums in sample.items():
                self._totals[name] = self._totals[name] + sums

    def means(self) -> dict[str, npt.NDArray[np.float64]]:
        return {
            name: np.asarray(total) / max(self._windows[name] * self._samples, 1)
            for name, total in self._totals.items()
        }


def measured_values(graph: Graph) -> list[Value]:
    """The float activations."""
    return [value for value in graph.values() if _is_measured(value)]


def measured_layers(graph: Graph) -> list[Node]:
    """The layers with weights that read one."""
    return [node for node in graph.nodes if node.op in WEIGHTED and _is_measured(source_of(node))]


def _is_measured(value: Value) -> bool:
    return not value.is_constant and value.dtype is DType.FLOAT32 and value.elements > 0


def _union(before: ChannelRange | None, now: ChannelRange) -> ChannelRange:
    return now if before is None else before.union(now)


def _extremes(channels: ChannelRange, array: npt.NDArray[Any], value: Value, sample: int) -> tuple[float, float]:
    low, high = float(channels.low.min()), float(channels.high.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = int(array.size - np.isfinite(array).sum())
        source = value.origin.name if value.origin else value.name
        raise UsageError.at(
            STAGE,
            f"tensor {source!r}, sample {sample}",
            f"the float model computes {bad} NaN or infinite values of {array.size}",
            "Check the weights and the preprocessing of this sample",
        )
    return low, high

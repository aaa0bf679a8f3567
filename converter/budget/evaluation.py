"""Runs the float graph and candidates on the evaluation's samples; what the answers are worth is the metric's to say.

The metric comes with the samples from outside (`liteinterp/evaluation.py` through the door), as the Executor does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..calibrate.manifest import DIGEST_BYTES, digest
from ..errors import UsageError
from ..ir.executor import Executor, Session
from ..ir.graph import Graph, Value
from ..ir.held import codes, reals
from ..ir.statistics import Manifest

Outputs = Mapping[str, npt.NDArray[Any]]
Sample = Mapping[str, npt.ArrayLike]

#: The float graph's answers are kept up to this many bytes, and computed anew for each candidate beyond.
MAX_KEPT_BYTES = 256 << 20

#: Stands for an infinite loss.
LARGEST = 1e9


class Judgement(Protocol):
    """How a candidate compares with the float model; figures in the metric's unit, larger is better."""

    @property
    def metric(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def ref(self) -> float: ...
    @property
    def test(self) -> float: ...
    @property
    def drop(self) -> float: ...
    @property
    def drop_high(self) -> float:
        """What the drop is not above, with the confidence that `sentence` names."""

    @property
    def allowed(self) -> float: ...
    @property
    def samples(self) -> int: ...
    @property
    def status(self) -> str:
        """ "met", "missed" or "undecided"."""

    @property
    def samples_needed(self) -> int | None: ...
    @property
    def sentence(self) -> str: ...


class Trial(Protocol):
    """One candidate's answers, sample by sample."""

    def add(self, reference: Outputs, test: Outputs) -> None: ...
    def figure(self) -> float:
        """What the candidate reaches on the metric."""

    def judge(self, rough: bool = False) -> Judgement:
        """The verdict; a `rough` one may leave the bound open where the drop itself is beyond the limit."""


@dataclass(frozen=True)
class Row:
    """A sample's number, and its inputs by the names of the float graph's values."""

    number: int
    inputs: Mapping[str, npt.NDArray[Any]]


class Evaluation(Protocol):
    """Samples, a metric and a limit."""

    def open(self, inputs: Any) -> Iterable[Sample]:
        """Samples for inputs with name, shape and dtype; they can be read again and again."""

    def trial(self) -> Trial: ...
    def loss_alone(self, number: int, reference: Outputs, test: Outputs) -> float:
        """What one sample loses by itself; 0 where the metric cannot say."""


class Evaluator:
    """Judges graphs beside a float graph on the samples of an evaluation."""

    def __init__(self, floats: Graph, rows: Iterable[Sample], evaluation: Evaluation, executor: Executor) -> None:
        self._floats, self._rows = floats, rows
        self._evaluation, self._executor = evaluation, executor
        self._kept: list[Outputs] = []
        self._kept_bytes = 0

    def refuse(self, calibrated: Manifest) -> None:
        """Raises UsageError where a sample is one of those that calibrated: what a model loses on them flatters it."""
        known = set(calibrated.digests)
        for number, row in enumerate(self._rows):
            if digest({name: np.asarray(array) for name, array in row.items()})[:DIGEST_BYTES] in known:
                raise UsageError.at(
                    "evaluate",
                    f"sample {number}",
                    f"is one of the {calibrated.samples} that calibrate: its loss says nothing about other data",
                    "Give samples that are held back",
                )

    def judge(self, graph: Graph, rough: bool = False) -> Judgement:
        return self._run(graph).judge(rough)

    def figure(self, graph: Graph) -> float:
        return self._run(graph).figure()

    def answers(self, graph: Graph) -> Iterator[tuple[Row, Outputs, Outputs]]:
        """Each sample with the float graph's answers and those of a graph."""
        names = self._floats.input_names or [value.name for value in self._floats.inputs]
        floats: Session | None = None
        with self._executor.open(graph) as session:
            for i, row in enumerate(self._rows):
                if i < len(self._kept):
                    wanted = self._kept[i]
                else:
                    floats = floats or self._executor.open(self._floats)
                    wanted = _answers(self._floats, names, floats, row)
                    self._keep(i, wanted)
                yield Row(i, self._by_value(row)), wanted, _answers(graph, names, session, row)

    def loss(self, number: int, wanted: Outputs, found: Outputs) -> float:
        """What the metric loses on one sample by itself; 0 where it cannot say."""
        lost = self._evaluation.loss_alone(number, wanted, found)
        return float(np.nan_to_num(lost, nan=0.0, posinf=LARGEST, neginf=-LARGEST))

    def _by_value(self, row: Sample) -> Mapping[str, npt.NDArray[Any]]:
        names = self._floats.input_names or [value.name for value in self._floats.inputs]
        inputs = zip(names, self._floats.inputs, strict=True)
        return {value.name: codes(value, np.asarray(row[name])) for name, value in inputs}

    def _run(self, graph: Graph) -> Trial:
        trial = self._evaluation.trial()
        for _, wanted, found in self.answers(graph):
            trial.add(wanted, found)
        return trial

    def _keep(self, i: int, outputs: Outputs) -> None:
        size = sum(array.nbytes for array in outputs.values())
        if i == len(self._kept) and self._kept_bytes + size <= MAX_KEPT_BYTES:
            self._kept.append(outputs)
            self._kept_bytes += size


def _answers(graph: Graph, names: list[str], session: Session, row: Sample) -> Outputs:
    """A graph's outputs for a sample by the source's names, in real numbers where they are quantized."""
    session.run(
        {value.name: codes(value, np.asarray(row[name])) for name, value in zip(names, graph.inputs, strict=True)}
    )
    found = {}
    for name, value in named_outputs(graph).items():
        array = session.read(value)
        found[name] = array if value.quantization is None else reals(value, array).astype(np.float32)
    return found


def named_outputs(graph: Graph) -> dict[str, Value]:
    """A graph's outputs by the source's names, in order."""
    names = graph.output_names
    return {names[i] if i < len(names) else value.name: value for i, value in enumerate(graph.outputs)}
